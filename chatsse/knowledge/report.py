"""What there is to say of a reading: page by page while it goes on, and at its end."""

from collections import Counter
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

    def lines(self) -> list[str]:
        """Return the table that an owner reads at the end."""
        rows = [("read", self.read), ("unchanged", self.unchanged), ("skipped", len(self.skipped))]
        lines = [f"{name:<10}{number:>7,}" for name, number in rows]
        for why, number in self._reasons().most_common():
            lines.append(f"  {why} ({number:,})")
            places = [each.location for each in self.skipped if _reason(each) == why]
            lines += [f"    {place}" for place in places[:NAMED]]
            if number > NAMED:
                lines.append(f"    … and {number - NAMED:,} more")
        lines += [f"could not be read: {error}" for error in self.lost]
        lines.append(f"in the index: {self.passages:,} passages of {self.pages:,} pages")
        return lines

    def summary(self) -> str:
        """Return the line that a log gets."""
        reasons = ", ".join(f"{why} ({number:,})" for why, number in self._reasons().most_common())
        skipped = f"{len(self.skipped):,} skipped" + (f": {reasons}" if reasons else "")
        lost = "".join(f"; could not be read: {error}" for error in self.lost)
        return f"{self.read:,} pages read, {self.unchanged:,} unchanged, {skipped}{lost}"

    def _reasons(self) -> Counter[str]:
        return Counter(map(_reason, self.skipped))


def _reason(skipped: Skipped) -> str:
    return skipped.why if skipped.is_gone else f"{skipped.why}, the old version stays if there is one"
