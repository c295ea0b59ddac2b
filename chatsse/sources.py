"""The sources that an answer cites, numbered from 1 in the order of their first citation. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from chatsse.providers import Citation


class Sources:
    """The sources of one answer so far.

    :param known: those that an earlier attempt has told, which keep their numbers
    """

    def __init__(self, known: Iterable[Mapping[str, Any]] = ()) -> None:
        self._titles = {source["url"]: source["title"] for source in known}

    def add(self, citation: Citation) -> bool:
        """Take in what is cited, and return whether it is new."""
        is_new = citation.source not in self._titles
        self._titles.setdefault(citation.source, citation.title)
        return is_new

    def number(self, citation: Citation) -> int:
        """Return the number of the source that is cited."""
        return list(self._titles).index(citation.source) + 1

    def listed(self) -> list[dict[str, Any]]:
        """Return the sources as readers get them."""
        return [
            {"n": n, "title": title, "url": url} for n, (url, title) in enumerate(self._titles.items(), 1)
        ]
