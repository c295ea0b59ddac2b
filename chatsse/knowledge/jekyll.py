"""Where Jekyll puts a site's pages (jekyllrb.com, "Permalinks", "Collections", "Front Matter Defaults").

Its settings are in `_config.yml`. Posts are in folders `_posts`, a collection in one of its own, `_recipes`.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from urllib.parse import quote

from chatsse.errors import Unreadable
from chatsse.knowledge.facts import as_day
from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.generator import DATED, EXCLUDED, Generator, base_of, folder_path
from chatsse.knowledge.settings_file import Settings, read_settings, table, word, words

_FILES = ("_config.yml", "_config.yaml", "_config.toml")
# By these names Jekyll knows its usual permalinks.
_STYLES = {
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "weekdate": "/:categories/:year/W:week/:short_day/:title:output_ext",
    "none": "/:categories/:title:output_ext",
}
_DAY_TOKENS = {
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "short_year": "%y",
    "short_month": "%b",
    "long_month": "%B",
    "short_day": "%a",
    "long_day": "%A",
    "y_day": "%j",
    "w_year": "%G",
    "week": "%V",
    "w_day": "%u",
}
_TOKENS = (
    *_DAY_TOKENS,
    *("i_month", "i_day", "categories", "slugified_categories", "title", "slug", "name", "path"),
    *("basename", "collection", "output_ext"),
)
_TOKEN = re.compile(":([a-z_]+)")
# Plugins that put pages elsewhere.
_MOVING = ("jekyll-polyglot", "jekyll-multiple-languages-plugin")
_UNPUBLISHED, _UNDATED = "in a collection that is not published", "a post without a date in its name"


class Jekyll(Generator):
    """A site made by Jekyll."""

    is_dated = True
    needs_matter = True
    own_names = ("permalink",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._file = next(name for name in _FILES if (folder / name).is_file())
        self._settings = self._read()
        self.roots = (self._inside(word(self._settings, "source"), self._file, "source") or folder,)
        self.settings_file = self._file
        self.base = base_of(word(self._settings, "url"), word(self._settings, "baseurl"))
        self._collections = _collections(self._settings)
        self._above = PurePath(word(self._settings, "collections_dir"))
        self._style = word(self._settings, "permalink") or "date"
        self._see_what_can_not_be_followed()

    @staticmethod
    def begins_in(folder: Path) -> bool:
        """Tell whether a site of Jekyll's begins in the folder."""
        return any((folder / name).is_file() for name in _FILES)

    def is_of_pages(self, name: str) -> bool:
        """Tell whether a folder of this name holds posts, or a collection."""
        return name.removeprefix("_") in ("posts", *self._collections)

    def why_not(self, path: Path) -> str:
        """Return why the file becomes no page: the settings say so, or its name does."""
        relative = self.relative(path)
        if any(_is_meant(relative, pattern) for pattern in words(self._settings, "exclude")):
            return EXCLUDED
        kind = self._kind(relative)
        if kind == "posts":
            return "" if DATED.fullmatch(relative.stem) else _UNDATED
        is_published = kind == "pages" or self._collections[kind].get("output") is True
        return "" if is_published else _UNPUBLISHED

    def folder_path(self, folder: Path) -> str:
        """Return where the pages of a folder are, from the site's first page on."""
        parts = self._below(self.relative(folder)).parts
        return quote(folder_path(part.removeprefix("_") for part in parts if part != "_posts"))

    def name_of(self, path: Path) -> str:
        """Return what the file's name calls its page."""
        name = super().name_of(path).removeprefix("_")
        return "" if self.relative(path).stem == "index" and name in ("posts", *self._collections) else name

    def completed(self, path: Path, matter: FrontMatter) -> FrontMatter:
        """Return what the front matter of a file says, and what the defaults say for it."""
        return matter.over(self._defaults(self.relative(path)))

    def _own(self, own: str, path: Path, matter: FrontMatter) -> str | None:
        return self._filled(own, self.relative(path), matter, safe="/%")

    def _path(self, path: Path, matter: FrontMatter) -> str | None:
        relative = self.relative(path)
        kind = self._kind(relative)
        if kind == "posts":
            return self._filled(self._pattern("posts") or self._style, relative, matter)
        if kind != "pages":
            pattern = self._pattern(kind) or f"/:collection/:path{self._ending()}"
            return self._filled(pattern, relative, matter)
        above = folder_path(relative.parts[:-1])
        return quote(above if relative.stem == "index" else f"{above}{relative.stem}") + (
            "" if relative.stem == "index" else self._ending().replace(":output_ext", ".html")
        )

    def _pattern(self, kind: str) -> str:
        return word(self._collections.get(kind, {}), "permalink")

    def _ending(self) -> str:
        """Return how the paths of pages end, as the posts' pattern does."""
        pattern = _STYLES.get(self._style, self._style)
        return next((ending for ending in ("/", ":output_ext") if pattern.endswith(ending)), "")

    # -- What a page's path is made of.

    def _filled(self, pattern: str, relative: PurePath, matter: FrontMatter, safe: str = "/") -> str | None:
        """Return the pattern with a page's values; None: it lacks one, or nobody knows what is meant."""
        pattern = _STYLES.get(pattern, pattern)
        values = self._values(relative, matter)
        # Unlike Hugo's, a token ends where its name does, whatever letters follow.
        longest_first = "|".join(sorted(values, key=len, reverse=True))
        path = re.sub(f":({longest_first})", lambda token: values[token[1]], pattern)
        if _TOKEN.search(re.sub(f":({longest_first})", "", pattern)):
            return None
        return quote(re.sub(r"/{2,}", "/", path).lstrip("/"), safe=safe)

    def _values(self, relative: PurePath, matter: FrontMatter) -> dict[str, str]:
        """Return what there is to put for each token."""
        kind, below = self._kind(relative), self._below(relative)
        dated = DATED.fullmatch(relative.stem) if kind == "posts" else None
        name = dated[2] if dated else relative.stem
        title, categories = matter.text("slug") or name, self._categories(below, matter)
        folders = below.parts[1:-1] if kind != "pages" else below.parts[:-1]
        values = {
            "categories": "/".join(dict.fromkeys(category.lower() for category in categories)),
            "slugified_categories": "/".join(dict.fromkeys(_slug(category) for category in categories)),
            "title": _pretty(title),
            "slug": _slug(title),
            "name": _slug(name),
            "basename": name,
            "path": "/".join((*folders, name)) if kind != "pages" else "/".join(folders),
            "collection": kind,
            "output_ext": ".html",
        }
        day = matter.date or (_day(dated[1]) if dated else None)
        return values | (_day_values(day) if day else {})

    def _categories(self, below: PurePath, matter: FrontMatter) -> list[str]:
        above = below.parts[: below.parts.index("_posts")] if "_posts" in below.parts else ()
        # A line of several is cut at its spaces, a single one is not.
        several = " ".join(matter.words("categories")).split() if matter.text("categories") else None
        return [*above, *(several or matter.words("categories")), *matter.words("category")]

    # -- What a file's place says.

    def _below(self, relative: PurePath) -> PurePath:
        """Return the path of a file or folder without the folder that all collections are in."""
        return relative.relative_to(self._above) if relative.is_relative_to(self._above) else relative

    def _kind(self, relative: PurePath) -> str:
        """Return `posts`, a collection's name, or `pages`."""
        folders = self._below(relative).parts[:-1]
        if "_posts" in folders:
            return "posts"
        name = folders[0].removeprefix("_") if folders and folders[0].startswith("_") else ""
        return name if name in self._collections else "pages"

    # -- Settings.

    def _read(self) -> Settings:
        try:
            return read_settings(self.folder / self._file)
        except Unreadable:
            self._beware(self._file, "")
            return {}

    def _defaults(self, relative: PurePath) -> Settings:
        """Return the front matter that the settings give to a file's page; the closest scope says most."""
        kind = self._kind(relative)
        said: dict[str, object] = {}
        for _, _, values in sorted(self._scopes(relative, kind), key=lambda scope: scope[:2]):
            said |= values
        return said

    def _scopes(self, relative: PurePath, kind: str) -> Iterator[tuple[int, bool, Settings]]:
        defaults = self._settings.get("defaults")
        for each in defaults if isinstance(defaults, list) else ():
            if isinstance(each, dict):
                scope = table(each, "scope")
                path, of = word(scope, "path").strip("/"), word(scope, "type")
                if of in ("", kind, kind.removesuffix("s")) and (not path or _is_meant(relative, path)):
                    yield len(path), bool(of), table(each, "values")

    def _see_what_can_not_be_followed(self) -> None:
        patterns = {f"collections.{name}.permalink": self._pattern(name) for name in self._collections}
        for key, pattern in ({"permalink": self._style} | patterns).items():
            tokens = (token for token in _TOKEN.finditer(pattern) if not token[1].startswith(_TOKENS))
            if unknown := " ".join(token[0] for token in tokens):
                self._beware(self._file, key, unknown)
        if "source_dir" in self._settings:
            self._beware(self._file, "source_dir", "Hexo's")
        for plugin in (*words(self._settings, "plugins"), *words(self._settings, "gems")):
            if plugin in _MOVING:
                self._beware(self._file, "plugins", plugin)


def _collections(settings: Settings) -> dict[str, Settings]:
    """Return the collections by their names, each with its settings."""
    if isinstance(settings.get("collections"), dict):
        said = table(settings, "collections")
        return {name: table(said, name) for name in said}
    return {name: {} for name in words(settings, "collections")}


def _is_meant(relative: PurePath, pattern: str) -> bool:
    """Tell whether a path in the settings is that of the file, or of a folder above it."""
    pattern = pattern.strip("/")
    return any(fnmatchcase(path.as_posix(), pattern) for path in (relative, *relative.parents))


def _day(text: str) -> date | None:
    with suppress(ValueError):
        return date(*map(int, text.split("-")))
    return as_day(text)


def _day_values(day: date) -> dict[str, str]:
    values = {token: day.strftime(form) for token, form in _DAY_TOKENS.items()}
    values |= {token: values[token].upper() for token in ("short_month", "short_day")}
    return values | {"i_month": str(day.month), "i_day": str(day.day)}


def _slug(text: str) -> str:
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")


def _pretty(text: str) -> str:
    return re.sub(r"[^\w.~!$&'()+,;=@]+", "-", text).strip("-")
