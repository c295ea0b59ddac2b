"""Where Astro puts a site's pages (docs.astro.build, "Routing", "Content collections").

What lies in `src/pages/` has its path there. What lies in `src/content/`, or where else a collection is
loaded from, is shown by a route: a file like `src/pages/posts/[slug].astro` that asks for the collection by
its name. The settings are programs: what they say in plain words is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.generator import Generator, base_of, folder_path
from chatsse.knowledge.slugs import slug_of

_FILES = "astro.config.*"
_CONTENT_FILES = ("src/content.config.*", "src/content/config.*")
# Strings come first: in `**/*.md` is no comment.
_COMMENT = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|/\*.*?(?:\*/|\Z)|//[^\n]*""",
    re.DOTALL,
)
_PLAIN = r"(?P<quote>[\"'`])(?P<said>[^\"'`\n$]*)(?P=quote)"
_LOADED = re.compile(
    rf"(?<!\w)(?P<name>\w+)\s*[=:]\s*defineCollection\((?:(?!defineCollection).)*?\bbase\s*:\s*(?:{_PLAIN}|[^\s])",
    re.DOTALL,
)
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
        self._pages = folder / "src" / "pages"
        self._collections = self._loaded()
        self.roots = (folder / "src" / "content", self._pages, *self._collections)
        path = next(path for path in sorted(folder.glob(_FILES)) if path.is_file())
        self.settings_file = path.name
        self._settings = self._program(path)
        # Where it can't be read, the owner is asked.
        self.base = base_of(self._said("site") or "", self._setting("base"))
        self._is_file = self._setting("build.format") == "file"
        self._has_slash = self._setting("trailingSlash") != "never"
        if (source := self._setting("srcDir")).strip("./") not in ("", "src"):
            self._beware(self.settings_file, "srcDir", source)
        self._routes = self._followed()

    @staticmethod
    def begins_in(folder: Path) -> bool:
        """Tell whether a site of Astro's begins in the folder."""
        return any(path.is_file() for path in folder.glob(_FILES))

    def relative(self, path: Path) -> PurePath:
        """Return the path from the innermost root; of a collection's files, with its name before it."""
        name = next((name for base, name in self._collections.items() if path.is_relative_to(base)), "")
        return name / super().relative(path) if name else super().relative(path)

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
        return not path.is_relative_to(self._pages)

    def _setting(self, key: str) -> str:
        """Return what the settings say in plain words; empty where they don't, which is remarked on."""
        said = self._said(key)
        if said is None:
            self._beware(self.settings_file, key)
        return said or ""

    def _said(self, key: str) -> str | None:
        """Return what the settings say; empty: they don't, None: not in plain words."""
        name = r"\s*:\s*\{[^{}]*?\b".join(key.split("."))
        match = re.search(rf"(?<![\w.$-]){name}\s*:\s*(?:{_PLAIN}\s*(?=[,}}\n]|$)|[^\n])", self._settings)
        return match["said"] if match else ""

    def _loaded(self) -> dict[Path, str]:
        """Return the folders that collections are loaded from, with the collections' names."""
        loaded = {}
        paths = (path for pattern in _CONTENT_FILES for path in sorted(self.folder.glob(pattern)))
        for path in filter(Path.is_file, paths):
            program = self._program(path)
            for match in _LOADED.finditer(program):
                key = re.search(rf"(\w+)\s*:\s*{match['name']}\b", program)
                name = key[1] if key else match["name"]
                file, setting = path.relative_to(self.folder).as_posix(), f'base of "{name}"'
                base = self._inside(match["said"] or "", file, setting)
                if base and self._pages.is_relative_to(base):
                    self._beware(file, setting)
                elif base:
                    loaded[base] = name
        return loaded

    def _followed(self) -> dict[str, tuple[str, ...]]:
        """Return where each collection is shown that one route alone shows."""
        routes: dict[str, list[_Route]] = {}
        for name, route in self._each_route():
            routes.setdefault(name, []).append(route)
        # Starlight brings a route of its own.
        followed: dict[str, tuple[str, ...]] = {"docs": ()} if "@astrojs/starlight" in self._settings else {}
        for name, them in routes.items():
            if len(them) == 1 and them[0].is_simple:
                followed[name] = them[0].folder
            else:
                files = ", ".join(route.file for route in them)
                self._beware(f"src/pages/{files}", f'the collection "{name}"')
        return followed

    def _each_route(self) -> Iterator[tuple[str, _Route]]:
        """Yield the collections' names, each with a route that makes pages of its entries.

        What it asks for first is what it shows. Those that list a collection are left out: they are cut into
        pages, or have a tag's name for parameter.
        """
        for path in filter(Path.is_file, sorted(self._pages.rglob("*.astro"))):
            relative = path.relative_to(self._pages)
            parts = relative.with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "index" else parts
            are_open = [bool(_PARAMETER.search(part)) for part in parts]
            if not any(are_open) or _LIST_PARAMETER.fullmatch(parts[-1]):
                continue
            text = self._program(path)
            if "paginate(" not in text:
                is_simple = are_open.count(True) == 1 and bool(_PARAMETER.fullmatch(parts[-1]))
                if collection := _COLLECTION.search(text):
                    yield collection[1], _Route(relative.as_posix(), parts[:-1], is_simple)

    def _program(self, path: Path) -> str:
        """Return a program without its comments."""
        try:
            program = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            self._beware(path.relative_to(self.folder).as_posix(), "")
            return ""
        return _COMMENT.sub(lambda match: match["string"] or "", program)
