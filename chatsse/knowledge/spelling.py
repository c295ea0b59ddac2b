"""The words that may do for one that nobody knows. Pure."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

# The languages that write compounds in one word.
COMPOUNDING = frozenset({"da", "de", "fi", "hu", "nb", "nl", "nn", "no", "sv"})
LEAST_PART = 4


def close_to(word: str, known: Iterable[str]) -> list[str]:
    """Return the few of the known words that `word` may well be, closest first."""
    # A letter in five may be wrong. Of the shorter words too many are close.
    return get_close_matches(word, list(known), n=3, cutoff=0.8) if len(word) > 3 else []


def ends_of(word: str) -> Iterator[str]:
    """Yield what may be the last part of a compound, the longest first: `Schlauch` of `Fahrradschlauch`."""
    yield from (word[start:] for start in range(LEAST_PART, len(word) - LEAST_PART + 1))
