"""Where Astro puts a site's pages (docs.astro.build, "Routing", "Content collections").

What lies in `src/pages/` has its path there. What lies in `src/content/` is shown by a route, a file like
`src/pages/posts/[slug].astro` that asks for the collection by its name. The settings are a program: what it
says in plain words is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.generator import Generator, base_of, folder_path
from chatsse.knowledge.slugs import slug_of

_FILES = "astro.config.*"
_TEXTS = ("src/content", "src/pages")
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w\"'`])//[^\n]*", re.DOTALL)
_PLAIN = r"(?P<quote>[\"'`])(?P<said>[^\"'`\n$]*)(?P=quote)"
_COLLECTION = re.compile(r"getCollection\s*(?:<[^>]*>)?\(\s*[\"'`]([\w-]+)[\"'`]")
_PARAMETER = re.compile(r"\[(?:\.\.\.)?\w+\]")
_LIST_PARAMETER = re.compile(r"\[(?:\.\.\.)?(?:page|tags?|categor(?:y|ies)|authors?|year|month|series)\]")


@dataclass(frozen=True, slots=True)
class _Route:
    """A file that makes pages of a collection's entries.

    :param folder: its path, up to what each entry's own is put behind
    """

    file: str
    folder: tuple[str, ...]
    is_simple: bool


class Astro(Generator):
    """A site made by Astro."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.roots = tuple(folder / texts for texts in _TEXTS)
        path = next(iter(sorted(folder.glob(_FILES))))
        self.settings_file = path.name
        self._program = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
        # Where it can't be read, the owner is asked.
        self.base = base_of(self._said("site") or "", self._setting("base"))
        self._is_file = self._setting("build.format") == "file"
        self._has_slash = self._setting("trailingSlash") != "never"
        if (source := self._setting("srcDir")).strip("./") not in ("", "src"):
            self._beware(self.settings_file, "srcDir", source)
        self._routes = self._followed(folder / "src" / "pages")

    @staticmethod
    def begins_in(folder: Path) -> bool:
        """Tell whether a site of Astro's begins in the folder."""
        return any(path.is_file() for path in folder.glob(_FILES))

    def folder_path(self, folder: Path) -> str:
        """Return where the pages of a folder are, from the site's first page on."""
        return quote(folder_path(self._shown(folder, self.relative(folder).parts)))

    def _path(self, path: Path, matter: FrontMatter) -> str | None:
        *folders, _ = self.relative(path).parts
        slug = matter.text("slug")
        if slug and folders and self._is_content(path):
            folders = [*self._shown(path, tuple(folders[:1])), slug.strip("/")]
        else:
            folders = list(self._shown(path, tuple(folders)))
            if path.stem != "index":
                folders.append(slug or (slug_of(path.stem) if self._is_content(path) else path.stem))
        if not folders:
            return ""
        said = quote("/".join(folders))
        return said + (("/", ".html") if self._has_slash else ("", ""))[self._is_file]

    def _shown(self, path: Path, folders: tuple[str, ...]) -> tuple[str, ...]:
        """Return the folders in which those of a file are shown."""
        if not folders or not self._is_content(path):
            return folders
        return (*self._routes.get(folders[0], (folders[0],)), *map(slug_of, folders[1:]))

    def _is_content(self, path: Path) -> bool:
        return path.is_relative_to(self.roots[0])

    def _setting(self, key: str) -> str:
        """Return what the settings say in plain words; empty where they don't, which is remarked on."""
        said = self._said(key)
        if said is None:
            self._beware(self.settings_file, key)
        return said or ""

    def _said(self, key: str) -> str | None:
        """Return what the settings say; empty: they don't, None: not in plain words."""
        name = r"\s*:\s*\{[^{}]*?\b".join(key.split("."))
        match = re.search(rf"(?<![\w.$-]){name}\s*:\s*(?:{_PLAIN}\s*(?=[,}}\n]|$)|[^\n])", self._program)
        return match["said"] if match else ""

    def _followed(self, pages: Path) -> dict[str, tuple[str, ...]]:
        """Return where each collection is shown that one route alone shows."""
        routes: dict[str, list[_Route]] = {}
        for name, route in _routes(pages):
            routes.setdefault(name, []).append(route)
        followed = {}
        for name, them in routes.items():
            if len(them) == 1 and them[0].is_simple:
                followed[name] = them[0].folder
            else:
                files = ", ".join(route.file for route in them)
                self._beware(f"src/pages/{files}", f'the collection "{name}"')
        return followed


def _routes(pages: Path) -> Iterator[tuple[str, _Route]]:
    """Yield the collections' names, each with a route that makes pages of its entries.

    What it asks for first is what it shows. Those that list a collection are left out: they are cut into
    pages, or have a tag's name for parameter.
    """
    for path in sorted(pages.rglob("*.astro")):
        relative = path.relative_to(pages)
        parts = relative.with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "index" else parts
        are_open = [bool(_PARAMETER.search(part)) for part in parts]
        if not any(are_open) or _LIST_PARAMETER.fullmatch(parts[-1]):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if "paginate(" not in text:
            is_simple = are_open.count(True) == 1 and bool(_PARAMETER.fullmatch(parts[-1]))
            if collection := _COLLECTION.search(text):
                yield collection[1], _Route(relative.as_posix(), parts[:-1], is_simple)
