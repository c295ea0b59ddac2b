"""Fetching from the web, politely and with care: whatever a server does, it costs little time and memory.

| the server | is left |
|---|---|
| names another site, or sends in a circle | after at most `MOST_REDIRECTS` redirects |
| is at a private address that the owner did not name | before a byte is sent |
| hangs, drips, or never ends | `silent_s` after its last byte, `page_s` after the request |
| sends more than a page, or a list of pages, can be | at the limit; what is compressed counts as unpacked |
| is busy, and says for how long | for that long, once |
| has not answered `MOST_UNANSWERED` times in a row | for good |

The deadlines need gevent's monkey patching: they can't end a call that blocks the thread.
"""

from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from time import monotonic

import gevent
import urllib3
from gevent.lock import BoundedSemaphore
from urllib3.exceptions import HTTPError
from werkzeug.http import parse_options_header

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import host_of, normal, site_of
from chatsse.knowledge.page import Receipt
from chatsse.knowledge.pools import Pools
from chatsse.knowledge.refusals import Unanswered, refusal, translated

MOST_REDIRECTS = 5
MOST_UNANSWERED = 20
PAGES = frozenset({"text/html", "application/xhtml+xml"})
READ_BYTES = 64 * 1024
MB = 1024 * 1024

_REDIRECTS = (301, 302, 303, 307, 308)
_LASTING = {301, 308}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of time and memory a server may take.

    :param page_s: for a page, all its redirects included
    :param silent_s: without a byte
    :param wait_s: that it may ask for with `Retry-After`
    :param delay_s: between two requests, that its robots.txt may ask for
    :param page_bytes: of a page
    :param list_bytes: of a sitemap or a feed; as the sitemaps' protocol has it
    """

    page_s: float = 30
    silent_s: float = 15
    wait_s: float = 30
    delay_s: float = 10
    page_bytes: int = 5 * MB
    list_bytes: int = 50 * MB


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server sent.

    :param url: where it was in the end
    :param is_lasting: none of the redirects that led there was a temporary one
    :param kind: its media type, in lower case; empty where the server does not say
    :param robots: the header `X-Robots-Tag`
    :param is_unchanged: it is still what the receipt is for; there is no body
    """

    url: str
    is_lasting: bool
    kind: str
    charset: str | None
    robots: str
    etag: str
    last_modified: str
    is_unchanged: bool
    body: bytes


