"""A stand-in for a blog's server: local, true to the wire, with faults on demand.

    with BlogServer() as blog:
        blog.serve("/post/", "<h1>A post</h1>", headers={"ETag": '"1"'})
        blog.serve("/old/", status=301, headers={"Location": "/post/"})
        blog.serve("/slow/", [b"<h1>A", Wait(gate), b" post</h1>"])
        blog.serve("/busy/", status=503, times=1)          # then what was there before, if anything
        ...                                                # ask {blog.url}/post/
        assert blog.asked == ["/post/"]

A body is text, bytes, or a list of steps: `bytes` go out as they are; `Wait`, `Drip`, `Endless`, `Silence`
and `Cut` are faults. A step may also come `before` the head. Of text and bytes the head tells the length; a
list of steps ends where the connection does. What is not served is 404. A request whose `If-None-Match` or
`If-Modified-Since` says what the headers do gets a 304 by itself.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import responses
from types import TracebackType
from typing import Self, TypeAlias

import gevent
from gevent.server import StreamServer

RESET = struct.pack("ii", 1, 0)
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Wait:
    """Nothing until `gate` is set."""

    gate: threading.Event


@dataclass(frozen=True)
class Drip:
    """A byte at a time, never long silent, until the client goes away."""

    pause_s: float = 0.05


@dataclass(frozen=True)
class Endless:
    """The same bytes again and again, until the client goes away or there are `most` of them."""

    part: bytes = b" " * CHUNK_BYTES
    most: int = 1 << 40


@dataclass(frozen=True)
class Silence:
    """Nothing, until the client goes away."""


@dataclass(frozen=True)
class Cut:
    """The connection is reset."""


Step: TypeAlias = bytes | Wait | Drip | Endless | Silence | Cut
Body: TypeAlias = str | bytes | list[Step]


@dataclass
class Reply:
    """What a path is answered with; `times` None: always."""

    body: Body
    status: int
    headers: dict[str, str]
    before: Step | None
    times: int | None


@dataclass(frozen=True)
class Request:
    """What a client sent; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass
class BlogServer:
    """A blog on a port of its own.

    :ivar requests: all that came, in order
    :ivar most_at_once: the most requests that were ever under way together
    :ivar sent: how many bytes of bodies went out
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self._replies: dict[str, list[Reply]] = {}
        self._server = StreamServer(
            (self.host, self.port), self._serve, **({"ssl_context": self.tls} if self.tls else {})
        )

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for, without robots.txt."""
        return [request.path for request in self.requests if request.path != "/robots.txt"]

    def serve(
        self,
        path: str,
        body: Body = b"",
        *,
        status: int = 200,
        kind: str = "text/html; charset=utf-8",
        headers: Mapping[str, str] | None = None,
        before: Step | None = None,
        times: int | None = None,
    ) -> None:
        """Answer a path so from now on, or so many times."""
        reply = Reply(body, status, {"Content-Type": kind, **(headers or {})}, before, times)
        kept = [each for each in self._replies.get(path, []) if times is not None]
        self._replies[path] = [reply, *kept]

    def request(self, path: str) -> Request:
        """Return the last request for a path."""
        return [each for each in self.requests if each.path == path][-1]

    def __enter__(self) -> Self:
        self._server.start()
        self.port = self._server.server_port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(timeout=0)

    def _serve(self, sock: socket.socket, _: object) -> None:
        with suppress(OSError), sock, sock.makefile("rb") as received:
            while request := _received(received):
                self.requests.append(request)
                with self._counted():
                    is_open = self._answer(sock, request)
                if not is_open:
                    return

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            self.at_once -= 1

    def _answer(self, sock: socket.socket, request: Request) -> bool:
        """Answer a request; return whether the connection can be used again."""
        reply = self._reply(request.path)
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        headers = dict(reply.headers)
        status = 304 if reply.status == 200 and _is_known(request, headers) else reply.status
        if status == 304:
            body = b""
        if reply.before:
            self._step(sock, reply.before)
        if isinstance(body, bytes):
            headers.setdefault("Content-Length", str(len(body)))
        sock.sendall(_head(status, headers))
        for step in [body] if isinstance(body, bytes) else body:
            self._step(sock, step)
        return isinstance(body, bytes)

    def _reply(self, path: str) -> Reply:
        for reply in self._replies.get(path, []):
            if reply.times is None:
                return reply
            if reply.times > 0:
                reply.times -= 1
                return reply
        return Reply(b"not here", 404, {"Content-Type": "text/plain"}, None, None)

    def _step(self, sock: socket.socket, step: Step) -> None:
        match step:
            case bytes():
                self._send(sock, step)
            case Wait(gate):
                gate.wait()
            case Drip(pause_s):
                while True:
                    self._send(sock, b" ")
                    gevent.sleep(pause_s)
            case Endless(part, most):
                while most > 0:
                    self._send(sock, part)
                    most -= len(part)
            case Silence():
                sock.recv(1)
            case Cut():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                raise ConnectionAbortedError

    def _send(self, sock: socket.socket, data: bytes) -> None:
        sock.sendall(data)
        self.sent += len(data)


def _received(lines: "socket.SocketIO") -> Request | None:
    first = lines.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = {}
    while line := lines.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(first[1], headers)


def _is_known(request: Request, headers: Mapping[str, str]) -> bool:
    return any(
        headers.get(ours) is not None and request.headers.get(theirs) == headers[ours]
        for ours, theirs in (("ETag", "if-none-match"), ("Last-Modified", "if-modified-since"))
    )


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {responses.get(status, '')}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
