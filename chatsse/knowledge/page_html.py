"""HTML pages: what they say, and what they say about themselves."""

import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import urldefrag, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from chatsse.errors import Unreadable
from chatsse.knowledge.anchors import Anchors
from chatsse.knowledge.characters import line
from chatsse.knowledge.charset import decode
from chatsse.knowledge.facts import as_day, primary_language
from chatsse.knowledge.html_blocks import Reader, plain
from chatsse.knowledge.html_content import content_of
from chatsse.knowledge.html_tree import parse
from chatsse.knowledge.page import Page
from chatsse.knowledge.passages import split

# Why a page is not read, where others have to know it.
NOINDEX, NO_ADDRESS = "noindex", "does not say its address"

_ROBOTS = "meta[name=robots i], meta[name=chatsse i]"
_DATES = (
    ("meta[property='article:published_time']", "content"),
    ("[itemprop=datePublished]", "content"),
    ("[itemprop=datePublished]", "datetime"),
    ("meta[name='date' i], meta[name='dc.date' i], meta[name='dcterms.date' i]", "content"),
    ("time.published, time.entry-date, time.dt-published, time[pubdate]", "datetime"),
)
_DATE_PUBLISHED = re.compile(r'"datePublished"\s*:\s*"([^"]{10,40})"')
_SITE_NAMES = (
    (
        "meta[property='og:site_name'], meta[name='application-name' i]",
        "content",
    ),
    (
        "link[rel=alternate][type='application/rss+xml'], link[rel=alternate][type='application/atom+xml']",
        "title",
    ),
)
_SEPARATOR = r"\s*(?:[|·•»«\u2013\u2014:]|::|\s-)\s+"


def read_html(body: bytes, url: str, charset: str | None = None) -> Page:
    """Return the page in `body`.

    :param url: where it was found; empty: the page has to say it
    :param charset: the one that HTTP names
    :raises Unreadable: it is not for reading, or there is nothing to read
    """
    tree = parse(decode(body, charset))
    if any(NOINDEX in words or "none" in words for words in _robots(tree)):
        raise Unreadable(NOINDEX)
    found = content_of(tree)
    if found is None:
        raise Unreadable("no text")
    content, dropped = found
    address = _address(tree, url)
    title = _title(tree, content)
    passages = split(address, Reader(Anchors(tree), title).read(content, dropped))
    if not passages:
        raise Unreadable("no text")
    return Page(address, title, _language(tree), _date(tree, content), _summary(tree), passages)


def _robots(tree: LexborHTMLParser) -> Iterator[list[str]]:
    for node in tree.css(_ROBOTS):
        yield re.split(r"[\s,]+", (node.attributes.get("content") or "").lower())


def _said(tree: LexborHTMLParser, selector: str, attribute: str) -> list[str]:
    """Return what the attributes of the elements say, in one line each, those that say nothing left out."""
    return [text for node in tree.css(selector) if (text := line(node.attributes.get(attribute) or ""))]


def _address(tree: LexborHTMLParser, url: str) -> str:
    """Return the page's canonical address, if it lies on the same site, else `url`."""
    for canonical in _said(tree, "link[rel~=canonical i]", "href")[:1]:
        try:
            address = urldefrag(urljoin(url, canonical)).url
            there, here = urlsplit(address), urlsplit(url)
            is_web = there.scheme in ("http", "https") and bool(there.hostname)
        except ValueError:
            continue
        # Themes have been seen to call each page of a site its first one.
        is_home = there.path in ("", "/") and here.path not in ("", "/")
        if is_web and (not url or (_site(there.hostname) == _site(here.hostname) and not is_home)):
            return address
    if not url:
        raise Unreadable(NO_ADDRESS)
    return urldefrag(url).url


def _site(host: str | None) -> str:
    return (host or "").lower().removeprefix("www.")


def _title(tree: LexborHTMLParser, content: LexborNode) -> str:
    """Return the page's title without the name of its site."""
    said = [*_said(tree, "meta[property='og:title']", "content"), *_texts(tree.css("head title"))]
    headings = _texts(content.css("h1")) or _texts(tree.css("h1"))
    for title in said:
        for heading in headings:
            if plain(heading) and plain(heading) in plain(title):
                return heading
    names = [name for selector, attribute in _SITE_NAMES for name in _said(tree, selector, attribute)]
    return next((_without(title, names) for title in said), headings[0] if headings else "")


def _texts(nodes: list[LexborNode]) -> list[str]:
    return [text for node in nodes if (text := line(node.text_lexbor()).rstrip("¶# "))]


def _without(title: str, names: list[str]) -> str:
    for name in names:
        for pattern in (rf"{_SEPARATOR}{re.escape(name)}\s*$", rf"^\s*{re.escape(name)}{_SEPARATOR}"):
            if shorter := re.sub(pattern, "", title, flags=re.IGNORECASE):
                title = shorter
    return title


def _language(tree: LexborHTMLParser) -> str:
    said = [
        *_said(tree, "html", "lang"),
        *_said(tree, "html", "xml:lang"),
        *_said(tree, "meta[http-equiv='content-language' i]", "content"),
        *_said(tree, "meta[property='og:locale']", "content"),
    ]
    return next((found for text in said if (found := primary_language(text))), "")


def _date(tree: LexborHTMLParser, content: LexborNode) -> date | None:
    said = [text for selector, attribute in _DATES for text in _said(tree, selector, attribute)]
    for script in tree.css("script[type='application/ld+json']"):
        said += _DATE_PUBLISHED.findall(script.text_lexbor())
    said += [line(node.attributes.get("datetime") or "") for node in content.css("time[datetime]")]
    return next((found for text in said if (found := as_day(text))), None)


def _summary(tree: LexborHTMLParser) -> str:
    """Return the page's description, and its tags in a line."""
    descriptions = [
        *_said(tree, "meta[name=description i]", "content"),
        *_said(tree, "meta[property='og:description']", "content"),
    ]
    tags = [
        *_said(tree, "meta[property='article:tag']", "content"),
        *_said(tree, "meta[name=keywords i]", "content"),
        *_texts(tree.css("a[rel~=tag]")),
    ]
    return "\n".join(filter(None, [*descriptions[:1], ", ".join(dict.fromkeys(tags))]))
