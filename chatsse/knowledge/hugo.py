"""Where Hugo puts a site's pages (gohugo.io, "URL management").

The files of a language have a folder of their own (`contentDir`), or names (`post.de.md`). A folder with an
`index.md` is one page, a bundle, whatever else lies in it; one with an `_index.md` is a section.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from urllib.parse import quote

from chatsse.errors import Unreadable
from chatsse.knowledge.facts import as_day
from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.generator import DATED, EXCLUDED, Generator, base_of, folder_path, undated
from chatsse.knowledge.hugo_settings import Language, patterns, settings_files
from chatsse.knowledge.settings_file import (
    Settings,
    in_small_letters,
    merged,
    read_settings,
    table,
    word,
    words,
)

_KINDS = ("page", "section", "taxonomy", "term")
_TOKEN = re.compile(r":(\w+)(\[[^\]]+\])?")
_DAY_TOKENS = ("year", "month", "monthname", "day", "weekday", "weekdayname", "yearday")
_SLUG_TOKENS = ("slug", "slugorfilename", "slugorcontentbasename")
_TOKENS = frozenset(
    (*_DAY_TOKENS, *_SLUG_TOKENS, "title", "filename", "contentbasename", "section", "sections")
)
_BUNDLED, _SWITCHED_OFF = "belongs to a page's bundle", "in a language that is switched off"


@dataclass(frozen=True, slots=True)
class _File:
    """A file of text, and what its place says of its page.

    :param folders: those that it lies in; a bundle's own is not among them
    :param name: its page's: without the language, a bundle's folder's, a section's
    """

    language: Language
    kind: str
    folders: tuple[str, ...]
    name: str

    @property
    def undated(self) -> str:
        """Its name, without the date where that is taken from there."""
        return undated(self.name) if ":filename" in self.language.dates else self.name

    @property
    def section(self) -> str:
        """The outermost one that it belongs to, or is; empty at the top."""
        return next(iter(self.folders), self.name if self.kind != "page" else "").lower()

    @property
    def location(self) -> str:
        """Its path, as the patterns' keys have it."""
        return "/".join(filter(None, (*self.folders, self.name))).lower()


