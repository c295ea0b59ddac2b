"""A TCP relay in front of Redis that can lose replies: what was asked is done, and nobody is told."""

import socket
from contextlib import suppress

import gevent
from gevent.server import StreamServer


class Relay(StreamServer):
    """The relay; `start` and `stop` it.

    :param port: whom it stands in front of
    """

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0))
        self._port = port
        self._open: set[socket.socket] = set()
        self._losing: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_port}/0"

    def lose_replies(self) -> None:
        """Have each open connection end with the next that Redis says on it, which is lost."""
        self._losing = set(self._open)

    def handle(self, client: socket.socket, address: object) -> None:
        # Whoever was there may be gone.
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as redis:
            for sock in (client, redis):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(client)
            asking = gevent.spawn(self._pass_on, client, redis)
            try:
                self._answer(redis, client)
            finally:
                self._open.discard(client)
                asking.kill()

    def _answer(self, redis: socket.socket, client: socket.socket) -> None:
        while (data := redis.recv(1 << 16)) and client not in self._losing:
            client.sendall(data)

    def _pass_on(self, client: socket.socket, redis: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                redis.sendall(data)
            redis.shutdown(socket.SHUT_RDWR)
