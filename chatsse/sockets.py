"""A client's connection, and what one may cost whose other end does not play its part.

| the client | is let go |
|---|---|
| sends its request slowly, or none | `RECEIVE_S` after the request, or the connection, began |
| does not read | `SEND_S` after it took the last bytes; the kernel holds `SEND_BUFFER_BYTES` for it |
| has vanished without a word | at the first ping after `VANISHED_S` in which it acknowledged nothing |

None of this needs a timer while all goes well. The wait between two requests is gunicorn's `keepalive`.
"""

import errno
import socket
from contextlib import suppress
from time import monotonic

import gevent.socket
from werkzeug.exceptions import RequestTimeout

RECEIVE_S = 15
SEND_S = 30
# With pings on both sides of it, a reader that has vanished is gone within a minute.
VANISHED_S = 25
# The kernel takes it twice, for its own book-keeping. Left alone, it grows to megabytes.
SEND_BUFFER_BYTES = 64 * 1024
# How much of a body that nobody wanted is taken, so that its sender gets to read why.
LINGER_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024


class Client(gevent.socket.socket):  # type: ignore[misc]  # gevent comes without types
    """A client's connection, for gunicorn to serve.

    Whatever way it breaks, it does so with a reset: gunicorn passes over that in silence, and logs a
    traceback of anything else.

    :param accepted: as the server has it; of no more use afterwards
    :ivar whole_by: when the request under way must have arrived; None: between two requests
    """

    __slots__ = ("whole_by",)

    def __init__(self, accepted: gevent.socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.whole_by: float | None = monotonic() + RECEIVE_S

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has come, at most `size` bytes; the first ones of a request set its deadline.

        :raises RequestTimeout: the request is not whole in time
        :raises ConnectionResetError: the client is gone
        """
        left_s = None if self.whole_by is None else self.whole_by - monotonic()
        if left_s is not None and left_s <= 0:
            raise RequestTimeout
        self.settimeout(left_s)
        try:
            received: bytes = super().recv(size, flags)
        except TimeoutError as error:
            raise RequestTimeout from error
        except OSError as error:
            raise _reset() from error
        self.whole_by = self.whole_by or monotonic() + RECEIVE_S
        return received

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Send all of `data`, in one system call where the kernel has room: gevent's own takes two.

        :raises ConnectionResetError: the client is gone, or does not read
        """
        # As settimeout() does, whose checks cost a sixth of the write.
        self.timeout = SEND_S  # type: ignore[misc]  # a slot of the untyped base
        try:
            sent = self.send(data, flags)
            while sent < len(data):
                sent += self.send(memoryview(data)[sent:], flags)
        except OSError as error:
            raise _reset() from error

    def linger(self) -> None:
        """End the response, and take a little more of what the client still sends.

        To close over unread bytes is to reset, which can take back the response (RFC 9112, 9.6).
        """
        left = LINGER_BYTES
        with suppress(OSError, RequestTimeout):
            self.shutdown(socket.SHUT_WR)
            while left > 0 and (received := self.recv(READ_BYTES)):
                left -= len(received)


def bound(listener: gevent.socket.socket) -> None:
    """Bound what the kernel holds, and how long it waits, for each connection of a listener.

    They inherit its options. Behind a socket in the file system is a proxy, which does not vanish. Other
    systems than Linux have no such timeout, and theirs are longer.
    """
    if listener.family == socket.AF_UNIX:
        return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_S * 1000)


def _reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client is gone")
