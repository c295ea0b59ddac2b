"""Which pages an owner means who names an address.

| the address is that of | the pages are |
|---|---|
| a sitemap | those it lists, and the sitemaps that it lists |
| a feed | those of its items, which may be on the site that it is the feed of |
| a site's front page | those of its sitemap, or of its feed, or itself |
| a folder, `/blog/` | those below it in its own sitemap, or in the site's, or in its feed; or itself |
| any other page | itself |

The sitemaps of a site are those that robots.txt and the front page name, else `/sitemap.xml`; its feed is the
first that the front page names. A folder has a `sitemap.xml` of its own where it is a blog by itself: a
project of GitHub Pages, a WordPress at `/blog/`. Pages on another site are left out.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import each_normal, host_of, is_front, origin_of, site_of
from chatsse.knowledge.charset import decode
from chatsse.knowledge.feeds import ROOTS, Feed, read_feed
from chatsse.knowledge.fetcher import PAGES, Fetched, Fetcher
from chatsse.knowledge.html_tree import parse
from chatsse.knowledge.robots import Robots
from chatsse.knowledge.sitemaps import (
    Listing,
    Sitemap,
    bounded,
    read_lines,
    read_sitemap,
    root_of,
    unpacked,
    walk,
)

_SITEMAP = "link[rel~=sitemap]"
_FEED = "link[rel~=alternate][type='application/rss+xml'], link[rel~=alternate][type='application/atom+xml']"


class Lister:
    """Finds the pages that an address stands for."""

    def __init__(self, fetcher: Fetcher, robots: Robots) -> None:
        self._fetcher = fetcher
        self._robots = robots

    def pages(self, url: str) -> Listing:
        """Return the pages that are meant by a normal address.

        :raises Unreadable: there is nothing to be had
        """
        first = self._fetcher.fetch(url)
        found = self._read(first)
        if isinstance(found, Feed):
            listing = Listing(dict.fromkeys(found.pages), is_whole=False, entries=dict(found.entries))
            return _kept(bounded(listing), {site_of(url), site_of(found.home)})
        named = self._robots.sitemaps(first.url)
        if isinstance(found, Sitemap):
            listing = walk([first.url], lambda each: found if each == first.url else self._sitemap(each, url))
        elif is_front(url):
            listing = self._folder(first, origin_of(first.url) + "/", named)
        elif first.url.endswith("/"):
            listing = self._folder(first, first.url, named)
        else:
            listing = Listing({url: None})
        return _kept(listing, {site_of(url)})

    def _folder(self, front: Fetched, folder: str, named: list[str]) -> Listing:
        """Return the pages below a folder, which may be the whole site.

        :param front: the page that leads to them
        :param named: the sitemaps of the site
        """
        tried: dict[str, str] = {}
        own, usual = f"{folder}sitemap.xml", f"{origin_of(folder)}/sitemap.xml"
        first = [own] if own != usual else []
        named = [*named, *_links(front, _SITEMAP)]
        # The first feed that a page names: others are those of its comments.
        for starts in (first, each_normal(named, front.url), [usual], _links(front, _FEED)[:1]):
            listing = walk(starts, lambda each: self._sitemap(each, front.url))
            pages = {page: None for page in listing.pages if _is_below(page, folder)}
            if pages:
                is_whole = listing.is_whole and not tried
                return replace(listing, pages=pages, left_out=listing.left_out | tried, is_whole=is_whole)
            tried |= listing.left_out
        return Listing({front.url: None}, tried, is_whole=False)

    def _sitemap(self, url: str, of: str) -> Sitemap:
        if site_of(url) != site_of(of):
            raise Unreadable("a sitemap on another site")
        found = self._read(self._fetcher.fetch(url))
        if isinstance(found, Feed):
            # Nobody named this one: of its text, robots.txt may say no.
            entries = found.entries if self._robots.allow(url) else {}
            return Sitemap(pages=found.pages, is_whole=False, entries=entries)
        if found is None:
            raise Unreadable("a page, not a sitemap")
        return found

    def _read(self, fetched: Fetched) -> Sitemap | Feed | None:
        """Return what is listed; None: it is a page.

        :raises Unreadable: it is none of them
        """
        body = unpacked(fetched.body, self._fetcher.limits.list_bytes)
        root = root_of(body)
        if root in ROOTS:
            return read_feed(body, fetched.url, fetched.charset)
        if root in ("urlset", "sitemapindex"):
            return read_sitemap(body, fetched.url)
        if root == "html" or fetched.kind in PAGES:
            return None
        return read_lines(body)


def _kept(listing: Listing, sites: set[str]) -> Listing:
    """Return the listing with the pages of some sites only."""
    pages: dict[str, None] = {}
    for page in listing.pages:
        if site_of(page) in sites:
            pages[page] = None
        else:
            listing.left_out[page] = f"on another site: {host_of(page)}"
    return replace(listing, pages=pages)


def _is_below(page: str, folder: str) -> bool:
    """Whether a page is in a folder, by whatever scheme; of a whole site, whatever it lists is."""
    return is_front(folder) or (
        site_of(page) == site_of(folder) and urlsplit(page).path.startswith(urlsplit(folder).path)
    )


def _links(page: Fetched, selector: str) -> list[str]:
    """Return the addresses that a page's links of a kind name."""
    try:
        links = parse(decode(page.body, page.charset)).css(selector)
    except Unreadable:
        return []
    return list(each_normal((link.attributes.get("href") or "" for link in links), page.url))
