"""Sitemaps: what they list, and how far to follow those that list each other. Pure but for what is passed in.

As sitemaps.org has it: XML, or plain text, either packed with gzip or not. The addresses are picked out by
their tags, and nothing else of the XML is read: what is broken elsewhere does no harm, and entities, depth
and attributes, with which a little XML becomes a lot, cost nothing.
"""

import re
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from gzip import GzipFile
from html import unescape
from io import BytesIO
from itertools import islice

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import each_normal
from chatsse.knowledge.feeds import Entry

MOST_PAGES = 20_000
MOST_SITEMAPS = 500
MOST_DEPTH = 3
MB = 1024 * 1024

_PACKED = b"\x1f\x8b"
_UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)
# A comment, or an address under any prefix. Neither looks farther than once through the whole.
_LOC = re.compile(
    rb"<!--.*?(?:-->|\Z)|<((?:[\w-]+:)?)loc(?:\s[^<>]{0,200})?>(?:\s*<!\[CDATA\[)?([^<]{1,4000})<", re.DOTALL
)
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
# What comes before the first element of a document: declarations, and a DOCTYPE that may hold some itself.
_ROOT = re.compile(rb"<((?:[\w-]+:)?)([A-Za-z]\w*)")
_ASIDE = re.compile(rb"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", re.DOTALL)
_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one sitemap lists, or a feed in its place.

    :param is_whole: what it does not list is not there
    :param entries: what a feed holds of its pages
    """

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    is_whole: bool = True
    entries: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Listing:
    """All that an owner's word leads to.

    :ivar pages: their addresses, each once
    :ivar left_out: what is not among them, and why
    :ivar is_whole: what is not listed is not there
    :ivar entries: what feeds hold of pages, by their addresses
    """

    pages: dict[str, None] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True
    entries: dict[str, Entry] = field(default_factory=dict)


def unpacked(body: bytes, most_bytes: int) -> bytes:
    """Return a body as it was before gzip, if it was packed.

    :raises Unreadable: it is larger than `most_bytes`, or broken
    """
    if not body.startswith(_PACKED):
        return body
    try:
        plain = GzipFile(fileobj=BytesIO(body)).read(most_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("badly compressed") from error
    if len(plain) > most_bytes:
        raise Unreadable(f"larger than {most_bytes // MB} MB")
    return plain


def root_of(body: bytes) -> str:
    """Return the name of a document's first element, in lower case; empty where there is none."""
    return _root(body)[1].decode().lower()


def read_sitemap(body: bytes, url: str) -> Sitemap:
    """Return what a sitemap of XML lists.

    :param url: where it was, for addresses that are not whole
    """
    if body.startswith(_UTF_16):
        body = body.decode("utf-16", "replace").encode()
    prefix, root = _root(body)
    addresses = tuple(each_normal(islice(_places(body, prefix), MOST_PAGES + 1), url))
    is_whole = b"</" + prefix + root in body
    if root_of(body) == "sitemapindex":
        return Sitemap(sitemaps=addresses, is_whole=is_whole)
    return Sitemap(pages=addresses, is_whole=is_whole)


def read_lines(body: bytes) -> Sitemap:
    """Return what a sitemap of plain text lists, an address a line.

    :raises Unreadable: it holds anything else
    """
    lines = (line.strip() for line in BytesIO(body.removeprefix(b"\xef\xbb\xbf")))
    listed = list(islice((line.decode("utf-8", "replace") for line in lines if line), MOST_PAGES + 1))
    if not listed or not all(map(_ADDRESS.fullmatch, listed)):
        raise Unreadable("neither a sitemap nor a feed nor a page")
    return Sitemap(pages=tuple(each_normal(listed)))


def walk(starts: Iterable[str], get: Callable[[str], Sitemap]) -> Listing:
    """Return what sitemaps list, and those that they list, each read once.

    :param get: returns the sitemap at an address, or raises `Unreadable`
    """
    listing, read = Listing(), set[str]()
    waiting = deque((start, 1) for start in starts)
    while waiting and len(listing.pages) <= MOST_PAGES:
        url, depth = waiting.popleft()
        if url in read:
            continue
        read.add(url)
        try:
            _check(depth, len(read))
            sitemap = get(url)
        except Unreadable as error:
            listing.left_out[url] = error.why
            listing.is_whole = False
            if len(read) > MOST_SITEMAPS:
                break
            continue
        listing.pages |= dict.fromkeys(sitemap.pages)
        listing.is_whole &= sitemap.is_whole
        listing.entries |= sitemap.entries
        room = max(MOST_SITEMAPS + 1 - len(waiting), 0)
        waiting.extend((each, depth + 1) for each in sitemap.sitemaps[:room])
    return bounded(listing)


def bounded(listing: Listing) -> Listing:
    """Return a listing with no more pages than we read."""
    for url in list(islice(listing.pages, MOST_PAGES, MOST_PAGES + 1)):
        listing.left_out[url] = f"beyond the first {MOST_PAGES:,} pages"
        listing.pages = dict.fromkeys(islice(listing.pages, MOST_PAGES))
    return listing


def _check(depth: int, count: int) -> None:
    if depth > MOST_DEPTH:
        raise Unreadable(f"a sitemap more than {MOST_DEPTH} deep")
    if count > MOST_SITEMAPS:
        raise Unreadable(f"beyond the first {MOST_SITEMAPS} sitemaps")


def _root(body: bytes) -> tuple[bytes, bytes]:
    """Return the prefix and the name of the first element."""
    # UTF-16 has its ASCII between zeros.
    found = _ROOT.search(_ASIDE.sub(b"", body[:_HEAD_BYTES].replace(b"\0", b"")))
    return (found[1], found[2]) if found else (b"", b"")


def _places(body: bytes, prefix: bytes) -> Iterator[str]:
    """Yield the addresses under the prefix of the root: others are those of pictures and films."""
    for found in _LOC.finditer(body):
        if found[1] == prefix:
            yield unescape(found[2].partition(b"]]>")[0].decode("utf-8", "replace"))
