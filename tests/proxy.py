"""A proxy between chatsse and its Redis, with the faults that a network has."""

import socket
from types import TracebackType
from typing import Self

import gevent
from gevent.server import StreamServer

# What a connection says before anybody asks something on it.
HANDSHAKE = (b"CLIENT", b"SELECT", b"HELLO", b"SUBSCRIBE")


class Proxy:
    """Carries connections to a Redis, until it is told to fail them.

    :ivar lost: the requests whose reply was lost
    """

    def __init__(self, port: int) -> None:
        self.lost: list[bytes] = []
        self._to = ("127.0.0.1", port)
        self._server = StreamServer(("127.0.0.1", 0), self._carry)
        self._open: list[_Carried] = []
        self._loses = b""

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self._server.server_port}/{database}"

    def lose_replies(self, word: bytes = b"") -> None:
        """Have each request with `word` carried out, but cut its connection before the reply; only once."""
        self._loses = word or b"*"

    def fall_silent(self, word: bytes) -> bool:
        """Carry nothing more on the connections on which `word` was sent; return whether there is one."""
        found = [each for each in self._open if word in each.asked]
        for each in found:
            each.is_silent = True
        return bool(found)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(timeout=0)
        for each in self._open:
            each.cut()

    def _carry(self, client: socket.socket, _: object) -> None:
        carried = _Carried(client, socket.create_connection(self._to))
        self._open.append(carried)
        gevent.joinall([gevent.spawn(self._ask, carried), gevent.spawn(carried.answer)])
        self._open.remove(carried)

    def _ask(self, carried: "_Carried") -> None:
        for request in carried.requests():
            is_meant = self._loses in request and not any(word in request for word in HANDSHAKE)
            carried.is_cut_next = bool(self._loses) and is_meant and request not in self.lost
            if carried.is_cut_next:
                self.lost.append(request)
            carried.carry(request)


class _Carried:
    """One connection on both sides of the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.asked = b""
        self.is_silent = False
        self.is_cut_next = False
        self._client = client
        self._server = server

    def requests(self) -> "gevent.Greenlet":
        while request := _received(self._client):
            self.asked += request
            yield request
        self.cut()

    def carry(self, request: bytes) -> None:
        if not self.is_silent:
            self._server.sendall(request)

    def answer(self) -> None:
        while reply := _received(self._server):
            if self.is_cut_next:
                break
            if not self.is_silent:
                self._client.sendall(reply)
        self.cut()

    def cut(self) -> None:
        for sock in (self._client, self._server):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 20)
    except OSError:
        return b""
