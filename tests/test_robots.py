"""What robots.txt lets us read."""

import re
import threading
from collections.abc import Iterator

import gevent
import pytest
from blog_server import BlogServer, Cut, Endless, Wait
from processes import until

from chatsse.errors import Unreadable
from chatsse.knowledge.fetcher import MB, Fetcher, Limits
from chatsse.knowledge.robots import FIRST_BYTES, Robots


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    with BlogServer() as blog:
        yield blog


@pytest.fixture
def robots(blog: BlogServer) -> Robots:
    return Robots(Fetcher(blog.url, 4, Limits()))


def test_what_it_forbids_is_not_allowed(blog: BlogServer, robots: Robots) -> None:
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /drafts/\nAllow: /drafts/good$", kind="text/plain")
    allowed = [path for path in ("/", "/drafts/", "/drafts/good", "/a") if robots.allow(blog.url + path)]
    assert allowed == ["/", "/drafts/good", "/a"]


def test_what_it_says_to_us_by_name_counts(blog: BlogServer, robots: Robots) -> None:
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /\n\nUser-agent: Chatsse\nAllow: /\nDisallow: /no")
    assert robots.allow(blog.url + "/")
    assert not robots.allow(blog.url + "/no")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_all_is_allowed_where_there_is_none(blog: BlogServer, robots: Robots, status: int) -> None:
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /", status=status)
    assert robots.allow(blog.url + "/")
    assert robots.sitemaps(blog.url + "/") == []


@pytest.mark.parametrize(
    ("status", "why"),
    [(500, "500 Internal Server Error"), (503, "503 Service Unavailable"), (429, "429 Too Many Requests")],
)
def test_nothing_is_allowed_where_the_server_fails_to_say(
    blog: BlogServer, robots: Robots, status: int, why: str
) -> None:
    blog.serve("/robots.txt", status=status)
    for _ in range(2):
        with pytest.raises(Unreadable, match=re.escape(f"robots.txt: {why}")):
            robots.allow(blog.url + "/")
    assert len(blog.requests) == 1


def test_nothing_is_allowed_where_the_answer_breaks_off(blog: BlogServer, robots: Robots) -> None:
    blog.serve("/robots.txt", [b"User-agent: *\n", Cut()])
    with pytest.raises(Unreadable, match=r"robots\.txt: broke off"):
        robots.allow(blog.url + "/")


def test_it_is_fetched_once_however_many_ask(blog: BlogServer, robots: Robots, gate: threading.Event) -> None:
    blog.serve("/robots.txt", "User-agent: *\nDisallow: /no", before=Wait(gate))
    asking = [gevent.spawn(robots.allow, f"{blog.url}/{path}") for path in ("yes", "no", "yes")]
    until(lambda: blog.at_once > 0, "it is asked for")
    gate.set()
    assert [each.get() for each in asking] == [True, False, True]
    assert len(blog.requests) == 1


def test_only_its_beginning_is_read(blog: BlogServer, robots: Robots) -> None:
    head = b"User-agent: *\nDisallow: /no\n#"
    blog.serve("/robots.txt", [head, b"x" * FIRST_BYTES, b"\nDisallow: /\n", Endless(most=100 * MB)])
    assert robots.allow(blog.url + "/")
    assert not robots.allow(blog.url + "/no")
    assert blog.sent < 50 * MB


def test_what_is_no_robots_txt_forbids_nothing(blog: BlogServer, robots: Robots) -> None:
    blog.serve("/robots.txt", b"\xef\xbb\xbf<html>\xff\0<h1>Not found</h1>Disallow: /")
    assert robots.allow(blog.url + "/")


def test_it_names_the_sitemaps(blog: BlogServer, robots: Robots) -> None:
    blog.serve(
        "/robots.txt", "Sitemap: /a.xml\nUser-agent: *\nDisallow:\nsitemap: https://blog.example/b.xml"
    )
    assert robots.sitemaps(blog.url + "/") == ["/a.xml", "https://blog.example/b.xml"]


@pytest.mark.parametrize(("asked", "at_most", "kept_s"), [("2", 10, 2), ("86400", 10, 10), ("0.5", 10, 0.5)])
def test_the_delay_that_it_asks_for_is_kept_within_reason(
    blog: BlogServer, monkeypatch: pytest.MonkeyPatch, asked: str, at_most: float, kept_s: float
) -> None:
    slept: list[float] = []
    sleep = gevent.sleep
    monkeypatch.setattr("chatsse.knowledge.fetcher.monotonic", lambda: 1000 + sum(slept))
    monkeypatch.setattr("chatsse.knowledge.fetcher.gevent.sleep", lambda s: slept.append(s) or sleep(0))
    blog.serve("/robots.txt", f"User-agent: *\nCrawl-delay: {asked}")
    blog.serve("/", "a page")
    fetcher = Fetcher(blog.url, 4, Limits(delay_s=at_most))
    Robots(fetcher).allow(blog.url + "/")
    for _ in range(3):
        fetcher.fetch(blog.url + "/")
    assert slept == [0, 0, kept_s, kept_s]
