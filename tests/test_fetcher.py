"""What a server may do, and what it costs."""

import gzip
import socket
import ssl
import subprocess
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import gevent
import pytest
from blog_server import BlogServer, Cut, Drip, Endless, Silence, Step, Wait
from processes import until

from chatsse.errors import Unreadable
from chatsse.knowledge.fetcher import MB, MOST_UNANSWERED, PAGES, Fetched, Fetcher, Limits
from chatsse.knowledge.page import Receipt
from chatsse.knowledge.refusals import Refused, Unanswered

# Long enough for a busy machine where nothing is wrong.
LIMITS = Limits(page_s=20, silent_s=10, wait_s=5)
HASTY = Limits(page_s=1.5, silent_s=10)


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    with BlogServer() as blog:
        yield blog


@pytest.fixture
def fetcher(blog: BlogServer) -> Fetcher:
    return Fetcher(blog.url, 4, LIMITS)


def why(fetcher: Fetcher, url: str) -> str:
    """Return why there is nothing to be had at an address."""
    with pytest.raises(Unreadable) as caught:
        fetcher.fetch(url, kinds=PAGES)
    return caught.value.why


@contextmanager
def at_most_mb(most: int) -> Iterator[None]:
    """What is inside takes no more memory than that, at no moment."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most * MB
    finally:
        tracemalloc.stop()


def names(monkeypatch: pytest.MonkeyPatch, **places: list[str]) -> None:
    """Have names stand for addresses, `_` for a dot; one address each time they are asked for."""
    real = socket.getaddrinfo

    def look_up(host: str, *args: object, **kwargs: object) -> object:
        found = places.get(host.replace(".", "_"))
        ip = (found.pop(0) if len(found) > 1 else found[0]) if found else host
        return real(ip, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_page_comes_with_what_the_server_says_of_it(blog: BlogServer, fetcher: Fetcher) -> None:
    headers = {"ETag": '"1"', "Last-Modified": "Fri, 20 Nov 2026 12:00:00 GMT", "X-Robots-Tag": "noarchive"}
    blog.serve("/", "Grüße", kind="Text/HTML; Charset=UTF-8", headers=headers)
    assert fetcher.fetch(blog.url + "/") == Fetched(
        url=blog.url + "/",
        is_lasting=True,
        kind="text/html",
        charset="utf-8",
        robots="noarchive",
        etag='"1"',
        last_modified="Fri, 20 Nov 2026 12:00:00 GMT",
        is_unchanged=False,
        body="Grüße".encode(),
    )


def test_the_server_is_told_who_asks(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/")
    fetcher.fetch(blog.url + "/")
    assert blog.request("/").headers["user-agent"].startswith("chatsse")


@pytest.mark.parametrize(
    ("receipt", "asked"),
    [
        (Receipt("", "", '"1"', "", ""), {"if-none-match": '"1"'}),
        (Receipt("", "", "", "yesterday", ""), {"if-modified-since": "yesterday"}),
    ],
)
def test_a_page_that_is_known_is_not_sent_again(
    blog: BlogServer, fetcher: Fetcher, receipt: Receipt, asked: dict[str, str]
) -> None:
    blog.serve("/", "a page", headers={"ETag": '"1"', "Last-Modified": "yesterday"})
    fetched = fetcher.fetch(blog.url + "/", receipt)
    assert fetched.is_unchanged
    assert fetched.body == b""
    assert asked.items() <= blog.request("/").headers.items()
    assert not fetcher.fetch(blog.url + "/", replace(receipt, etag='"0"', last_modified="")).is_unchanged


def test_one_connection_serves_for_many_pages(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/", "a page", headers={"ETag": '"1"'})
    blog.serve("/old", "moved", status=301, headers={"Location": "/"})
    for path in ("/", "/old", "/"):
        fetcher.fetch(blog.url + path, Receipt("", "", '"1"', "", ""))
    why(fetcher, blog.url + "/missing")
    fetcher.fetch(blog.url + "/")
    assert fetcher._pools.of(blog.url + "/").num_connections == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451, 304])
def test_a_no_is_told_by_its_status(blog: BlogServer, fetcher: Fetcher, status: int) -> None:
    blog.serve("/", status=status)
    with pytest.raises(Refused) as caught:
        fetcher.fetch(blog.url + "/")
    assert caught.value.status == status
    assert caught.value.why.startswith(f"{status} ")


def test_a_status_that_nobody_knows_has_no_words(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/", status=499)
    assert why(fetcher, blog.url + "/") == "status 499"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(blog: BlogServer, fetcher: Fetcher, status: int) -> None:
    blog.serve("/old", "moved", status=status, headers={"Location": "new#part"})
    blog.serve("/new", "a page")
    fetched = fetcher.fetch(blog.url + "/old")
    assert (fetched.url, fetched.body) == (blog.url + "/new", b"a page")
    assert fetched.is_lasting == (status in (301, 308))


def test_redirects_in_a_circle_are_left(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/a", status=302, headers={"Location": "/b"})
    blog.serve("/b", status=302, headers={"Location": "/a#again"})
    assert why(fetcher, blog.url + "/a") == "redirects in a circle"
    assert blog.asked == ["/a", "/b"]


def test_redirects_without_end_are_left(blog: BlogServer, fetcher: Fetcher) -> None:
    for n in range(20):
        blog.serve(f"/{n}", status=302, headers={"Location": f"/{n + 1}"})
    assert why(fetcher, blog.url + "/0") == "redirects too often"
    assert blog.asked == [f"/{n}" for n in range(6)]


def test_five_redirects_are_followed(blog: BlogServer, fetcher: Fetcher) -> None:
    for n in range(5):
        blog.serve(f"/{n}", status=302, headers={"Location": f"/{n + 1}"})
    blog.serve("/5", "a page")
    assert fetcher.fetch(blog.url + "/0").body == b"a page"


def test_a_redirect_to_another_site_is_not_followed(blog: BlogServer, fetcher: Fetcher) -> None:
    with BlogServer("127.0.0.2") as other:
        other.serve("/", "secret")
        blog.serve("/", status=302, headers={"Location": other.url + "/"})
        assert why(fetcher, blog.url + "/") == f"redirects to another site: 127.0.0.2:{other.port}"
        assert other.requests == []


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://[::1", "data:,x", "http://a:b@c/"]
)
def test_a_redirect_to_what_is_no_address_is_not_followed(
    blog: BlogServer, fetcher: Fetcher, to: str
) -> None:
    blog.serve("/", status=302, headers={"Location": to})
    assert why(fetcher, blog.url + "/") in ("not an address", "an address with a password")


def test_www_is_the_same_site(blog: BlogServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, blog_example=["127.0.0.1"], www_blog_example=["127.0.0.1"])
    blog.serve("/", status=301, headers={"Location": f"http://www.blog.example:{blog.port}/new"})
    fetcher = Fetcher(f"http://blog.example:{blog.port}/", 4, LIMITS)
    # The name is another, and only the very one that the owner named may be a private one's.
    assert why(fetcher, f"http://blog.example:{blog.port}/") == "at a private address"
    assert blog.asked == ["/"]


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "::10.0.0.1",
        "fec0::1",
    ],
)
def test_a_private_address_is_not_connected_to(
    blog: BlogServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, ip: str
) -> None:
    names(monkeypatch, elsewhere_example=[ip])
    assert why(fetcher, f"http://elsewhere.example:{blog.port}/") == "at a private address"
    assert blog.requests == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "localhost"]
)
def test_a_private_address_is_known_in_any_spelling(blog: BlogServer, host: str) -> None:
    fetcher = Fetcher("http://blog.example/", 4, LIMITS)
    assert why(fetcher, f"http://{host}:{blog.port}/") == "at a private address"
    assert blog.requests == []


def test_a_name_that_stands_for_a_private_address_too_is_not_connected_to(
    blog: BlogServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, blog.port)) for ip in ("198.51.100.1", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    monkeypatch.setattr("chatsse.knowledge.pools.is_public", lambda ip: ip == "198.51.100.1")
    assert why(fetcher, f"http://elsewhere.example:{blog.port}/") == "at a private address"
    assert blog.requests == []


def test_the_host_that_the_owner_named_may_be_private_and_no_other_port_of_it(blog: BlogServer) -> None:
    with BlogServer() as other:
        other.serve("/", "secret")
        assert why(Fetcher(blog.url, 4, LIMITS), other.url + "/") == "at a private address"
        assert Fetcher(other.url, 4, LIMITS).fetch(other.url + "/").body == b"secret"


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    blog: BlogServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The name would stand for a private address when it is looked up again.
    places = ["198.51.100.1", "127.0.0.1"]
    names(monkeypatch, rebinding_example=places)
    monkeypatch.setattr("chatsse.knowledge.pools.is_public", lambda ip: ip == "198.51.100.1")
    hasty = Fetcher(blog.url, 4, HASTY)
    assert why(hasty, f"http://rebinding.example:{blog.port}/") in ("took longer than 1.5 s", "no connection")
    assert blog.requests == []
    assert places == ["127.0.0.1"]


def test_a_name_that_nobody_has_is_no_host(fetcher: Fetcher) -> None:
    assert why(fetcher, "http://blog.invalid/") == "no such host"
    assert why(fetcher, f"http://{'a' * 64}.example/") == "no such host"


def test_a_port_that_nobody_listens_on_is_no_connection(blog: BlogServer, fetcher: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert why(Fetcher(url, 4, LIMITS), url) == "no connection"


@pytest.mark.parametrize(
    ("before", "body"),
    [
        (Silence(), [b"a page"]),
        (None, [Silence()]),
        (None, [b"<h1>Half", Silence()]),
        (None, [Drip()]),
        (Drip(), [b""]),
    ],
)
def test_a_server_that_hangs_or_drips_is_left_in_time(
    blog: BlogServer, before: Step | None, body: list[Step]
) -> None:
    blog.serve("/", body, before=before)
    blog.serve("/next", "a page")
    fetcher = Fetcher(blog.url, 4, HASTY)
    assert why(fetcher, blog.url + "/") == "took longer than 1.5 s"
    until(lambda: blog.at_once == 0, "the connection is closed")
    assert fetcher.fetch(blog.url + "/next").body == b"a page"


def test_a_server_that_falls_silent_is_left(blog: BlogServer) -> None:
    blog.serve("/", [b"<h1>Half", Silence()])
    fetcher = Fetcher(blog.url, 4, Limits(page_s=20, silent_s=0.2))
    assert why(fetcher, blog.url + "/") == "fell silent"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000"}, {"Transfer-Encoding": "chunked"}])
def test_a_page_that_is_cut_is_none(blog: BlogServer, fetcher: Fetcher, headers: dict[str, str]) -> None:
    blog.serve("/", [b"3\r\n<h1", Cut()], headers=headers)
    assert why(fetcher, blog.url + "/") == "broke off"


def test_a_page_of_100_mb_is_left_at_the_limit(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/", [Endless(most=100 * MB)])
    with at_most_mb(20):
        assert why(fetcher, blog.url + "/") == "larger than 5 MB"
    until(lambda: blog.at_once == 0, "the connection is closed")
    assert blog.sent < 20 * MB


@pytest.mark.parametrize("packed_as", ["gzip", "deflate"])
def test_a_packed_page_is_unpacked(blog: BlogServer, fetcher: Fetcher, packed_as: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[packed_as](b"a page")
    blog.serve("/", packed, headers={"Content-Encoding": packed_as})
    assert fetcher.fetch(blog.url + "/").body == b"a page"


@pytest.mark.parametrize("times", [1, 2])
def test_a_page_that_grows_without_end_when_it_is_unpacked_is_left_at_the_limit(
    blog: BlogServer, fetcher: Fetcher, times: int
) -> None:
    bomb = gzip.compress(bytes(100 * MB))
    for _ in range(times - 1):
        bomb = gzip.compress(bomb)
    blog.serve("/", bomb, headers={"Content-Encoding": ", ".join(["gzip"] * times)})
    with at_most_mb(20):
        assert why(fetcher, blog.url + "/") == "larger than 5 MB"


def test_a_page_that_is_badly_packed_is_none(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/", b"not gzip at all", headers={"Content-Encoding": "gzip"})
    assert why(fetcher, blog.url + "/") == "badly compressed"


def test_of_what_is_no_page_only_the_head_is_read(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/film", [Endless()], kind="video/mp4")
    assert why(fetcher, blog.url + "/film") == "video/mp4 is not a page"


def test_only_the_first_bytes_are_taken_where_no_more_are_of_use(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/", [b"first", Endless()])
    assert fetcher.fetch(blog.url + "/", first_bytes=5).body == b"first"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_server_is_asked_again_when_it_says(
    blog: BlogServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, status: int, form: str
) -> None:
    slept: list[float] = []
    sleep = gevent.sleep
    monkeypatch.setattr("chatsse.knowledge.fetcher.gevent.sleep", lambda s: slept.append(s) or sleep(0))
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    blog.serve("/", "a page")
    blog.serve("/", status=status, headers={"Retry-After": "5" if form == "seconds" else at}, times=1)
    assert fetcher.fetch(blog.url + "/").body == b"a page"
    assert blog.asked == ["/", "/"]
    assert slept[0] == 0
    assert 0 < slept[1] <= 5


@pytest.mark.parametrize(
    ("after", "asked"),
    [("0", 2), ("3600", 1), ("soon", 1), ("Fri, 20 Nov 2026 12:00:00 +999999999999", 1), ("", 1)],
)
def test_a_server_that_stays_busy_is_given_up(
    blog: BlogServer, fetcher: Fetcher, after: str, asked: int
) -> None:
    blog.serve("/", status=503, headers={"Retry-After": after})
    assert why(fetcher, blog.url + "/") == "503 Service Unavailable"
    assert len(blog.asked) == asked


def test_a_server_that_never_answers_is_not_asked_for_ever(blog: BlogServer, fetcher: Fetcher) -> None:
    blog.serve("/", status=500)
    blog.serve("/alive", "a page")
    for _ in range(MOST_UNANSWERED - 1):
        why(fetcher, blog.url + "/")
    fetcher.fetch(blog.url + "/alive")
    for _ in range(MOST_UNANSWERED):
        assert why(fetcher, blog.url + "/") == "500 Internal Server Error"
    assert why(fetcher, blog.url + "/alive") == "the server has stopped answering"


def test_at_most_so_many_requests_are_under_way(
    blog: BlogServer, fetcher: Fetcher, gate: threading.Event
) -> None:
    for n in range(20):
        blog.serve(f"/{n}", "a page", before=Wait(gate))
    fetching = [gevent.spawn(fetcher.fetch, f"{blog.url}/{n}") for n in range(20)]
    until(lambda: blog.at_once == 4, "four are under way")
    gate.set()
    gevent.joinall(fetching, raise_error=True)
    assert blog.most_at_once == 4
    assert len(blog.asked) == 20


def test_a_connection_over_tls_checks_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=blog.example",
    ]
    names_of = ["-addext", "subjectAltName=DNS:blog.example", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request, *names_of], check=True, capture_output=True)
    names(monkeypatch, blog_example=["127.0.0.1"], other_example=["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    with BlogServer(tls=tls) as blog:
        blog.serve("/", "a page")
        good, bad = (f"https://{name}.example:{blog.port}/" for name in ("blog", "other"))
        assert why(Fetcher(good, 4, LIMITS), good) == "no secure connection"
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert Fetcher(good, 4, LIMITS).fetch(good).body == b"a page"
        assert why(Fetcher(bad, 4, LIMITS), bad) == "no secure connection"
        assert [request.headers["host"] for request in blog.requests] == [f"blog.example:{blog.port}"]


def test_what_the_server_says_in_vain_is_no_trouble_of_the_server(blog: BlogServer, fetcher: Fetcher) -> None:
    for _ in range(MOST_UNANSWERED + 1):
        why(fetcher, blog.url + "/missing")
    with pytest.raises(Refused):
        fetcher.fetch(blog.url + "/missing")
    blog.serve("/", status=502)
    with pytest.raises(Unanswered):
        fetcher.fetch(blog.url + "/")