class Fetcher:
    """Fetches what belongs to one site.

    :param named: the address that the owner named, whose host may be a private one
    :param at_once: requests
    :ivar limits: what a server may take
    """

    def __init__(self, named: str, at_once: int, limits: Limits) -> None:
        self.limits = limits
        self._turns = BoundedSemaphore(at_once)
        self._paces: dict[str, _Pace] = {}
        self._pools = Pools(host_of(named), at_once)
        self._unanswered = 0

    def fetch(
        self,
        url: str,
        known: Receipt | None = None,
        *,
        kinds: Container[str] | None = None,
        first_bytes: int | None = None,
    ) -> Fetched:
        """Return what is at a normal address.

        :param known: of what is there by our knowledge, so that the server need not send it again
        :param kinds: the media types that are of use
        :param first_bytes: that are of use; the rest is left
        :raises Refused: the server says no
        :raises Unanswered: it says nothing, or not now
        :raises Unreadable: what it says is not for us
        """
        request = _Request(url, _headers(known), kinds, first_bytes)
        try:
            return self._counted(request)
        except Unanswered as error:
            wait_s = error.retry_after_s
            if wait_s is None or wait_s > self.limits.wait_s:
                raise
        self._pace(url).hold(wait_s)
        return self._counted(request)

    def slow_down(self, url: str, delay_s: float) -> None:
        """Keep this long between two requests to the host of an address, within the limit."""
        self._pace(url).delay_s = min(delay_s, self.limits.delay_s)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pools.close()

    def _counted(self, request: "_Request") -> Fetched:
        if self._unanswered >= MOST_UNANSWERED:
            raise Unanswered("the server has stopped answering")
        try:
            fetched = self._in_time(request)
        except Unanswered:
            self._unanswered += 1
            raise
        except Unreadable:
            self._unanswered = 0
            raise
        self._unanswered = 0
        return fetched

    def _in_time(self, request: "_Request") -> Fetched:
        with self._turns:
            self._pace(request.url).wait()
            timeout = gevent.Timeout(self.limits.page_s)
            try:
                with timeout:
                    return self._follow(request)
            except gevent.Timeout as error:
                if error is not timeout:
                    raise
                raise Unanswered(f"took longer than {self.limits.page_s:g} s") from error
            except HTTPError as error:
                raise translated(error) from error

    def _follow(self, request: "_Request") -> Fetched:
        url, been, moves = request.url, {request.url}, set[int]()
        while True:
            response = self._ask(url, request.headers)
            try:
                if response.status not in _REDIRECTS:
                    return self._take(response, url, request, is_lasting=moves <= _LASTING)
                moves.add(response.status)
                url = _next(response, url)
                # A little body is taken, so that the connection can be used again.
                response.read(READ_BYTES, decode_content=False)
            finally:
                response.close()
            if url in been or len(been) > MOST_REDIRECTS:
                raise Unreadable("redirects in a circle" if url in been else "redirects too often")
            been.add(url)

    def _ask(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        return self._pools.of(url).urlopen(
            "GET",
            urllib3.util.parse_url(url).request_uri,
            headers=headers,
            timeout=urllib3.Timeout(connect=self.limits.silent_s, read=self.limits.silent_s),
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def _take(
        self, response: urllib3.BaseHTTPResponse, url: str, request: "_Request", *, is_lasting: bool
    ) -> Fetched:
        status, head = response.status, response.headers
        is_unchanged = status == HTTPStatus.NOT_MODIFIED and request.is_conditional
        if status != HTTPStatus.OK and not is_unchanged:
            response.read(READ_BYTES, decode_content=False)
            raise refusal(status, head.get("Retry-After"))
        kind, options = parse_options_header(head.get("Content-Type", "").lower())
        if request.kinds is not None and kind and kind not in request.kinds and not is_unchanged:
            raise Unreadable(f"{kind} is not a page")
        return Fetched(
            url=url,
            is_lasting=is_lasting,
            kind=kind,
            charset=options.get("charset") or None,
            robots=head.get("X-Robots-Tag", ""),
            etag=head.get("ETag", ""),
            last_modified=head.get("Last-Modified", ""),
            is_unchanged=is_unchanged,
            body=_body(response, request.first_bytes, self._most_bytes(kind)),
        )

    def _most_bytes(self, kind: str) -> int:
        return self.limits.page_bytes if kind in PAGES or not kind else self.limits.list_bytes

    def _pace(self, url: str) -> "_Pace":
        return self._paces.setdefault(host_of(url), _Pace())


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    headers: dict[str, str]
    kinds: Container[str] | None
    first_bytes: int | None

    @property
    def is_conditional(self) -> bool:
        return not self.headers.keys().isdisjoint({"If-None-Match", "If-Modified-Since"})


class _Pace:
    """When the next request to a host may be sent."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self._next_at = 0.0

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        now = monotonic()
        at = max(self._next_at, now)
        self._next_at = at + self.delay_s
        gevent.sleep(at - now)

    def hold(self, for_s: float) -> None:
        """Let nobody have a turn for a while."""
        self._next_at = max(self._next_at, monotonic() + for_s)


def _headers(known: Receipt | None) -> dict[str, str]:
    # Some firewalls take who accepts nothing for an attacker.
    headers = {"User-Agent": _agent(), "Accept": "text/html, */*;q=0.8", "Accept-Encoding": "gzip, deflate"}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


@cache
def _agent() -> str:
    try:
        return f"chatsse/{version('chatsse')} (reads this site for its own chat)"
    except PackageNotFoundError:
        return "chatsse (reads this site for its own chat)"


def _next(response: urllib3.BaseHTTPResponse, url: str) -> str:
    """Return where a redirect leads."""
    to = normal(response.headers.get("Location", ""), url)
    if site_of(to) != site_of(url):
        raise Unreadable(f"redirects to another site: {host_of(to)}")
    return to


def _body(response: urllib3.BaseHTTPResponse, first_bytes: int | None, most_bytes: int) -> bytes:
    limit = first_bytes or most_bytes
    body = bytearray()
    while len(body) <= limit and (part := response.read(READ_BYTES)):
        body += part
    if first_bytes is None and len(body) > limit:
        raise Unreadable(f"larger than {limit // MB} MB")
    return bytes(body[:limit])
