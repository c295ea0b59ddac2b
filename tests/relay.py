"""A way to Redis on which a test decides what becomes of each request."""

import contextlib
import enum
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Fate(enum.Enum):
    """What becomes of a request; all but the first end its connection."""

    PASSED = enum.auto()
    REPLY_LOST = enum.auto()
    LOST = enum.auto()
    LATE = enum.auto()


class Relay:
    """Passes on what clients and a Redis say to each other; `with` starts and stops it.

    :param decide: gets the bytes of each request, those of one write of a client
    :ivar late: requests that wait for `deliver`
    """

    def __init__(self, redis_port: int, decide: Callable[[bytes], Fate]) -> None:
        self._redis_port = redis_port
        self._decide = decide
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.late: list[bytes] = []

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

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/{database}"

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
        lost = threading.Event()
        # Either side may be gone, or not be there yet.
        with contextlib.suppress(OSError), client, self._connect() as redis:
            for sock in (client, redis):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answering = threading.Thread(target=_answer, args=(redis, client, lost), daemon=True)
            answering.start()
            fate = Fate.PASSED
            while fate is Fate.PASSED and (request := client.recv(1 << 16)):
                fate = self._decide(request)
                if fate is Fate.LATE:
                    self.late.append(request)
                if fate is Fate.REPLY_LOST:
                    lost.set()
                if fate in (Fate.PASSED, Fate.REPLY_LOST):
                    redis.sendall(request)
            # Redis carries out what it was sent, then it closes.
            redis.shutdown(socket.SHUT_WR)
            answering.join()


def _answer(redis: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while replies := redis.recv(1 << 16):
            if not lost.is_set():
                client.sendall(replies)
