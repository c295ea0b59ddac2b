"""Feeds: what RSS, Atom and RDF list, in whatever state they are."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from io import BytesIO

import feedparser

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import each_normal

MOST_BYTES = 10 * 1024 * 1024
UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)
# feedparser has no errors of its own: some broken feeds run it into Python's.
_BEYOND_REPAIR = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
ROOTS = frozenset({"rss", "feed", "rdf"})


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed.

    :param home: the address of what it is the feed of; its own where it does not say
    :param pages: the addresses of its items, the newest only by a feed's nature
    """

    home: str
    pages: tuple[str, ...]


def read_feed(body: bytes, url: str) -> Feed:
    """Return what a feed says.

    :param url: where it was, for addresses that are not whole
    :raises Unreadable: it is too large, or broken beyond repair
    """
    if len(body) > MOST_BYTES:
        raise Unreadable(f"a feed larger than {MOST_BYTES // 1024 // 1024} MB")
    try:
        parsed = feedparser.parse(
            BytesIO(_recoded(body)),
            response_headers={"content-location": url, "content-type": "application/xml; charset=utf-8"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except _BEYOND_REPAIR as error:
        raise Unreadable("a broken feed") from error
    # FeedBurner puts addresses of its own in the place of those of the items.
    links = (item.get("feedburner_origlink") or item.get("link") for item in parsed.entries)
    home = next(each_normal([parsed.feed.get("link", "")], url), url)
    return Feed(home, tuple(each_normal(filter(None, links), url)))


def _recoded(body: bytes) -> bytes:
    """Return the feed in UTF-8, whatever it declares, which is often wrong.

    Only its addresses are of use. They are ASCII, so it does not matter which encoding of one byte it is in.
    """
    if body.startswith(UTF_16):
        return body.decode("utf-16", "replace").encode()
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1").encode()
    return body
