"""A way to Redis with the faults of a network, on which a test decides what becomes of each request."""

import contextlib
import enum
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

# What a connection says before anybody asks something on it.
HANDSHAKE = (b"CLIENT", b"SELECT", b"HELLO", b"SUBSCRIBE")


class Fate(enum.Enum):
    """What becomes of a request; all but the first end its connection."""

    PASSED = enum.auto()
    REPLY_LOST = enum.auto()
    LOST = enum.auto()
    LATE = enum.auto()


class RepliesLost:
    """Loses the reply to each request that holds `word`, the first time that it is sent.

    :ivar lost: the requests whose reply was lost
    """

    def __init__(self, word: bytes = b"") -> None:
        self.lost: list[bytes] = []
        self._word = word

    def __call__(self, request: bytes) -> Fate:
        is_meant = self._word in request and not any(word in request for word in HANDSHAKE)
        if not is_meant or request in self.lost:
            return Fate.PASSED
        self.lost.append(request)
        return Fate.REPLY_LOST


@dataclass(eq=False)
class _Carried:
    """A connection, on both sides of the relay."""

    client: socket.socket
    redis: socket.socket
    asked: bytearray = field(default_factory=bytearray)
    loses_reply: bool = False
    is_silent: bool = False

    def cut(self) -> None:
        for sock in (self.client, self.redis):
            with contextlib.suppress(OSError):  # It was gone already.
                sock.shutdown(socket.SHUT_RDWR)


class Relay:
    """Passes on what clients and a Redis say to each other; `with` starts and stops it.

    :ivar decide: gets the bytes of each request, those of one write of a client
    :ivar late: requests that wait for `deliver`
    """

    def __init__(self, redis_port: int, decide: Callable[[bytes], Fate] = lambda _: Fate.PASSED) -> None:
        self.decide = decide
        self.late: list[bytes] = []
        self._redis_port = redis_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[_Carried] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            each.cut()

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/{database}"

    def fall_silent(self, word: bytes) -> bool:
        """Carry nothing more on the connections on which `word` was sent; return whether there is one."""
        found = [each for each in self._open if word in each.asked]
        for each in found:
            each.is_silent = True
        return bool(found)

    def deliver(self, database: int) -> None:
        """Have Redis carry out what is late; nobody hears the replies."""
        requests, self.late = self.late, []
        for request in requests:
            with self._connect() as redis:
                redis.sendall(b"SELECT %d\r\n" % database + request)
                redis.shutdown(socket.SHUT_WR)
                while redis.recv(1 << 16):
                    pass

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._redis_port))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Either side may be gone, or not be there yet.
        with contextlib.suppress(OSError), client, self._connect() as redis:
            for sock in (client, redis):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            carried = _Carried(client, redis)
            self._open.add(carried)
            answering = threading.Thread(target=_answer, args=(carried,), daemon=True)
            answering.start()
            try:
                self._ask(carried)
                # Redis carries out what it was sent, then it closes.
                redis.shutdown(socket.SHUT_WR)
                answering.join()
            finally:
                self._open.discard(carried)

    def _ask(self, carried: _Carried) -> None:
        """Pass on what the client sends, until a request has another fate."""
        while request := carried.client.recv(1 << 16):
            carried.asked += request
            if carried.is_silent:
                continue
            fate = self.decide(request)
            if fate is Fate.LATE:
                self.late.append(request)
            if fate in (Fate.LATE, Fate.LOST):
                return
            carried.loses_reply |= fate is Fate.REPLY_LOST
            carried.redis.sendall(request)


def _answer(carried: _Carried) -> None:
    with contextlib.suppress(OSError):
        while reply := carried.redis.recv(1 << 16):
            if carried.loses_reply:
                break
            if not carried.is_silent:
                carried.client.sendall(reply)
    carried.cut()
