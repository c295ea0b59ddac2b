"""From an owner's word to pages: what is read, what is not, and what its old version's fate is."""

import gzip
import logging
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest
from blog_server import BlogServer, Cut, Endless, Silence, Wait
from processes import until

from chatsse.errors import ContentError, Unreadable
from chatsse.knowledge.fetcher import MB, Limits
from chatsse.knowledge.page import Outcome, Page, Read, Receipt, Skipped, Unchanged
from chatsse.knowledge.page_html import read_html
from chatsse.knowledge.web import Web

LIMITS = Limits(page_s=20, silent_s=10, wait_s=5)
HASTY = Limits(page_s=1.5, silent_s=10)
XML = "application/xml"


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    with BlogServer() as blog:
        yield blog


def page_of(body: bytes, url: str, charset: str | None) -> Page:
    """Return a page with its whole body as its title."""
    if b"noindex" in body:
        raise Unreadable("noindex")
    if b"blank" in body:
        raise Unreadable("no text")
    if b"crash" in body:
        raise RecursionError
    return Page(url, body.decode(charset or "utf-8", "replace"), "", None, "", ())


def read(
    word: str,
    known: dict[str, Receipt] | None = None,
    limits: Limits = LIMITS,
    page_of: Callable[[bytes, str, str | None], Page] = page_of,
) -> dict[str, Outcome]:
    """Return what became of each page, by its path; each comes once, and as many as were said."""
    web = Web(known or {}, page_of, limits=limits)
    outcomes = list(web.pages(word))
    assert web.total == len(outcomes)
    by_path = {_path(place(each), word): each for each in outcomes}
    assert len(by_path) == len(outcomes)
    return by_path


def place(outcome: Outcome) -> str:
    return outcome.location if isinstance(outcome, Skipped) else outcome.receipt.location


def _path(url: str, word: str) -> str:
    return url.removeprefix("/".join(word.split("/")[:3]))


