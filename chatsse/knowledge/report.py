"""What there is to say of a reading: page by page while it goes on, and at its end."""

from collections import defaultdict
from dataclasses import dataclass, field

from chatsse.errors import ContentError
from chatsse.knowledge.page import Outcome, Read, Skipped

# Of the pages that were skipped for the same reason, so many are named.
NAMED = 10


@dataclass(slots=True)
class Report:
    """The outcomes of a reading so far.

    :ivar pages: in the new index
    :ivar passages: likewise
    :ivar lost: what could not be read at all; its old pages stay
    """

    pages: int = 0
    passages: int = 0
    read: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    lost: list[ContentError] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Take in what became of a page."""
        if isinstance(outcome, Skipped):
            self.skipped.append(outcome)
        elif isinstance(outcome, Read):
            self.read += 1
        else:
            self.unchanged += 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to answer from in it."""
        return not self.pages

    def lines(self) -> list[str]:
        """Return the table that an owner reads at the end."""
        rows = [("read", self.read), ("unchanged", self.unchanged), ("skipped", len(self.skipped))]
        lines = [f"{name:<10}{number:>7,}" for name, number in rows]
        for why, places in self._reasons():
            lines.append(f"  {why} ({len(places):,})")
            lines += [f"    {place}" for place in _named(places)]
        return [*lines, *self._lost(), self._result()]

    def log_lines(self) -> list[str]:
        """Return the lines that a log gets."""
        pages = "page" if self.read == 1 else "pages"
        lines = [f"{self.read:,} {pages} read, {self.unchanged:,} unchanged, {len(self.skipped):,} skipped"]
        lines += [f"skipped: {why}: {' '.join(_named(places))}" for why, places in self._reasons()]
        return [*lines, *self._lost(), self._result()]

    def _reasons(self) -> list[tuple[str, list[str]]]:
        """Return why pages were skipped, each with the pages; what befell most of them first."""
        places: dict[str, list[str]] = defaultdict(list)
        for skipped in self.skipped:
            places[skipped.why if skipped.is_gone else f"{skipped.why}; the old version stays"].append(
                skipped.location
            )
        return sorted(places.items(), key=lambda reason: -len(reason[1]))

    def _lost(self) -> list[str]:
        return [f"could not be read: {error}" for error in self.lost]

    def _result(self) -> str:
        if self.is_empty:
            return "nothing to answer from: what was read before stays in use, if anything"
        return f"in the index: {self.passages:,} passages of {self.pages:,} pages"


def _named(places: list[str]) -> list[str]:
    more = len(places) - NAMED
    return [*places[:NAMED], f"… and {more:,} more"] if more > 0 else places
