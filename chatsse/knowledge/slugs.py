"""The ids that site generators give to headings: GitHub's rules, which Hugo, Jekyll and Astro follow."""

import unicodedata


class Slugs:
    """The ids of one page."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def of(self, text: str) -> str:
        """Return the id of the next heading, which says `text`; one that was given before gets a number."""
        slug = first = slug_of(text)
        while slug in self._taken:
            self._taken[first] += 1
            slug = f"{first}-{self._taken[first]}"
        self._taken[slug] = 0
        return slug


def slug_of(text: str) -> str:
    """Return `text` in small letters, without its punctuation, with hyphens for spaces."""
    kept = (char for char in text.strip().lower() if char in " -" or _is_of_word(char))
    return "".join(kept).replace(" ", "-")


def _is_of_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char) in ("Mn", "Mc", "Me", "Pc")
