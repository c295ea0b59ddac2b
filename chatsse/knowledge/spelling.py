"""The words that are close to one that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches


def close_to(word: str, known: Iterable[str]) -> list[str]:
    """Return the few of the known words that `word` may well be, closest first."""
    if len(word) < 4:
        return []
    near = [other for other in known if abs(len(other) - len(word)) <= 2]
    return get_close_matches(word, near, n=3, cutoff=0.75)