def said(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Return the paths with a word on each."""
    return {path: _said(outcome) for path, outcome in sorted(outcomes.items())}


def _said(outcome: Outcome) -> str:
    match outcome:
        case Read(fault=fault):
            return f"read from the feed: {fault}" if fault else "read"
        case Unchanged(fault=fault):
            return f"unchanged in the feed: {fault}" if fault else "unchanged"
        case Skipped(why=why, is_gone=is_gone):
            return f"{why}, gone" if is_gone else why


def why(word: str, known: dict[str, Receipt] | None = None, limits: Limits = LIMITS) -> str:
    """Return why nothing can be had under a word."""
    with pytest.raises(ContentError) as caught:
        list(Web(known or {}, page_of, limits=limits).pages(word))
    assert caught.value.word == word
    return caught.value.problem


def receipts(outcomes: dict[str, Outcome]) -> dict[str, Receipt]:
    """Return what is known when the outcomes are in the index."""
    kept = (each.receipt for each in outcomes.values() if not isinstance(each, Skipped))
    return {receipt.location: receipt for receipt in kept}


def sitemap(blog: BlogServer, *paths: str) -> str:
    listed = "".join(f"<url><loc>{path if ':' in path else blog.url + path}</loc></url>" for path in paths)
    return (
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'
    )


def index(blog: BlogServer, *paths: str) -> str:
    listed = "".join(f"<sitemap><loc>{blog.url}{path}</loc></sitemap>" for path in paths)
    return f"<sitemapindex>{listed}</sitemapindex>"


def feed(blog: BlogServer, *paths: str, home: str = "") -> str:
    items = "".join(f"<item><link>{blog.url}{path}</link></item>" for path in paths)
    return f'<rss version="2.0"><channel><link>{home or blog.url}</link>{items}</channel></rss>'


def test_a_page_is_read(blog: BlogServer) -> None:
    blog.serve("/about", "Über uns", kind="text/html; charset=utf-8", headers={"ETag": '"1"'})
    word = blog.url + "/about"
    digest = sha256("Über uns".encode()).hexdigest()[:32]
    assert list(Web({}, page_of).pages(word)) == [
        Read(Receipt(word, word, '"1"', "", digest), Page(word, "Über uns", "", None, "", ()))
    ]


def test_the_pages_of_a_sitemap_are_read(blog: BlogServer) -> None:
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b#part", "/b", "/gone", "/film"), kind=XML)
    blog.serve("/a", "A")
    blog.serve("/b", "B")
    blog.serve("/film", b"", kind="video/mp4")
    assert said(read(blog.url + "/sitemap.xml")) == {
        "/a": "read",
        "/b": "read",
        "/gone": "404 Not Found, gone",
        "/film": "video/mp4 is not a page",
    }


@pytest.mark.parametrize("kind", ["application/gzip", "application/octet-stream", "application/xml"])
def test_sitemaps_may_be_packed_and_listed_by_others(blog: BlogServer, kind: str) -> None:
    blog.serve("/sitemap.xml.gz", gzip.compress(index(blog, "/1.xml.gz", "/2.txt").encode()), kind=kind)
    blog.serve("/1.xml.gz", gzip.compress(sitemap(blog, "/a").encode()), kind=kind)
    blog.serve("/2.txt", f"{blog.url}/b\n", kind="text/plain")
    blog.serve("/a", "A")
    blog.serve("/b", "B")
    assert said(read(blog.url + "/sitemap.xml.gz")) == {"/a": "read", "/b": "read"}


def test_what_is_as_it_was_is_not_read_again(blog: BlogServer) -> None:
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b", "/c", "/d"), kind=XML)
    blog.serve("/a", "A", headers={"ETag": '"1"'})
    blog.serve("/b", "B", headers={"Last-Modified": "yesterday"})
    blog.serve("/c", "C")
    blog.serve("/d", "D", headers={"ETag": '"1"'})
    first = read(blog.url + "/sitemap.xml")
    blog.serve("/d", "D again", headers={"ETag": '"2"'})
    again = read(blog.url + "/sitemap.xml", receipts(first))
    assert said(again) == {"/a": "unchanged", "/b": "unchanged", "/c": "unchanged", "/d": "read"}
    assert receipts(again) == receipts(first) | {blog.url + "/d": receipts(again)[blog.url + "/d"]}
    assert blog.request("/a").headers["if-none-match"] == '"1"'


def test_what_fails_keeps_its_old_version_and_what_is_gone_does_not(blog: BlogServer) -> None:
    fates = {
        "/hang": "took longer than 1.5 s",
        "/cut": "broke off",
        "/large": "larger than 5 MB",
        "/broken": "500 Internal Server Error",
        "/secret": "403 Forbidden",
        "/circle": "redirects in a circle",
        "/away": "redirects to another site: elsewhere.example",
        "/crash": "failed to be read",
        "/blank": "no text",
        "/404": "404 Not Found, gone",
        "/410": "410 Gone, gone",
        "/noindex": "noindex, gone",
        "/header": "noindex, gone",
        "/forbidden": "robots.txt says no, gone",
    }
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /forbidden")
    blog.serve("/sitemap.xml", sitemap(blog, "/good", *fates), kind=XML)
    blog.serve("/good", "A page")
    blog.serve("/hang", [Silence()])
    blog.serve("/cut", [b"half", Cut()], headers={"Content-Length": "10"})
    blog.serve("/large", [Endless(most=100 * MB)])
    blog.serve("/broken", status=500)
    blog.serve("/secret", status=403)
    blog.serve("/circle", status=302, headers={"Location": "/circle"})
    blog.serve("/away", status=302, headers={"Location": "https://elsewhere.example/"})
    blog.serve("/crash", "crash")
    blog.serve("/blank", "blank")
    blog.serve("/410", status=410)
    blog.serve("/noindex", "noindex")
    blog.serve("/header", "A page", headers={"X-Robots-Tag": "noarchive, noindex"})
    blog.serve("/forbidden", "A page")
    assert said(read(blog.url + "/sitemap.xml", limits=HASTY)) == dict(
        sorted({"/good": "read", **fates}.items())
    )
    assert "/forbidden" not in blog.asked


def test_a_page_that_the_reader_fails_at_is_in_the_log(
    blog: BlogServer, caplog: pytest.LogCaptureFixture
) -> None:
    blog.serve("/crash", "crash")
    with caplog.at_level(logging.ERROR):
        read(blog.url + "/crash")
    assert "RecursionError" in caplog.text
    assert f"{blog.url}/crash can't be read" in caplog.text


def test_what_other_robots_are_told_is_not_for_us(blog: BlogServer) -> None:
    blog.serve("/a", "A", headers={"X-Robots-Tag": "googlebot: noindex"})
    assert said(read(blog.url + "/a")) == {"/a": "read"}


def test_a_page_that_is_not_to_be_found_any_more_goes_though_it_has_not_changed(blog: BlogServer) -> None:
    blog.serve("/a", "A", headers={"ETag": '"1"'})
    known = receipts(read(blog.url + "/a"))
    blog.serve("/a", "A", headers={"ETag": '"1"', "X-Robots-Tag": "none"})
    assert said(read(blog.url + "/a", known)) == {"/a": "noindex, gone"}


def test_pages_on_another_site_are_left_out(blog: BlogServer) -> None:
    with BlogServer("127.0.0.2") as other:
        elsewhere = [f"{other.url}/", "http://10.0.0.1/", "https://blog.example/"]
        blog.serve("/sitemap.xml", sitemap(blog, "/a", *elsewhere, "ftp://a/"), kind=XML)
        blog.serve("/a", "A")
        assert said(read(blog.url + "/sitemap.xml")) == {
            "/a": "read",
            other.url + "/": f"on another site: 127.0.0.2:{other.port}",
            "http://10.0.0.1/": "on another site: 10.0.0.1",
            "https://blog.example/": "on another site: blog.example",
        }
        assert other.requests == []


def test_a_feed_that_names_a_private_host_as_its_home_does_not_lead_there(blog: BlogServer) -> None:
    with BlogServer("127.0.0.2") as other:
        other.serve("/a", "secret")
        blog.serve("/feed", feed(other, "/a"), kind="application/rss+xml")
        assert said(read(blog.url + "/feed")) == {f"{other.url}/a": "robots.txt: at a private address"}
        assert other.requests == []


def test_a_sitemap_on_another_site_is_left_out(blog: BlogServer) -> None:
    with BlogServer("127.0.0.2") as other:
        listed = f"<loc>{other.url}/1.xml</loc><loc>/2.xml</loc>"
        blog.serve("/sitemap.xml", f"<sitemapindex>{listed}</sitemapindex>", kind=XML)
        blog.serve("/2.xml", sitemap(blog, "/a"), kind=XML)
        blog.serve("/a", "A")
        assert said(read(blog.url + "/sitemap.xml")) == {
            "/a": "read",
            other.url + "/1.xml": "a sitemap on another site",
        }
        assert other.requests == []


def test_a_sitemap_of_other_sites_only_is_an_error(blog: BlogServer) -> None:
    blog.serve("/sitemap.xml", sitemap(blog, "https://moved.example/a"), kind=XML)
    assert why(blog.url + "/sitemap.xml") == (
        "lists no pages (https://moved.example/a: on another site: moved.example)"
    )


def test_a_page_that_has_moved_is_read_where_it_is_now(blog: BlogServer) -> None:
    blog.serve("/sitemap.xml", sitemap(blog, "/old"), kind=XML)
    blog.serve("/old", status=301, headers={"Location": "/new"})
    blog.serve("/new", "A page", headers={"ETag": '"1"'})
    first = read(blog.url + "/sitemap.xml")
    outcome = first["/old"]
    assert isinstance(outcome, Read)
    assert (outcome.page.url, outcome.receipt.location) == (blog.url + "/new", blog.url + "/old")
    assert said(read(blog.url + "/sitemap.xml", receipts(first))) == {"/old": "unchanged"}


def test_a_page_that_several_addresses_lead_to_is_read_once(blog: BlogServer) -> None:
    blog.serve("/sitemap.xml", sitemap(blog, "/old", "/new", "/older", "/1", "/2"), kind=XML)
    for old, new in (("/old", "/new"), ("/older", "/new"), ("/1", "/3"), ("/2", "/3"), ("/3/", "/3")):
        blog.serve(old, status=301, headers={"Location": new})
    blog.serve("/new", "A page")
    blog.serve("/3", "Another")
    outcomes = said(read(blog.url + "/sitemap.xml"))
    moved = f"is at {blog.url}/3, gone"
    assert {path: outcomes.pop(path) for path in ("/old", "/older")} == dict.fromkeys(
        ("/old", "/older"), f"is at {blog.url}/new, gone"
    )
    assert outcomes in (
        {"/new": "read", "/1": "read", "/2": moved},
        {"/new": "read", "/2": "read", "/1": moved},
    )


def test_a_page_with_the_address_of_another_comes_after_it(blog: BlogServer) -> None:
    blog.serve("/sitemap.xml", sitemap(blog, "/copy", "/page", "/other"), kind=XML)
    for path in ("/copy", "/page", "/other"):
        blog.serve(path, f"Post {path}")

    def canonical(body: bytes, url: str, charset: str | None) -> Page:
        return page_of(body, url.replace("/copy", "/page"), charset)

    outcomes = Web({}, canonical, at_once=1).pages(blog.url + "/sitemap.xml")
    assert [place(outcome).removeprefix(blog.url) for outcome in outcomes] == ["/page", "/other", "/copy"]


def test_a_page_that_is_elsewhere_for_a_while_keeps_its_old_version(blog: BlogServer) -> None:
    paths = ("/a", "/b", "/repairs")
    blog.serve("/sitemap.xml", sitemap(blog, *paths), kind=XML)
    for path in paths:
        blog.serve(path, f"Post {path}")
    known = receipts(read(blog.url + "/sitemap.xml"))
    for path in ("/a", "/b"):
        blog.serve(path, status=302, headers={"Location": "/repairs"})
    assert said(read(blog.url + "/sitemap.xml", known)) == {
        "/a": f"is at {blog.url}/repairs",
        "/b": f"is at {blog.url}/repairs",
        "/repairs": "unchanged",
    }


def test_a_page_that_moved_to_where_nobody_may_read_is_gone(blog: BlogServer) -> None:
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /private")
    blog.serve("/old", status=301, headers={"Location": "/private"})
    blog.serve("/private", "A page")
    assert said(read(blog.url + "/old")) == {"/old": "robots.txt says no, gone"}


def test_the_newest_pages_of_a_feed_are_read_and_the_older_ones_stay(blog: BlogServer) -> None:
    word = blog.url + "/feed"
    for path in ("/1", "/2", "/3", "/4"):
        blog.serve(path, f"Post {path}", headers={"ETag": '"1"'})
    blog.serve("/feed", feed(blog, "/2", "/1"), kind="application/rss+xml")
    known = receipts(read(word))
    known[blog.url + "/other"] = Receipt(blog.url + "/other", "another word", "", "", "")
    blog.serve("/feed", feed(blog, "/4", "/3"), kind="application/rss+xml")
    blog.serve("/1", status=404)
    assert said(read(word, known)) == {
        "/1": "404 Not Found, gone",
        "/2": "unchanged",
        "/3": "read",
        "/4": "read",
    }


def story(name: str) -> str:
    """Return as much text as a post has."""
    return " ".join(f"{name}{n}" for n in range(80))


def full_feed(blog: BlogServer, texts: dict[str, str], *, is_atom: bool = False) -> str:
    """Have the blog serve a feed with these texts, by the paths of their pages; return its address."""
    items = (
        f'<entry><link href="{path}"/><content type="html">&lt;p&gt;{text}</content></entry>'
        if is_atom
        else f"<item><link>{path}</link><description>&lt;p&gt;{text}</description></item>"
        for path, text in texts.items()
    )
    atom, rss = '<feed xmlns="http://www.w3.org/2005/Atom">%s</feed>', "<rss><channel>%s</channel></rss>"
    blog.serve("/feed", (atom if is_atom else rss) % "".join(items), kind="application/xml")
    return blog.url + "/feed"


def read_posts(
    word: str, known: dict[str, Receipt] | None = None, limits: Limits = LIMITS
) -> dict[str, Outcome]:
    """Return what became of each page, read as pages are."""
    return read(word, known, limits, read_html)


def text_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Read)
    return "\n".join(block for passage in outcome.page.passages for block in passage.blocks)


SHELL = "<!doctype html><title>Blog</title><div id=root>%s</div><script src=/app.js></script>"
# How a page can fail, and what is said of it.
FAILING: dict[str, tuple[dict[str, Any], str]] = {
    "/401": ({"status": 401}, "401 Unauthorized"),
    "/403": ({"status": 403}, "403 Forbidden"),
    "/404": ({"status": 404}, "404 Not Found"),
    "/500": ({"status": 500}, "500 Internal Server Error"),
    "/429": ({"status": 429}, "429 Too Many Requests"),
    "/hang": ({"body": [Silence()]}, "took longer than 1.5 s"),
    "/cut": ({"body": [b"half", Cut()]}, "broke off"),
    "/large": ({"body": [Endless(most=100 * MB)]}, "larger than 5 MB"),
    "/pdf": ({"body": b"%PDF", "kind": "application/pdf"}, "application/pdf is not a page"),
    "/sso": (
        {"status": 302, "headers": {"Location": "https://sso.example/"}},
        "redirects to another site: sso.example",
    ),
    "/login": ({"status": 302, "headers": {"Location": "/log-in?to=/login"}}, "is elsewhere for now"),
    "/shell": ({"body": SHELL % ""}, "no text"),
    "/loading": ({"body": SHELL % "Loading …"}, "next to no text"),
}


@pytest.mark.parametrize("is_atom", [True, False])
def test_a_page_that_cannot_be_read_is_read_from_its_feed(blog: BlogServer, is_atom: bool) -> None:
    word = full_feed(blog, {path: story("post") for path in ("/open", *FAILING)}, is_atom=is_atom)
    blog.serve("/open", f"<main><h2 id=here>Here</h2><p>{story('page')}</main>")
    blog.serve("/log-in?to=/login", f"<main>{story('Your name and password, please.')}</main>")
    for path, (reply, _) in FAILING.items():
        blog.serve(path, **reply)
    outcomes = read_posts(word, limits=HASTY)
    assert said(outcomes) == {
        "/open": "read",
        **{path: f"read from the feed: {why}" for path, (_, why) in sorted(FAILING.items())},
    }
    assert text_of(outcomes.pop("/open")) == story("page")
    assert {text_of(outcome) for outcome in outcomes.values()} == {story("post")}
    assert all(
        isinstance(outcome, Read) and outcome.page.url == outcome.receipt.location == blog.url + path
        for path, outcome in outcomes.items()
    )


def test_what_the_owner_keeps_from_robots_is_not_read_from_the_feed_either(blog: BlogServer) -> None:
    paths = ("/private", "/moved", "/header", "/meta", "/410", "/open")
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /private")
    word = full_feed(blog, {path: story("secret") for path in paths})
    blog.serve("/moved", status=301, headers={"Location": "/private/1"})
    blog.serve("/private/1", SHELL % "")
    blog.serve("/header", SHELL % "", headers={"X-Robots-Tag": "noindex"})
    blog.serve("/meta", SHELL % "" + "<meta name=chatsse content=noindex>")
    blog.serve("/410", status=410)
    blog.serve("/open", status=401)
    assert said(read_posts(word)) == {
        "/private": "robots.txt says no, gone",
        "/moved": "robots.txt says no, gone",
        "/header": "noindex, gone",
        "/meta": "noindex, gone",
        "/410": "410 Gone, gone",
        "/open": "read from the feed: 401 Unauthorized",
    }
    assert "/private" not in blog.asked


def test_nothing_of_a_feed_is_read_where_robots_txt_fails(blog: BlogServer) -> None:
    word = full_feed(blog, {"/a": story("post")})
    blog.serve("/robots.txt", status=500)
    assert said(read_posts(word)) == {"/a": "robots.txt: 500 Internal Server Error"}


def test_texts_of_pages_on_another_site_are_left_out(blog: BlogServer) -> None:
    word = full_feed(blog, {"/a": story("post"), "https://elsewhere.example/a": story("other")})
    assert said(read_posts(word)) == {
        "/a": "read from the feed: 404 Not Found",
        "https://elsewhere.example/a": "on another site: elsewhere.example",
    }


def test_an_excerpt_does_not_take_the_place_of_its_page(blog: BlogServer) -> None:
    paths = ("/404", "/401", "/short", "/moved")
    word = full_feed(blog, dict.fromkeys(paths, "A teaser."))
    blog.serve("/401", status=401)
    blog.serve("/short", "<main>A short post.</main>")
    blog.serve("/moved", status=302, headers={"Location": "/there"})
    blog.serve("/there", f"<main>{story('page')}</main>")
    assert said(read_posts(word)) == {
        "/404": "404 Not Found, and only an excerpt of it in the feed, gone",
        "/401": "401 Unauthorized, and only an excerpt of it in the feed",
        "/short": "read",
        "/moved": "read",
    }


def test_a_page_is_read_where_it_is_though_its_address_is_spelt_otherwise(blog: BlogServer) -> None:
    word = full_feed(blog, {"/a": story("feed")})
    blog.serve("/a", status=302, headers={"Location": "/a/?cookies=no"})
    blog.serve("/a/?cookies=no", f"<main>{story('page')}</main>")
    assert said(read_posts(word)) == {"/a": "read"}


def test_an_entry_is_read_again_when_it_has_changed(blog: BlogServer) -> None:
    blog.serve("/a", SHELL % "", headers={"ETag": '"1"'})
    blog.serve("/b", status=403)
    word = full_feed(blog, {"/a": story("a"), "/b": story("b")})
    known = receipts(read_posts(word))
    again = read_posts(word, known)
    assert said(again) == {
        "/a": "unchanged in the feed: no text",
        "/b": "unchanged in the feed: 403 Forbidden",
    }
    assert receipts(again) == known
    assert "if-none-match" not in blog.request("/a").headers
    full_feed(blog, {"/a": story("a"), "/b": story("new")})
    edited = read_posts(word, known)
    assert said(edited)["/b"] == "read from the feed: 403 Forbidden"
    assert text_of(edited["/b"]) == story("new")


def test_a_page_wins_over_its_entry_as_soon_as_it_can_be_read(blog: BlogServer) -> None:
    word = full_feed(blog, {"/a": story("feed")})
    blog.serve("/a", status=401, headers={"ETag": '"1"'})
    known = receipts(read_posts(word))
    blog.serve("/a", f"<main>{story('page')}</main>", headers={"ETag": '"1"'})
    outcomes = read_posts(word, known)
    assert text_of(outcomes["/a"]) == story("page")
    assert said(read_posts(word, receipts(outcomes))) == {"/a": "unchanged"}


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
        (401, "read from the feed: 401 Unauthorized"),
        (404, "read from the feed: 404 Not Found"),
    ],
)
def test_a_page_that_merely_fails_keeps_its_old_version_whatever_the_feed_has(
    blog: BlogServer, status: int, fate: str
) -> None:
    word = full_feed(blog, {"/a": story("feed")})
    blog.serve("/a", f"<main>{story('page')}</main>")
    known = receipts(read_posts(word))
    blog.serve("/a", status=status)
    assert said(read_posts(word, known)) == {"/a": fate}


def test_an_entry_is_read_again_though_its_page_fails_to_answer(blog: BlogServer) -> None:
    blog.serve("/a", status=500)
    known = receipts(read_posts(full_feed(blog, {"/a": story("old")})))
    outcomes = read_posts(full_feed(blog, {"/a": story("new")}), known)
    assert text_of(outcomes["/a"]) == story("new")


@pytest.mark.parametrize("rest", ["", "A teaser."])
def test_what_a_feed_holds_no_longer_stays_for_as_long_as_its_page_is_there(
    blog: BlogServer, rest: str
) -> None:
    failing = {path: each for path, each in FAILING.items() if path not in ("/hang", "/large")}
    word = full_feed(blog, {path: story("post") for path in failing})
    blog.serve("/log-in?to=/login", f"<main>{story('password')}</main>")
    for path, (reply, _) in failing.items():
        blog.serve(path, **reply)
    known = receipts(read_posts(word))
    full_feed(blog, {"/new": "", **{path: rest for path in failing if rest}})
    fates = said(read_posts(word, known))
    assert [path for path, fate in fates.items() if fate.endswith(", gone")] == ["/404", "/new"]
    assert {path: fates[path].split(", ")[0] for path in failing} == {
        path: why for path, (_, why) in failing.items()
    }


@pytest.mark.parametrize(
    ("robots", "fate"),
    [("", "read from the feed: 401 Unauthorized"), ("Disallow: /feed", "401 Unauthorized")],
)
def test_the_feed_that_a_front_page_names_is_read_from_as_robots_txt_allows(
    blog: BlogServer, robots: str, fate: str
) -> None:
    site(blog, FEED_LINK)
    full_feed(blog, {"/a": story("post")})
    blog.serve("/a", status=401)
    blog.serve("/robots.txt", f"User-agent: *\n{robots}")
    assert said(read_posts(blog.url))["/a"] == fate


def test_what_a_whole_sitemap_does_not_list_is_not_asked_for(blog: BlogServer) -> None:
    word = blog.url + "/sitemap.xml"
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b"), kind=XML)
    blog.serve("/a", "A")
    blog.serve("/b", "B")
    known = receipts(read(word))
    blog.serve("/sitemap.xml", sitemap(blog, "/a"), kind=XML)
    assert said(read(word, known)) == {"/a": "unchanged"}


def test_what_a_broken_sitemap_does_not_list_stays_for_as_long_as_it_is_there(blog: BlogServer) -> None:
    word = blog.url + "/sitemap.xml"
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b", "/c"), kind=XML)
    blog.serve("/a", "A")
    blog.serve("/b", "B")
    blog.serve("/c", "C", times=1)
    known = receipts(read(word))
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b")[: -len("/b</loc></url></urlset>")], kind=XML)
    assert said(read(word, known)) == {"/a": "unchanged", "/b": "unchanged", "/c": "404 Not Found, gone"}


def test_pages_of_a_sitemap_that_fails_stay_and_the_others_are_read(blog: BlogServer) -> None:
    word = blog.url + "/sitemap.xml"
    blog.serve("/sitemap.xml", index(blog, "/1.xml", "/2.xml"), kind=XML)
    blog.serve("/1.xml", sitemap(blog, "/a"), kind=XML)
    blog.serve("/2.xml", sitemap(blog, "/b"), kind=XML)
    blog.serve("/a", "A")
    blog.serve("/b", "B")
    known = receipts(read(word))
    blog.serve("/2.xml", status=500)
    assert said(read(word, known)) == {
        "/2.xml": "500 Internal Server Error",
        "/a": "unchanged",
        "/b": "unchanged",
    }


def site(blog: BlogServer, head: str = "") -> None:
    """Serve a front page, a post and another."""
    blog.serve("/", f"<!DOCTYPE html><html><head>{head}</head><body>Welcome</body></html>")
    blog.serve("/a", "A")
    blog.serve("/b", "B")


FEED_LINK = """<link rel="alternate" type="application/rss+xml" href="/feed">
<link rel=alternate type=application/rss+xml href=/comments>"""


@pytest.mark.parametrize("front", ["/", "", "/#top"])
def test_a_front_page_stands_for_the_sitemaps_that_its_robots_txt_names(blog: BlogServer, front: str) -> None:
    site(blog, FEED_LINK)
    blog.serve("/robots.txt", f"Sitemap: {blog.url}/1.xml\nSitemap: /2.xml")
    blog.serve("/1.xml", sitemap(blog, "/a"), kind=XML)
    blog.serve("/2.xml", sitemap(blog, "/b"), kind=XML)
    assert said(read(blog.url + front)) == {"/a": "read", "/b": "read"}


def test_a_front_page_stands_for_the_sitemap_in_its_usual_place(blog: BlogServer) -> None:
    site(blog, FEED_LINK)
    blog.serve("/sitemap.xml", sitemap(blog, "/", "/a"), kind=XML)
    assert said(read(blog.url)) == {"/": "read", "/a": "read"}


def test_a_front_page_stands_for_the_sitemap_that_it_names(blog: BlogServer) -> None:
    site(blog, '<link rel="sitemap" href="/sitemap-index.xml">')
    blog.serve("/sitemap-index.xml", index(blog, "/0.xml"), kind=XML)
    blog.serve("/0.xml", sitemap(blog, "/a"), kind=XML)
    assert said(read(blog.url)) == {"/a": "read"}


def test_a_front_page_without_a_sitemap_stands_for_the_feed_that_it_names(blog: BlogServer) -> None:
    site(blog, FEED_LINK)
    blog.serve("/sitemap.xml", "<!DOCTYPE html><html>Nothing here", kind="text/html")
    blog.serve("/feed", feed(blog, "/a"), kind="text/html")
    blog.serve("/comments", feed(blog, "/b"), kind="application/rss+xml")
    assert said(read(blog.url)) == {"/a": "read", "/sitemap.xml": "a page, not a sitemap"}


def test_a_front_page_without_a_sitemap_or_a_feed_stands_for_itself(blog: BlogServer) -> None:
    site(blog)
    assert said(read(blog.url)) == {"/": "read", "/sitemap.xml": "404 Not Found"}


def test_a_front_page_that_nests_beyond_measure_is_not_looked_through(blog: BlogServer) -> None:
    site(blog, "<div>" * 200_000 + FEED_LINK)
    assert said(read(blog.url)) == {"/": "read", "/sitemap.xml": "404 Not Found"}


def test_a_front_page_stands_for_its_site_where_it_leads_on(blog: BlogServer) -> None:
    site(blog)
    blog.serve("/", status=302, headers={"Location": "/en/"})
    blog.serve("/en/", "Welcome")
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b"), kind=XML)
    assert said(read(blog.url)) == {"/a": "read", "/b": "read"}


def folder(blog: BlogServer) -> None:
    """Serve a site with a blog below it."""
    site(blog)
    blog.serve("/notes", status=301, headers={"Location": "/notes/"})
    blog.serve("/notes/", FEED_LINK, kind="text/html")
    blog.serve("/notes/a", "A note")


@pytest.mark.parametrize("word", ["/notes/", "/notes"])
def test_a_folder_stands_for_the_pages_below_it_in_its_own_sitemap(blog: BlogServer, word: str) -> None:
    folder(blog)
    blog.serve("/notes/sitemap.xml", sitemap(blog, "/notes/", "/notes/a", "/b"), kind=XML)
    assert said(read(blog.url + word)) == {"/notes/": "read", "/notes/a": "read"}


def test_a_folder_stands_for_the_pages_below_it_in_the_sites_sitemap(blog: BlogServer) -> None:
    folder(blog)
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/notes/a"), kind=XML)
    assert said(read(blog.url + "/notes/")) == {"/notes/a": "read", "/notes/sitemap.xml": "404 Not Found"}


def test_a_folder_stands_for_the_pages_below_it_in_its_feed(blog: BlogServer) -> None:
    folder(blog)
    blog.serve("/feed", feed(blog, "/a", "/notes/a"), kind="application/rss+xml")
    assert said(read(blog.url + "/notes/"))["/notes/a"] == "read"


def test_a_folder_that_nobody_lists_pages_of_stands_for_itself(blog: BlogServer) -> None:
    folder(blog)
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b"), kind=XML)
    word = blog.url + "/notes/"
    assert [place for place, what in said(read(word)).items() if what == "read"] == ["/notes/"]


@pytest.mark.parametrize("status", [404, 503])
def test_pages_of_a_folder_stay_when_its_sitemap_fails(blog: BlogServer, status: int) -> None:
    folder(blog)
    blog.serve("/notes/sitemap.xml", sitemap(blog, "/notes/", "/notes/a"), kind=XML)
    known = receipts(read(blog.url + "/notes/"))
    blog.serve("/notes/sitemap.xml", status=status)
    outcomes = said(read(blog.url + "/notes/", known))
    assert (outcomes["/notes/"], outcomes["/notes/a"]) == ("unchanged", "unchanged")


def test_pages_stay_when_the_sitemap_of_their_site_fails(blog: BlogServer) -> None:
    site(blog, FEED_LINK)
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b"), kind=XML)
    blog.serve("/feed", feed(blog, "/b"), kind="application/rss+xml")
    known = receipts(read(blog.url))
    blog.serve("/sitemap.xml", status=503)
    assert said(read(blog.url, known)) == {
        "/a": "unchanged",
        "/b": "unchanged",
        "/sitemap.xml": "503 Service Unavailable",
    }


def test_any_other_page_stands_for_itself(blog: BlogServer) -> None:
    site(blog)
    blog.serve("/sitemap.xml", sitemap(blog, "/a", "/b"), kind=XML)
    assert said(read(blog.url + "/a")) == {"/a": "read"}
    assert "/sitemap.xml" not in blog.asked


def test_a_page_that_was_named_and_is_gone_goes(blog: BlogServer) -> None:
    blog.serve("/a", "A")
    known = receipts(read(blog.url + "/a"))
    blog.serve("/a", status=410)
    assert said(read(blog.url + "/a", known)) == {"/a": "410 Gone, gone"}


@pytest.mark.parametrize("status", [404, 500])
def test_a_word_under_which_nothing_can_be_had_is_an_error(blog: BlogServer, status: int) -> None:
    blog.serve("/sitemap.xml", status=status)
    known = {blog.url + "/a": Receipt(blog.url + "/a", blog.url + "/sitemap.xml", "", "", "")}
    assert why(blog.url + "/sitemap.xml", known).startswith(str(status))
    assert blog.asked == ["/sitemap.xml"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<urlset></urlset>", "lists no pages"),
        ("<urlset>", "lists no pages"),
        ("<rss><channel></channel></rss>", "lists no pages"),
        ("Not found", "neither a sitemap nor a feed nor a page"),
        ("", "neither a sitemap nor a feed nor a page"),
        (b"\x1f\x8bnot gzip", "badly compressed"),
        (b"\x89PNG\r\n", "neither a sitemap nor a feed nor a page"),
        ([Silence()], "took longer than 1.5 s"),
        ([b"<urlset>", Silence()], "took longer than 1.5 s"),
        ([Cut()], "broke off"),
        ([Endless(most=100 * MB)], "larger than 50 MB"),
        (gzip.compress(bytes(60 * MB)), "larger than 50 MB"),
    ],
)
def test_a_word_that_lists_nothing_is_an_error(
    blog: BlogServer, body: str | bytes | list[object], problem: str
) -> None:
    blog.serve("/sitemap.xml", body, kind=XML)
    limits = LIMITS if "larger" in problem else HASTY
    assert why(blog.url + "/sitemap.xml", limits=limits) == problem


def test_nothing_is_read_where_robots_txt_fails(blog: BlogServer) -> None:
    site(blog)
    blog.serve("/robots.txt", status=500)
    blog.serve("/sitemap.xml", sitemap(blog, "/a"), kind=XML)
    for word in (blog.url, blog.url + "/sitemap.xml", blog.url + "/a"):
        assert why(word) == "robots.txt: 500 Internal Server Error"
    known = receipts({"/a": Unchanged(Receipt(blog.url + "/a", blog.url + "/a", "", "", ""))})
    assert said(read(blog.url + "/a", known)) == {"/a": "robots.txt: 500 Internal Server Error"}


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("http://", "not an address"),
        ("https://me:secret@blog.example/", "an address with a password"),
        ("http://blog.invalid/", "no such host"),
    ],
)
def test_a_word_that_leads_nowhere_is_an_error(word: str, problem: str) -> None:
    assert why(word) == problem


def test_a_page_that_two_words_lead_to_is_read_once(blog: BlogServer) -> None:
    blog.serve("/feed", feed(blog, "/a", "/b"), kind="application/rss+xml")
    blog.serve("/a", "A")
    blog.serve("/b", "B")
    web = Web({}, page_of)
    assert [place(each) for each in web.pages(blog.url + "/a")] == [blog.url + "/a"]
    assert [place(each) for each in web.pages(blog.url + "/feed")] == [blog.url + "/b"]
    assert web.total == 2


def test_outcomes_come_as_they_are_and_at_most_four_are_under_way(
    blog: BlogServer, gate: threading.Event
) -> None:
    paths = [f"/{n}" for n in range(30)]
    blog.serve("/sitemap.xml", sitemap(blog, "/first", *paths), kind=XML)
    blog.serve("/first", "A page")
    for path in paths:
        blog.serve(path, "A page", before=Wait(gate))
    web = Web({}, page_of)
    outcomes = web.pages(blog.url + "/sitemap.xml")
    assert place(next(outcomes)) == blog.url + "/first"
    assert web.total == 31
    until(lambda: blog.at_once == 4, "four are under way")
    gate.set()
    assert len(list(outcomes)) == 30
    assert blog.most_at_once == 4


def test_no_more_is_fetched_than_is_taken(blog: BlogServer) -> None:
    paths = [f"/{n}" for n in range(100)]
    blog.serve("/sitemap.xml", sitemap(blog, *paths), kind=XML)
    for path in paths:
        blog.serve(path, "A page")
    with BlogServer() as other:
        other.serve("/sitemap.xml", sitemap(other, *paths), kind=XML)
        for path in paths:
            other.serve(path, "A page")
        outcomes = Web({}, page_of).pages(blog.url + "/sitemap.xml")
        next(outcomes)
        # Another blog, begun now and read to its end, as the measure of when more would have been fetched.
        read(other.url + "/sitemap.xml")
    assert len(blog.asked) < 20


def test_nothing_is_left_under_way_when_nobody_wants_more(blog: BlogServer) -> None:
    paths = [f"/{n}" for n in range(100)]
    blog.serve("/sitemap.xml", sitemap(blog, "/first", *paths), kind=XML)
    blog.serve("/first", "A page")
    for path in paths:
        blog.serve(path, [Silence()])
    outcomes = Web({}, page_of, limits=Limits(page_s=600, silent_s=600)).pages(blog.url + "/sitemap.xml")
    next(outcomes)
    until(lambda: blog.at_once == 4, "four are under way")
    outcomes.close()
    until(lambda: blog.at_once == 0, "they are let go")
    assert len(blog.asked) == 6


def test_a_server_that_goes_away_in_the_middle_is_not_asked_for_every_page(blog: BlogServer) -> None:
    paths = [f"/{n}" for n in range(200)]
    blog.serve("/sitemap.xml", sitemap(blog, *paths), kind=XML)
    for path in paths[:50]:
        blog.serve(path, "A page")
    for path in paths[50:]:
        blog.serve(path, [Cut()])
    outcomes = list(said(read(blog.url + "/sitemap.xml")).values())
    assert outcomes.count("read") == 50
    # A page that is read late makes it count from the beginning.
    assert outcomes.count("the server has stopped answering") >= 100
    assert len(blog.asked) < 100
