"""What a Markdown file says about its page before its text begins: YAML, TOML or JSON.

The names are those of Hugo, Jekyll and Astro, written in any case, as Hugo takes them.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date

import yaml  # type: ignore[import-untyped]
from frontmatter.default_handlers import BaseHandler, YAMLHandler

from chatsse.errors import Unreadable
from chatsse.knowledge.characters import line
from chatsse.knowledge.facts import as_day

_DESCRIPTIONS = ("description", "summary", "excerpt", "subtitle")
_TAGS = ("tags", "tag", "categories", "category", "keywords")
_DATES = ("date", "pubdate", "publishdate", "publisheddate", "published_at", "publishedat", "published")
# Where the TOML library says that an error is.
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
# What messages repeat of a page; the parsers' own words are `<...>`, and signs.
_QUOTED = re.compile(r"""\s*\(?(?<!\w)(["'])(?!<)(?:(?!\1).)*\w.*?\1,?\)?""")
_LANGUAGES = ("lang", "language", "locale")


class _Toml(BaseHandler):
    """Hugo's `+++`; the library's own handler needs another one for TOML."""

    FM_BOUNDARY = re.compile(r"^\+{3}\s*$", re.MULTILINE)

    def load(self, fm: str, **_: object) -> dict[str, object]:
        return tomllib.loads(fm)


class FrontMatter:
    """What a page's front matter says.

    :param said: as it was parsed
    """

    def __init__(self, said: Mapping[str, object]) -> None:
        self._said = {str(name).lower(): value for name, value in said.items()}

    def over(self, defaults: Mapping[str, object]) -> "FrontMatter":
        """Return what it says, and of what it does not say the `defaults`."""
        return FrontMatter({**{name.lower(): value for name, value in defaults.items()}, **self._said})

    def text(self, *names: str) -> str:
        """Return the first of the values that says something, in one line."""
        values = (self._said.get(name) for name in names)
        return next((text for value in values if (text := _line(value))), "")

    def day(self, *names: str) -> date | None:
        """Return the first of the values that is a date."""
        return next((day for name in names if (day := as_day(self._said.get(name)))), None)

    def or_dated(self, day: date | None) -> "FrontMatter":
        """Return what it says, and that the page is of a day, where it says of none itself."""
        return self if self.date or day is None else FrontMatter({**self._said, "date": day})

    def is_said(self, name: str, value: bool) -> bool:
        """Tell whether the front matter says `value` for `name`, in YAML's or any other way."""
        return _line(self._said.get(name)).lower() == str(value).lower()

    def words(self, name: str) -> list[str]:
        """Return the value's parts, be it a list or a line of words."""
        value = self._said.get(name)
        parts = value if isinstance(value, list) else _line(value).split(",")
        return [text for part in parts if (text := _line(part))]

    @property
    def is_rendered(self) -> bool:
        """Whether Hugo makes a page of it, and not only takes it for others."""
        build = self._said.get("build", self._said.get("_build"))
        return not (isinstance(build, dict) and build.get("render") in (False, "never", "link"))

    @property
    def title(self) -> str:
        """The page's title; empty where it says none."""
        return self.text("title")

    @property
    def date(self) -> date | None:
        """The day it was published."""
        return self.day(*_DATES)

    @property
    def language(self) -> str:
        """The language's tag."""
        return self.text(*_LANGUAGES)

    @property
    def summary(self) -> str:
        """The page's description, and its tags in a line."""
        tags = dict.fromkeys(word for name in _TAGS for word in self.words(name))
        return "\n".join(filter(None, [self.text(*_DESCRIPTIONS), ", ".join(tags)]))


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """Return what `text` says of itself, and the rest.

    :raises Unreadable: what it begins with is not what it looks like; it says in which line
    """
    text = text.lstrip("\ufeff")
    if text.startswith("{"):
        return _json(text)
    # Only from the first line on, lest a rule further down is taken for the beginning.
    if not text.startswith(("+++", "---")):
        return FrontMatter({}), text
    handler = _Toml() if text.startswith("+++") else YAMLHandler()
    try:
        said, rest = handler.split(text)
    except ValueError:
        return FrontMatter({}), text
    try:
        values = handler.load(said)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        before = text[: text.index(said)].count("\n")
        raise Unreadable(f"front matter can't be read{_reason(error, said, before)}") from error
    return FrontMatter(values if isinstance(values, dict) else {}), rest.strip()


def _reason(error: Exception, said: str, before: int) -> str:
    """Return the line and the reason, as far as they are known; without the words that stand there.

    :param before: how many lines there are before those that were `said`
    """
    noticed, why = _noticed(error, said)
    # What is never closed is noticed where the text ends.
    last = said.rstrip().count("\n")
    place = "" if noticed is None else f", line {before + min(noticed, last) + 1}"
    why = line(_QUOTED.sub("", why))
    return f"{place}: {why[:1].lower()}{why[1:]}" if why else place


def _noticed(error: Exception, said: str) -> tuple[int | None, str]:
    """Return the line in which a parser noticed an error, counted from 0, and what it says of it."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return mark.line if mark else None, error.problem or ""
    if isinstance(error, yaml.reader.ReaderError):
        return said[: error.position].count("\n"), error.reason
    if isinstance(error, RecursionError):
        return None, "nested too deeply"
    place = _PLACE.search(str(error))
    if place is None:
        return None, str(error)
    return int(place[1]) - 1 if place[1] else said.count("\n"), str(error)[: place.start()]


def _json(text: str) -> tuple[FrontMatter, str]:
    try:
        said, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        # MDX may begin with an expression.
        return FrontMatter({}), text
    return FrontMatter(said), text[end:]


def _line(value: object) -> str:
    return line(str(value)) if isinstance(value, str | int | float | date) else ""
