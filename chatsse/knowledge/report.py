"""What there is to say of a reading: page by page while it goes on, and at its end."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from chatsse.errors import ContentError
from chatsse.knowledge.page import Outcome, Read, Skipped

# Of the pages that were skipped for the same reason, so many are named.
NAMED = 10

_Reason: TypeAlias = tuple[str, list[str]]


@dataclass(slots=True)
class Report:
    """The outcomes of a reading so far.

    :ivar pages: in the new index
    :ivar passages: likewise
    :ivar entries: of those that were read or unchanged, where only a feed has the text, and why
    :ivar lost: what could not be read at all; its old pages stay
    :ivar remarks: what else the owner has to know, mostly of addresses that may be wrong
    """

    pages: int = 0
    passages: int = 0
    read: int = 0
    unchanged: int = 0
    entries: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    lost: list[ContentError] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Take in what became of a page."""
        if isinstance(outcome, Skipped):
            self.skipped.append(outcome)
            return
        if isinstance(outcome, Read):
            self.read += 1
        else:
            self.unchanged += 1
        if outcome.fault:
            self.entries.append((outcome.receipt.location, outcome.fault))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to answer from in it."""
        return not self.pages

    def lines(self) -> list[str]:
        """Return the table that an owner reads at the end."""
        lines = [_row("read", self.read), _row("unchanged", self.unchanged), *_table(self._from_feeds())]
        lines += [_row("skipped", len(self.skipped)), *_table(self._reasons())]
        return [*lines, *self._lost(), *self.remarks, self._result()]

    def log_lines(self) -> list[str]:
        """Return the lines that a log gets."""
        read = _counted(self.read, "page")
        lines = [f"{read} read, {self.unchanged:,} unchanged, {len(self.skipped):,} skipped"]
        lines += [f"{why}: {' '.join(_named(places))}" for why, places in self._from_feeds()]
        lines += [f"skipped: {why}: {' '.join(_named(places))}" for why, places in self._reasons()]
        return [*lines, *self._lost(), *self.remarks, self._result()]

    def _reasons(self) -> list[_Reason]:
        """Return why pages were skipped."""
        return _grouped(
            (each.location, each.why if each.is_gone else f"{each.why}; the old version stays")
            for each in self.skipped
        )

    def _from_feeds(self) -> list[_Reason]:
        """Return why pages are known from a feed only."""
        return _grouped((place, f"from the feed: {why}") for place, why in self.entries)

    def _lost(self) -> list[str]:
        return [f"could not be read: {error}" for error in self.lost]

    def _result(self) -> str:
        if self.is_empty:
            return "nothing to answer from: what was read before stays in use, if anything"
        return f"in the index: {_counted(self.passages, 'passage')} of {_counted(self.pages, 'page')}"


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'s' if number != 1 else ''}"


def _row(name: str, number: int) -> str:
    return f"{name:<10}{number:>7,}"


def _table(reasons: Iterable[_Reason]) -> Iterator[str]:
    for why, places in reasons:
        yield f"  {why} ({len(places):,})"
        yield from (f"    {place}" for place in _named(places))


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[_Reason]:
    """Return what befell pages, each with the pages; what befell most of them first.

    :param pairs: of a page and what befell it
    """
    places: dict[str, list[str]] = defaultdict(list)
    for place, why in pairs:
        places[why].append(place)
    return sorted(places.items(), key=lambda reason: -len(reason[1]))


def _named(places: list[str]) -> list[str]:
    more = len(places) - NAMED
    return [*places[:NAMED], f"… and {more:,} more"] if more > 0 else places
