"""HTML pages: what they say, and what they say about themselves."""

import re
from contextlib import suppress
from datetime import date
from urllib.parse import urldefrag, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from chatsse.errors import Unreadable
from chatsse.knowledge.anchors import Anchors
from chatsse.knowledge.boilerplate import boilerplate, unseen
from chatsse.knowledge.characters import line
from chatsse.knowledge.charset import decode
from chatsse.knowledge.facts import as_day, primary_language
from chatsse.knowledge.html_blocks import Reader
from chatsse.knowledge.html_content import content_of
from chatsse.knowledge.html_tree import is_within, parse, text_of
from chatsse.knowledge.page import Page
from chatsse.knowledge.passages import split

# Why a page is not read, where others have to know it.
NOINDEX, NO_ADDRESS = "noindex", "does not say its address"
LEADS_ON, LISTS_POSTS = "only leads on to another page", "only lists posts"
# Those for which an old version of it goes, too.
FOR_GOOD = frozenset({NOINDEX, LEADS_ON, LISTS_POSTS})

# At once, or nearly.
_REFRESH = re.compile(r"[0-9](?:\.[0-9]*)?\s*[;,]\s*url\s*=\s*[\"']?([^\"']+?)[\"']?", re.IGNORECASE)
# WordPress's and Ghost's words for the pages of a category, a tag, an author, a month; not the first page.
_LISTS = frozenset({"archive", "tag-template", "author-template"})
# Outside of the text, too.
_TITLES = ":is(h2, h3):is(.entry-title, .post-title)"
_ROBOTS = "meta[name=robots i], meta[name=chatsse i]"
_DATES = (
    ("meta[property='article:published_time']", "content"),
    ("[itemprop=datePublished]", "content"),
    ("[itemprop=datePublished]", "datetime"),
    ("abbr[itemprop=datePublished]", "title"),
    ("meta[name='date' i], meta[name='dc.date' i], meta[name='dcterms.date' i]", "content"),
    ("time.published, time.entry-date, time.dt-published, time[pubdate]", "datetime"),
)
_LANGUAGES = (
    ("html", "lang"),
    ("html", "xml:lang"),
    ("meta[http-equiv='content-language' i]", "content"),
    ("meta[property='og:locale']", "content"),
)
_DATE_PUBLISHED = re.compile(r'"datePublished"\s*:\s*"([^"]{10,40})"')
_SITE_NAMES = (
    ("meta[property='og:site_name'], meta[name='application-name' i]", "content"),
    (
        "link[rel=alternate][type='application/rss+xml'], link[rel=alternate][type='application/atom+xml']",
        "title",
    ),
)
_SEPARATOR = r"(?:\s*(?:[|·•»«\u2013\u2014:]|::|\s-)\s+|\s*[\uff5c_]\s*)"


def read_html(body: bytes, url: str, charset: str | None = None) -> Page:
    """Return the page in `body`.

    :param url: where it was found; empty: the page has to say it
    :param charset: the one that HTTP names
    :raises Unreadable: it is not for reading, or there is nothing to read
    """
    tree = parse(decode(body, charset))
    hidden = unseen(tree)
    head = _Head(tree, hidden)
    if head.forbids():
        raise Unreadable(NOINDEX)
    if head.leads_on(url):
        raise Unreadable(LEADS_ON)
    if head.lists_posts():
        raise Unreadable(LISTS_POSTS)
    dropped = hidden | boilerplate(tree)
    content = content_of(tree, dropped)
    if content is None:
        raise Unreadable("no text")
    address, title = head.address(url), head.title(content, url)
    passages = split(address, Reader(Anchors(tree), title).read(content, dropped))
    if not passages:
        raise Unreadable("no text")
    return Page(address, title, head.language(), head.date(content), head.summary(), passages)


