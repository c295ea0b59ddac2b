"""The words that are close to one that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches


def close_to(word: str, known: Iterable[str]) -> list[str]:
    """Return the few of the known words that `word` may well be, closest first."""
    # A letter in five may be wrong. Of the shorter words too many are close.
    return get_close_matches(word, list(known), n=3, cutoff=0.8) if len(word) > 3 else []
