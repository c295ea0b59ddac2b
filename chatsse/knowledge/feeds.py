"""Feeds: what RSS, Atom and RDF list, and what they hold of it, in whatever state they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from email.utils import parsedate
from html import escape, unescape
from io import BytesIO
from typing import Any

import feedparser

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import each_normal
from chatsse.knowledge.characters import visible
from chatsse.knowledge.charset import decode_xml
from chatsse.knowledge.facts import as_day, primary_language

MOST_BYTES = 10 * 1024 * 1024
# feedparser has no errors of its own, nor have dates: what is broken runs into Python's.
_BEYOND_REPAIR = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
ROOTS = frozenset({"rss", "feed", "rdf"})
_HTML = ("text/html", "application/xhtml+xml")
_TEXTS = (*_HTML, "text/plain")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a feed holds of a page; title and texts are HTML, by strangers like any.

    :param text: the longest there is: of the whole page, or an excerpt
    :param about: a shorter one that stands beside it; empty where there is none
    :param language: the primary subtag; empty where neither the entry nor the feed says
    """

    title: str
    text: str
    about: str
    tags: tuple[str, ...]
    language: str
    date: date | None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed.

    :param home: the address of what it is the feed of; its own where it does not say
    :param pages: the addresses of its items, the newest only by a feed's nature
    :param entries: by those addresses, of the items that have any text
    """

    home: str
    pages: tuple[str, ...]
    entries: Mapping[str, Entry] = field(default_factory=dict)


def read_feed(body: bytes, url: str, charset: str | None = None) -> Feed:
    """Return what a feed says.

    :param url: where it was, for addresses that are not whole
    :param charset: the one that HTTP names
    :raises Unreadable: it is too large, or broken beyond repair
    """
    if len(body) > MOST_BYTES:
        raise Unreadable(f"a feed larger than {MOST_BYTES // 1024 // 1024} MB")
    try:
        parsed = feedparser.parse(
            BytesIO(decode_xml(body, charset).encode()),
            response_headers={"content-location": url, "content-type": "application/xml; charset=utf-8"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except _BEYOND_REPAIR as error:
        raise Unreadable("a broken feed") from error
    home = next(each_normal([parsed.feed.get("link", "")], url), url)
    listed = [(page, item) for item in parsed.entries for page in each_normal(_links(item), url)]
    entries: dict[str, Entry] = {}
    for page, item in listed:
        if entry := _entry(item, parsed.feed.get("language") or ""):
            entries.setdefault(page, entry)
    return Feed(home, tuple(page for page, _ in listed), entries)


def _links(item: Any) -> list[str]:
    # FeedBurner puts addresses of its own in the place of those of the items.
    return [link for link in [item.get("feedburner_origlink") or item.get("link")] if link]


def _entry(item: Any, language: str) -> Entry | None:
    """Return what the feed holds of a page; None: nothing.

    :param language: the feed's
    """
    said = [*item.get("content", ()), item.get("summary_detail") or {}]
    said = [part for part in said if part.get("type") in _TEXTS and part.get("value", "").strip()]
    if not said:
        return None
    # RSS has the whole text or an excerpt in the same place, and feedparser an only text in two.
    whole = max(said, key=lambda part: len(part["value"]))
    beside = (part for part in said if part["value"] != whole["value"])
    return Entry(
        title=_html(item.get("title_detail") or {}),
        text=_html(whole),
        about=_html(next(beside, {})),
        tags=tuple(filter(None, (tag.get("label") or tag.get("term") for tag in item.get("tags", ())))),
        language=primary_language(whole.get("language") or item.get("language") or language),
        date=_day(item.get("published") or item.get("updated") or ""),
    )


def _html(part: Any) -> str:
    """Return a text that a feed holds as HTML."""
    value = visible(part.get("value", ""))
    # Titles of RSS are plain by its letter, and many have entities all the same.
    return value if part.get("type") in _HTML else escape(unescape(value))


def _day(said: str) -> date | None:
    """Return the day that a date of RSS or of Atom names, as its author's calendar has it."""
    try:
        written = parsedate(said)
        return date(*written[:3]) if written else as_day(said)
    except _BEYOND_REPAIR:
        return None