class _Head:
    """What a page says about itself, wherever it says so.

    :param hidden: the `mem_id` of what readers don't see or strangers wrote: it says nothing about the page
    """

    def __init__(self, tree: LexborHTMLParser, hidden: frozenset[int]) -> None:
        self._tree = tree
        self._hidden = hidden

    def forbids(self) -> bool:
        """Tell whether the page is not to be found."""
        said = (re.split(r"[\s,]+", text.lower()) for text in self._said(_ROBOTS, "content"))
        return any(NOINDEX in words or "none" in words for words in said)

    def leads_on(self, url: str) -> bool:
        """Tell whether the page is a redirect in HTML, as generators write for an old address.

        Its canonical address is that of the page it leads to, whose place it would take.
        """
        for content in self._said("meta[http-equiv=refresh i]", "content"):
            if leads := _REFRESH.fullmatch(content):
                with suppress(ValueError):
                    return bool(urldefrag(urljoin(url, leads[1])).url != urldefrag(url).url)
        return False

    def lists_posts(self) -> bool:
        """Tell whether it is one of WordPress's or Ghost's lists: what it says, the posts say better."""
        body = self._tree.body
        said = (body.attributes.get("class") or "") if body else ""
        return not _LISTS.isdisjoint(said.split())

    def address(self, url: str) -> str:
        """Return the page's canonical address, if it lies on the same site, else `url`."""
        for canonical in self._said("link[rel~=canonical i]", "href")[:1]:
            try:
                address = urldefrag(urljoin(url, canonical)).url
                there, here = urlsplit(address), urlsplit(url)
                is_web = there.scheme in ("http", "https") and bool(there.hostname)
            except ValueError:
                continue
            # Themes have been seen to call each page of a site its first one.
            is_home = there.path in ("", "/") and here.path not in ("", "/")
            if is_web and (not url or (_site(there.hostname) == _site(here.hostname) and not is_home)):
                # A site's settings often name it by the scheme that it had once.
                is_secure = there.netloc == here.netloc and here.scheme == "https"
                return there._replace(scheme="https").geturl() if is_secure else address
        if not url:
            raise Unreadable(NO_ADDRESS)
        return urldefrag(url).url

    def title(self, content: LexborNode, url: str) -> str:
        """Return the page's title without the name of its site.

        :param url: where the page was found
        """
        said = [
            *self._said("meta[property='og:title']", "content"),
            *self._texts(self._tree.css("head title")),
        ]
        mine = ([h1 for h1 in within.css("h1") if not _leads_up(h1, url)] for within in (content, self._tree))
        headings = next(filter(None, map(self._texts, mine)), [])
        for title in said:
            for heading in headings:
                if _begins_or_ends(title, heading):
                    return heading
        # Where the site's name is the only `h1`, that of a post is a heading below it.
        for title in said:
            for heading in self._texts([*content.css("h2, h3"), *self._tree.css(_TITLES)]):
                if _is_set_apart(title, heading):
                    return heading
        names = [name for selector, attribute in _SITE_NAMES for name in self._said(selector, attribute)]
        return next((_without(title, names) for title in said), headings[0] if headings else "")

    def language(self) -> str:
        """Return the primary subtag of the page's language; empty where it says none."""
        said = [text for selector, attribute in _LANGUAGES for text in self._said(selector, attribute)]
        return next((found for text in said if (found := primary_language(text))), "")

    def date(self, content: LexborNode) -> date | None:
        """Return the day on which the page was published."""
        said = [text for selector, attribute in _DATES for text in self._said(selector, attribute)]
        for script in self._tree.css("script[type='application/ld+json']"):
            said += _DATE_PUBLISHED.findall(script.text_lexbor())
        said += self._values(content.css("time[datetime]:not(.wp-block-query time)"), "datetime")
        return next((found for text in said if (found := as_day(text))), None)

    def summary(self) -> str:
        """Return the page's description, and its tags in a line."""
        descriptions = [
            *self._said("meta[name=description i]", "content"),
            *self._said("meta[property='og:description']", "content"),
        ]
        tags = [
            *self._said("meta[property='article:tag']", "content"),
            *self._said("meta[name=keywords i]", "content"),
            *self._texts(self._tree.css("a[rel~=tag]:not(.wp-block-query a)")),
        ]
        return "\n".join(filter(None, [*descriptions[:1], ", ".join(dict.fromkeys(tags))]))

    def _said(self, selector: str, attribute: str) -> list[str]:
        return self._values(self._tree.css(selector), attribute)

    def _values(self, nodes: list[LexborNode], attribute: str) -> list[str]:
        """Return what the attributes say, in one line each, without those that say nothing."""
        seen = (node.attributes.get(attribute) for node in nodes if not is_within(node, self._hidden))
        return [text for value in seen if (text := line(value or ""))]

    def _texts(self, nodes: list[LexborNode]) -> list[str]:
        seen = (text_of(node, self._hidden) for node in nodes if not is_within(node, self._hidden))
        return [text for value in seen if (text := line(value).rstrip("¶# "))]


def _site(host: str | None) -> str:
    return (host or "").lower().removeprefix("www.")


def _begins_or_ends(title: str, heading: str) -> bool:
    whole, part = _words(title), _words(heading)
    return bool(part) and part in (whole[: len(part)], whole[-len(part) :])


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _is_set_apart(title: str, heading: str) -> bool:
    """Tell whether the heading is all of the title, but for a name that punctuation keeps apart."""
    name = re.escape(heading)
    return bool(re.search(rf"^{name}(?:$|\s*[^\w\s]|_)|(?:[^\w\s]\s*|_){name}$", title, re.IGNORECASE))


def _leads_up(heading: LexborNode, url: str) -> bool:
    """Tell whether a heading is a link to a page above the one at `url`, as the site's name is."""
    parent = heading.parent
    link = parent if parent and parent.tag == "a" else heading.css_first("a[href]")
    if link is None or link.text_lexbor().strip() != heading.text_lexbor().strip():
        return False
    try:
        there, here = urlsplit(urljoin(url, link.attributes.get("href") or "")), urlsplit(url)
    except ValueError:
        return False
    above = there.path.rstrip("/") + "/"
    is_same = _site(there.hostname) == _site(here.hostname)
    return is_same and here.path.startswith(above) and here.path != above


def _without(title: str, names: list[str]) -> str:
    for name in names:
        for pattern in (rf"{_SEPARATOR}{re.escape(name)}\s*$", rf"^\s*{re.escape(name)}{_SEPARATOR}"):
            if shorter := re.sub(pattern, "", title, flags=re.IGNORECASE):
                title = shorter
    return title
