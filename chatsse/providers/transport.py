"""An `httpx2` transport over `urllib3`.

The SDKs of the model services sit on `httpx2`, whose HTTP/1.1 in pure Python costs several times the
CPU of `urllib3` for each chunk of a stream. An SDK takes a transport of ours, so everything above the
connection stays its own: authentication, retries, typed errors.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import httpx2
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from chatsse.errors import ConfigError

# Connections kept for the next request; more are opened at need, and closed when they come back.
MAX_IDLE = 1000
READ_BYTES = 16384
BUFFER_BYTES = 1024
FINISH_TIMEOUT_S = 0.2

# The first that fits counts: in urllib3 a refused connection is a kind of connect timeout.
ERRORS: tuple[tuple[type[HTTPError], type[httpx2.TransportError]], ...] = (
    (ProxyError, httpx2.ProxyError),
    (NewConnectionError, httpx2.ConnectError),
    (ConnectTimeoutError, httpx2.ConnectTimeout),
    (ReadTimeoutError, httpx2.ReadTimeout),
    (SSLError, httpx2.ConnectError),
    (HTTPError, httpx2.RemoteProtocolError),
)


class Body(httpx2.SyncByteStream):
    """The body of a response, one HTTP chunk after the other.

    `Response.extensions["body"]` holds it too, so that a reader can let go of everything else.
    """

    __slots__ = ("_chunks", "_response")

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        # stream() would hold back what is shorter than READ_BYTES where the body is not chunked.
        self._chunks = response.read_chunked(READ_BYTES) if response.chunked else _reads(response)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.next_chunk():
            yield chunk

    def next_chunk(self) -> bytes:
        """Return what comes next, as soon as it comes; nothing at the end.

        :raises httpx2.TransportError: the connection failed
        """
        # No generator of our own: a stream that waits keeps the C stack of all that it waits in.
        try:
            return next(self._chunks, b"")
        except HTTPError as error:
            raise _translated(error) from error

    def set_timeout(self, timeout_s: float) -> None:
        """Have the next reads raise `httpx2.ReadTimeout` after `timeout_s` without a byte."""
        sock = getattr(self._response.connection, "sock", None)
        # None: the service said `Connection: close`, and the socket is out of reach.
        if sock is not None:
            sock.settimeout(timeout_s)

    def finish(self) -> None:
        """Return the connection to the pool if the body ends here, as it should, else close it."""
        self.set_timeout(FINISH_TIMEOUT_S)
        try:
            with suppress(httpx2.TransportError):
                self.next_chunk()
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, unless it is back in the pool."""
        self._response.close()


class _Response(http.client.HTTPResponse):
    """A response with a buffer of the size that an event has, since thousands of streams have one each."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = sock.makefile("rb", BUFFER_BYTES)  # type: ignore[assignment]


class _PlainConnection(urllib3.connection.HTTPConnection):
    response_class = _Response


class _TlsConnection(urllib3.connection.HTTPSConnection):
    response_class = _Response


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Pools(urllib3.PoolManager):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class Transport(httpx2.BaseTransport):
    """Sends requests through a pool of `urllib3`, or through the proxy that the environment names."""

    def __init__(self) -> None:
        trust = httpx2.create_ssl_context()
        self._direct = _Pools(maxsize=MAX_IDLE, ssl_context=trust)
        self._proxies = {
            scheme: _proxy(address, trust)
            for scheme, address in getproxies().items()
            if scheme in ("http", "https", "all")
        }

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response as soon as its head is here.

        :raises httpx2.TransportError: no connection, or no response
        """
        timeouts = request.extensions["timeout"]
        with _translated_errors():
            response = self._pool(request.url).urlopen(
                request.method,
                str(request.url),
                body=request.read(),
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=timeouts["connect"], read=timeouts["read"]),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        body = Body(response)
        return httpx2.Response(
            response.status, headers=_headers(response), stream=body, extensions={"body": body}
        )

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for pool in (self._direct, *self._proxies.values()):
            pool.clear()

    def _pool(self, url: httpx2.URL) -> urllib3.PoolManager:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return self._direct if proxy is None or proxy_bypass(url.host) else proxy


def _proxy(address: str, trust: ssl.SSLContext) -> urllib3.ProxyManager:
    """Return the pool behind the proxy at `address`, which may hold a name and a password."""
    try:
        login = urllib3.util.parse_url(address).auth
        headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        return urllib3.ProxyManager(address, proxy_headers=headers, maxsize=MAX_IDLE, ssl_context=trust)
    except HTTPError as error:
        raise ConfigError("HTTPS_PROXY", "not an address that starts with http:// or https://") from error


def _reads(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    while chunk := response.read1(READ_BYTES):
        yield chunk


def _headers(response: urllib3.BaseHTTPResponse) -> list[tuple[str, str]]:
    """Return the headers, without those that no longer hold once `urllib3` has decoded the body."""
    gone = ("content-encoding", "content-length", "transfer-encoding")
    return [(name, value) for name, value in response.headers.items() if name.lower() not in gone]


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        raise _translated(error) from error


def _translated(error: HTTPError) -> httpx2.TransportError:
    return next(ours for theirs, ours in ERRORS if isinstance(error, theirs))(str(error))
