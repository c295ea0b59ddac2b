"""The settings of a site made by Hugo, and those of its languages.

They are in `hugo.toml`, or `config.toml`, or YAML or JSON, and in the files of `config/_default/` and
`config/production/`, which are named after the table that they hold. A language may have settings of its own.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import filterfalse
from pathlib import Path

from chatsse.knowledge.settings_file import SUFFIXES, Settings, table, words

_MAIN = ("hugo", "config")
_FILES = tuple(f"{name}{suffix}" for name in _MAIN for suffix in SUFFIXES)
_ENVIRONMENTS = ("_default", "production")
_TAXONOMIES = {"tag": "tags", "category": "categories"}


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the site.

    :param settings: the site's, and its own before them
    :param root: the folder of its files
    :param prefix: what its paths begin with, `de/`
    :param base: its own first page's address; empty: it has the site's
    """

    settings: Settings
    root: Path
    prefix: str
    base: str
    is_off: bool

    def pattern(self, kind: str, location: str) -> str:
        """Return the pattern that the path of a page follows; empty: where its file lies.

        :param location: its path among the files
        """
        by_key = {key.strip(" /"): pattern for key, pattern in patterns(self.settings, kind)}
        for key in sorted(by_key, key=len, reverse=True):
            if location == key or location.startswith(f"{key}/") or not (key or "/" in location):
                return by_key[key] if location else ""
        return ""

    def kind(self, folders: tuple[str, ...]) -> str:
        """Return the kind of the page that lists what is in the folders."""
        taxonomies = table(self.settings, "taxonomies") or _TAXONOMIES
        if not folders or folders[0].lower() not in taxonomies.values():
            return "section"
        return "term" if folders[1:] else "taxonomy"

    @property
    def dates(self) -> list[str]:
        """Where a page's date is looked for: names in its front matter, and `:filename`."""
        return words(table(self.settings, "frontmatter"), "date")

    def is_ugly(self, section: str) -> bool:
        """Tell whether a section's pages are files, `a.html`, and not folders."""
        said = self.settings.get("uglyurls")
        return said.get(section) is True if isinstance(said, dict) else said is True

    def written(self, path: str) -> str:
        """Return a path as Hugo cleans it."""
        if self.settings.get("removepathaccents") is True:
            plain = filterfalse(unicodedata.combining, unicodedata.normalize("NFD", path))
            path = unicodedata.normalize("NFC", "".join(plain))
        return _cleaned(path if self.settings.get("disablepathtolower") is True else path.lower())


def settings_files(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the files that the site's settings are in, and the tables that each is about, outermost first."""
    yield from [(folder / name, []) for name in _FILES if (folder / name).is_file()][:1]
    for environment in _ENVIRONMENTS:
        for path in sorted((folder / "config" / environment).glob("*.*")):
            name, _, language = path.stem.lower().partition(".")
            tables = ["languages", language] if language else []
            if path.suffix in SUFFIXES and path.is_file():
                yield path, tables if name in _MAIN else [*tables, name]


def patterns(settings: Settings, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and the patterns for the pages of a kind."""
    said = table(settings, "permalinks")
    if kind in ("page", "term"):
        yield from ((key, pattern) for key, pattern in said.items() if isinstance(pattern, str))
    yield from ((key, str(pattern)) for key, pattern in table(said, kind).items())


def _cleaned(path: str) -> str:
    """Return a path with hyphens for its spaces, and without what Hugo keeps out of addresses."""
    kept = "".join(char for char in path if char.isspace() or _is_kept(char))
    return re.sub(r"\s+", "-", re.sub(r"\s+(?=-)|(?<=-)\s+", "", kept.strip()))


def _is_kept(char: str) -> bool:
    return char.isalnum() or char in "./\\_#+~-@%" or unicodedata.category(char).startswith("M")