class Hugo(Generator):
    """A site made by Hugo."""

    is_dated = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._files: dict[str, str] = {}
        settings = self._settings()
        self._default = (word(settings, "defaultcontentlanguage") or "en").lower()
        self._languages = {key: self._language(settings, key) for key in self._keys(settings)}
        self.roots = tuple(dict.fromkeys(language.root for language in self._languages.values()))
        self.base = base_of(word(settings, "baseurl"))
        self.settings_file = self._files.get("baseurl", "")
        self._ignored = list(self._ignoring(settings))
        self._see_what_can_not_be_followed(settings)
        self._is_bundle, self._is_section = cache(_is_bundle), cache(_is_section)

    @staticmethod
    def begins_in(folder: Path) -> bool:
        """Tell whether a site of Hugo's begins in the folder."""
        return any(settings_files(folder))

    def why_not(self, path: Path) -> str:
        """Return why the file becomes no page: it is part of another one, or the settings say so."""
        if any(pattern.search(path.as_posix()) for pattern in self._ignored):
            return EXCLUDED
        root = self._root_of(path)
        above = [folder for folder in path.parents if folder.is_relative_to(root) and folder != root]
        is_index = self._parted(path)[1] == "index"
        if any(self._is_bundle(folder) for folder in above[1 if is_index else 0 :]):
            return _BUNDLED
        return _SWITCHED_OFF if self._file(path).language.is_off else ""

    def path_of(self, path: Path, matter: FrontMatter) -> str | None:
        """Return the address of the file's page, from that of the site's first page on."""
        language = self._file(path).language
        said = super().path_of(path, matter)
        return f"{language.base}/{said}" if said is not None and language.base else said

    def folder_path(self, folder: Path) -> str:
        """Return where the pages of a folder are, likewise; of all languages, if it is theirs, at the top."""
        language, folders = self._languages[self._parted(folder)[0]], self.relative(folder).parts
        if not folders and language.root == self._languages[self._default].root:
            return ""
        return quote(language.prefix + language.written(folder_path(folders)))

    def name_of(self, path: Path) -> str:
        """Return what the file's name, or its bundle's, calls its page."""
        return undated(self._file(path).name)

    def _path(self, path: Path, matter: FrontMatter) -> str | None:
        file = self._file(path)
        language = file.language
        pattern = language.pattern(file.kind, file.location)
        last = (matter.text("slug") or file.undated) if file.kind == "page" else file.name
        said = self._filled(pattern, path, file, matter) if pattern else "/".join((*file.folders, last))
        if said is None:
            return None
        said = re.sub("/{2,}", "/", language.written(said)).strip("/")
        is_ugly = said and language.is_ugly(file.section)
        return quote(f"{language.prefix}{said}" + (".html" if is_ugly else "/" if said else ""))

    def _own(self, own: str, path: Path, matter: FrontMatter) -> str | None:
        file = self._file(path)
        said = self._filled(own, path, file, matter)
        if said is None:
            return None
        is_folder = "." not in said and not said.endswith("/")
        prefix = "" if own.startswith("/") else file.language.prefix
        return quote(f"{prefix}{said.lstrip('/')}{'/' if is_folder else ''}", safe="/%")

    # -- What a page's path is made of.

    def _filled(self, pattern: str, path: Path, file: _File, matter: FrontMatter) -> str | None:
        """Return the pattern with a page's values; None: it lacks one, or nobody knows what is meant."""
        values = self._values(path, file, matter)
        if any(token[1] not in values for token in _TOKEN.finditer(pattern)):
            return None
        return _TOKEN.sub(lambda token: _value(values[token[1]], token[2]), pattern)

    def _values(self, path: Path, file: _File, matter: FrontMatter) -> dict[str, list[str]]:
        """Return what there is to put for each token."""
        language, slug, name = file.language, matter.text("slug"), file.undated
        sections = [part.lower() for part in self._sections(path, file)]
        values = {"title": matter.title or name, "filename": file.name, "contentbasename": file.name}
        values |= {"slug": slug or (name if name != file.name else values["title"])}
        values |= {f"slugor{other}": slug or values[other] for other in ("filename", "contentbasename")}
        day = self._day(file, matter)
        written = {token: [language.written(value)] for token, value in values.items()}
        return written | {"section": sections[:1], "sections": sections} | (_day_values(day) if day else {})

    def _sections(self, path: Path, file: _File) -> Iterator[str]:
        """Yield the folders above a page that are sections: the outermost, and those with an `_index.md`."""
        folder = self._root_of(path)
        named = (*file.folders, file.name) if file.kind != "page" else file.folders
        for depth, part in enumerate(named):
            folder /= part
            if depth == 0 or self._is_section(folder):
                yield part

    def _day(self, file: _File, matter: FrontMatter) -> date | None:
        own = [name.lower() for name in file.language.dates if not name.startswith(":")]
        dated = DATED.fullmatch(file.name) if ":filename" in file.language.dates else None
        return matter.day(*own) or (as_day(dated[1]) if dated else None) or matter.date

    # -- What a file's place says.

    def _file(self, path: Path) -> _File:
        key, name = self._parted(path)
        folders = self.relative(path).parts[:-1]
        language = self._languages[key]
        if name not in ("index", "_index"):
            return _File(language, "page", folders, name)
        above, last = (folders[:-1], folders[-1]) if folders else ((), "")
        kind = "page" if name == "index" and folders else language.kind(folders)
        return _File(language, kind, above, last)

    def _parted(self, path: Path) -> tuple[str, str]:
        """Return the key of a file's language, and its name without it."""
        name, dot, key = path.stem.rpartition(".")
        if dot and key.lower() in self._languages:
            return key.lower(), name
        root = self._root_of(path)
        keys = [key for key, language in self._languages.items() if language.root == root]
        return (self._default if self._default in keys or not keys else keys[0]), path.stem

    def _root_of(self, path: Path) -> Path:
        relative = self.relative(path)
        return path if not relative.parts else path.parents[len(relative.parts) - 1]

    # -- Settings.

    def _settings(self) -> Settings:
        settings: Settings = {}
        for path, tables in settings_files(self.folder):
            name = path.relative_to(self.folder).as_posix()
            try:
                said = in_small_letters(read_settings(path))
            except Unreadable:
                self._beware(name, "")
                continue
            for each in reversed(tables):
                said = {each: said}
            self._files |= dict.fromkeys(said, name)
            settings = merged(settings, said)
        return settings

    def _keys(self, settings: Settings) -> list[str]:
        return list(dict.fromkeys([self._default, *table(settings, "languages")]))

    def _language(self, settings: Settings, key: str) -> Language:
        own = table(table(settings, "languages"), key)
        both = merged(settings, own)
        base = base_of(word(own, "baseurl"))
        is_below = key != self._default or settings.get("defaultcontentlanguageinsubdir") is True
        return Language(
            settings=both,
            root=self._root(word(both, "contentdir") or "content"),
            prefix=f"{key}/" if is_below and not base else "",
            base=base if base.startswith("http") else "",
            is_off=own.get("disabled") is True or key in map(str.lower, words(settings, "disablelanguages")),
        )

    def _root(self, said: str) -> Path:
        file = self._files.get("contentdir") or self._files.get("languages", "")
        return self._inside(said, file, "contentDir") or self.folder / "content"

    def _ignoring(self, settings: Settings) -> Iterator[re.Pattern[str]]:
        for pattern in words(settings, "ignorefiles"):
            try:
                yield re.compile(pattern)
            except re.error:
                self._beware(self._files["ignorefiles"], "ignoreFiles", pattern)

    def _see_what_can_not_be_followed(self, settings: Settings) -> None:
        for language in self._languages.values():
            self._see_the_patterns(language.settings)
        for mount in _tables(table(settings, "module"), "mounts"):
            source = word(mount, "source")
            if word(mount, "target").startswith("content") and self.folder / source not in self.roots:
                self._beware(self._files["module"], "module.mounts", source)

    def _see_the_patterns(self, settings: Settings) -> None:
        file = self._files.get("permalinks") or self._files.get("languages", "")
        if not isinstance(settings.get("permalinks", {}), dict):
            self._beware(file, "permalinks", "a list")
        for kind in _KINDS:
            for key, pattern in patterns(settings, kind):
                unknown = [token[0] for token in _TOKEN.finditer(pattern) if token[1] not in _TOKENS]
                if unknown:
                    self._beware(file, f"permalinks.{key}", " ".join(unknown))


def _tables(settings: Settings, name: str) -> list[Settings]:
    value = settings.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is_bundle(folder: Path) -> bool:
    return any(path.suffix in (".md", ".markdown", ".html") for path in folder.glob("index.*"))


def _is_section(folder: Path) -> bool:
    return any(folder.glob("_index.*"))


def _day_values(day: date) -> dict[str, list[str]]:
    formats = {"year": "%Y", "month": "%m", "monthname": "%B", "day": "%d", "weekdayname": "%A"}
    values = {token: [day.strftime(form)] for token, form in formats.items()}
    return values | {"weekday": [str(day.isoweekday() % 7)], "yearday": [str(day.timetuple().tm_yday)]}


def _value(parts: list[str], cut: str | None) -> str:
    """Return a token's parts as a path; of `[1]`, `[last]`, `[1:]`, `[:last]`, some of them."""
    if not cut:
        return "/".join(parts)
    first, colon, end = cut.strip("[]").partition(":")
    begins = _place(parts, first)
    return "/".join(parts[begins : _place(parts, end) if end else None] if colon else parts[begins:][:1])


def _place(parts: list[str], text: str) -> int:
    return len(parts) - 1 if text == "last" else int(text) if text.isdecimal() else 0
