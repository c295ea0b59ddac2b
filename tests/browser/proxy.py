"""A TCP proxy in front of the app that cuts responses where a test says, and notes every request.

    with Proxy(app.port) as proxy:
        proxy.cut("/stream/x", [Cut(100), Cut(0, reset=True)])   # the first two responses of this path
        proxy.pages["/reader"] = "<!doctype html>…"              # a page of the test's own, same origin
        ...                                                      # browse {proxy.url}
        assert [seen.status for seen in proxy.seen("/stream/x")] == [200, 200, 204]

Bytes pass unchanged, but for one header of the request: each response ends its connection, so that the
proxy can tell where it ends without looking into it. Plain threads and sockets.
"""

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Cut:
    """A response's end before its time.

    :param after: so many bytes of the body have been let through
    :param reset: by RST, which drops what is still on its way, in place of FIN
    """

    after: int
    reset: bool = False


@dataclass
class Seen:
    """A request, and what became of it.

    :ivar status: of the response; 0: none yet
    :ivar cut: it was cut
    :ivar closed: set when either side has ended it
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int = 0
    cut: bool = False
    closed: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """The proxy; `with` starts and stops it.

    :param app_port: whom it stands in front of
    :param port: its own; 0: any that is free
    """

    def __init__(self, app_port: int, port: int = 0) -> None:
        self.port = port
        self.pages: dict[str, str] = {}
        # What a proxy that gathers responses holds back of event streams: "all", or their "body".
        self.holds = ""
        self.requests: list[Seen] = []
        self._app_port = app_port
        self._cuts: dict[str, Iterator[Cut]] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self.hang_up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Take connections; after `refuse`, on the same port again."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        with contextlib.suppress(OSError):  # It was closed already.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hang_up(self) -> None:
        """End every open connection."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):  # It was gone already.
                    sock.shutdown(socket.SHUT_RDWR)

    def cut(self, path: str, cuts: Iterable[Cut]) -> None:
        """Cut the next responses of `path`, each at its place; those after them stay whole."""
        with self._lock:
            self._cuts[path] = iter(cuts)

    def seen(self, path: str) -> list[Seen]:
        """Return the requests for `path` so far, preflights aside."""
        return [seen for seen in list(self.requests) if seen.path == path and seen.method != "OPTIONS"]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, self._known(client):
            head, rest = _read_head(client)
            if not head:
                return
            seen = _seen(head)
            with self._lock:
                self.requests.append(seen)
                cut = next(self._cuts.get(seen.path, iter(())), None) if seen.method == "GET" else None
            try:
                if seen.method == "GET" and seen.path in self.pages:
                    seen.status = 200
                    client.sendall(_page(self.pages[seen.path]))
                else:
                    self._forward(client, seen, _alone(head) + rest, cut)
            finally:
                seen.closed.set()

    def _forward(self, client: socket.socket, seen: Seen, request: bytes, cut: Cut | None) -> None:
        with socket.create_connection(("127.0.0.1", self._app_port)) as app, self._known(app):
            app.sendall(request)
            head, body = _read_head(app, passing=client)
            seen.status = int(head.split(maxsplit=2)[1]) if head else 0
            if self.holds and b"text/event-stream" in head:
                client.sendall(head if self.holds == "body" else b"")
                while _next(app, client) is not None:
                    pass
                return
            client.sendall(head)
            left = cut.after if cut else None
            while body is not None:
                client.sendall(body if left is None else body[:left])
                if left is not None and len(body) >= left:
                    seen.cut = True
                    _end(client, reset=bool(cut and cut.reset))
                    return
                left = left and left - len(body)
                body = _next(app, client)

    @contextlib.contextmanager
    def _known(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(sock)
        try:
            with contextlib.suppress(OSError):  # Whoever was there is gone.
                yield
        finally:
            with self._lock:
                self._open.discard(sock)


def _seen(head: bytes) -> Seen:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    parts = urlsplit(target)
    return Seen(method, parts.path, parts.query, headers)


def _alone(head: bytes) -> bytes:
    """Return the request's head, saying that no other request will follow."""
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    return head.removesuffix(HEAD_END) + b"\r\nConnection: close" + HEAD_END


def _read_head(sock: socket.socket, passing: socket.socket | None = None) -> tuple[bytes, bytes]:
    """Return the head that comes from `sock`, and what came of the body with it; nothing at its end.

    :param passing: whoever waits for it, and may leave or have more to send
    """
    data = b""
    while HEAD_END not in data:
        more = _next(sock, passing) if passing else sock.recv(1 << 16)
        if not more:
            return b"", b""
        data += more
    head, end, rest = data.partition(HEAD_END)
    return head + end, rest


def _next(app: socket.socket, client: socket.socket) -> bytes | None:
    """Return what the app sends next, None when one of the two has left; pass on what the client sends."""
    while True:
        ready, _, _ = select.select([app, client], [], [])
        if app in ready:
            return app.recv(1 << 16) or None
        more = client.recv(1 << 16)
        if not more:
            return None
        app.sendall(more)


def _end(sock: socket.socket, *, reset: bool) -> None:
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    else:
        sock.shutdown(socket.SHUT_WR)


def _page(html: str) -> bytes:
    body = html.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
