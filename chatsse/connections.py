"""A process's connections to Redis: four, whatever the load.

| connection | carries |
|---|---|
| `commands` | all that is short: questions, range reads, claims; shared by all greenlets |
| `appends` | the journal's group commits |
| `work` | the blocking read of the work queue |
| pub/sub | every live event of every stream of the process; the hub makes it |

redis-py connects, signs in and speaks TLS. Its client is left out: with it a greenlet holds a connection
for each round trip, and at a thousand streams either the greenlets wait for each other or the connections
outgrow a small Redis plan. So is its reading, which costs several times the parser it calls.
"""

import math
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeAlias

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal
from hiredis import ProtocolError, Reader, ReplyError, pack_command
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from chatsse.errors import ConfigError, RedisAway

Argument: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Argument, ...]
Waiting: TypeAlias = "tuple[Sequence[Command], AsyncResult[list[Any]]]"
Maker: TypeAlias = Callable[[float | None], "Wire"]

TIMEOUT_S = 3
READ_BYTES = 64 * 1024
NOTHING_YET = object()
# How long a read of the work queue blocks in Redis; a process that must stop waits for it to end. Its
# connection waits longer than that: a block that outlasts the timeout looks like a dead connection.
WORK_BLOCK_MS = 1000


class Wire:
    """The bytes of a connection.

    :param connection: of redis-py's, not connected yet
    :raises RedisError: it can't be connected
    """

    def __init__(self, connection: ConnectionInterface) -> None:
        self._connection = connection
        try:
            connection.connect()
        except BaseException:
            connection.disconnect()
            raise
        self._sock: socket.socket = connection._sock  # type: ignore[attr-defined]  # noqa: SLF001 -- it has no other name
        self._reader = Reader(notEnoughData=NOTHING_YET)

    def send(self, *commands: Command) -> None:
        """Send commands in one write.

        :raises OSError:
        """
        self._sock.sendall(b"".join(map(_packed, commands)))

    def reply(self) -> Any:
        """Return the next reply: bytes, an integer, a list, None, or the error that it is.

        :raises OSError:
        """
        try:
            while (reply := self._reader.gets()) is NOTHING_YET:
                received = self._sock.recv(READ_BYTES)
                if not received:
                    raise ConnectionResetError("redis has closed the connection")
                self._reader.feed(received)
        except ProtocolError as error:
            raise ConnectionAbortedError("what came is not Redis' protocol") from error
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()


class Line:
    """One connection, made when it is needed and again when it is lost. One greenlet at a time."""

    def __init__(self, make: Maker, timeout_s: float = TIMEOUT_S) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._wire: Wire | None = None
        self._is_second = False
        self._renewed_at = -math.inf

    @property
    def unbroken_s(self) -> float:
        """For how long the connection has held since it was made again; infinite while it is the first."""
        return monotonic() - self._renewed_at

    def round_trip(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one write and return their replies: bytes, integers, lists, None, errors.

        :raises RedisAway: the connection failed, and any of the commands may have been carried out
        """
        try:
            wire = self._wire or self._connect()
            wire.send(*commands)
            replies = [wire.reply() for _ in commands]
        except (RedisError, OSError) as error:
            self.close()
            raise RedisAway from error
        except BaseException:
            # Killed between a command and its reply: the next reader would take it for its own.
            self.close()
            raise
        if any(isinstance(reply, ReplyError) and "READONLY" in str(reply) for reply in replies):
            # It has been replaced as the master: a new connection looks up who is at the address now.
            self.close()
        return replies

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._is_second = True
        wire, self._wire = self._wire, None
        if wire:
            wire.close()

    def _connect(self) -> Wire:
        # Each of its steps has a timeout, but a resolver or a slow peer strings many of them together.
        with gevent.Timeout(TIMEOUT_S, TimeoutError("no answer while connecting")):
            self._wire = self._make(self._timeout_s)
        if self._is_second:
            self._renewed_at = monotonic()
        return self._wire


class SharedLine:
    """One connection for all greenlets: what they ask for at the same time goes in the same round trip."""

    def __init__(self, make: Maker) -> None:
        self._line = Line(make)
        self._waiting: list[Waiting] = []
        self._wake = Signal()
        self._runner: gevent.Greenlet[..., None] | None = None

    @property
    def unbroken_s(self) -> float:
        """As `Line.unbroken_s`."""
        return self._line.unbroken_s

    def execute(self, *commands: Command) -> list[Any]:
        """Return the replies to commands that are sent in one piece, but not as a transaction.

        Where the connection turns out to be lost they are sent again: they must bear that.

        :raises RedisAway: Redis can't be reached, or answered one of them with an error
        """
        result: AsyncResult[list[Any]] = AsyncResult()
        self._waiting.append((commands, result))
        self._wake.set()
        if not self._runner:
            self._runner = gevent.spawn(self._run)
        replies: list[Any] = result.get()
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise RedisAway from reply
        return replies

    def close(self) -> None:
        """Close the connection; what waits for it fails."""
        if self._runner:
            self._runner.kill()
        self._line.close()
        _fail(self._waiting, RedisAway())

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            try:
                replies = iter(self._twice([command for commands, _ in waiting for command in commands]))
            except Exception as error:  # noqa: BLE001 -- raised again where each of them waits
                if _is_timeout(error):
                    # Redis hangs: whoever came meanwhile has waited, too, and must not for a second one.
                    waiting, self._waiting = waiting + self._waiting, []
                _fail(waiting, error)
            except BaseException:
                _fail(waiting, RedisAway())
                raise
            else:
                for commands, result in waiting:
                    result.set([next(replies) for _ in commands])

    def _twice(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return self._line.round_trip(commands)
        except RedisAway as error:
            if _is_timeout(error):
                raise
            return self._line.round_trip(commands)


def _is_timeout(error: Exception) -> bool:
    return isinstance(error.__cause__, (TimeoutError, RedisTimeout))


def _fail(waiting: list[Waiting], error: Exception) -> None:
    for _, result in waiting:
        result.set_exception(error)


class Connections:
    """The connections of one process; none is made before it is used.

    :param url: `redis://`, `rediss://` or `unix://`
    :raises ConfigError: the address has options that can't be used
    """

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {
            "protocol": 2,
            "socket_connect_timeout": TIMEOUT_S,
            "client_name": "chatsse",
            # Whether to try again is for whoever sends a command to say.
            "retry": Retry(NoBackoff(), 0),
        }
        if not url.startswith("unix:"):
            options |= {"socket_keepalive": True}
        if url.startswith("rediss:") and "ssl_cert_reqs" not in url:
            # Hosts such as Heroku sign their Redis servers' certificates themselves; an owner who has a
            # real one adds `?ssl_cert_reqs=required` to the address.
            options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
        # Serves to read the address; a pool's own book-keeping is for connections that come back to it.
        try:
            self._pool = ConnectionPool.from_url(url, **options)
            self._connection(TIMEOUT_S)
        except (TypeError, ValueError, RedisError) as error:
            raise ConfigError("REDIS_URL", f"its options can't be used: {error}") from error
        self.commands = SharedLine(self.make)
        self.appends = Line(self.make)
        self.work = Line(self.make, TIMEOUT_S + WORK_BLOCK_MS / 1000)

    def make(self, timeout_s: float | None) -> Wire:
        """Return a new connection, whose replies may take `timeout_s`.

        :raises RedisError: it can't be made
        """
        return Wire(self._connection(timeout_s))

    def _connection(self, timeout_s: float | None) -> ConnectionInterface:
        options = {**self._pool.connection_kwargs, "socket_timeout": timeout_s}
        connection: ConnectionInterface = self._pool.connection_class(**options)
        return connection

    def close(self) -> None:
        """Close them."""
        self.commands.close()
        self.appends.close()
        self.work.close()


def fields_of(reply: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the mapping that Redis spells as a list of names and values in turn."""
    each = iter(reply)
    return dict(zip(each, each, strict=True))


def flat(fields: Mapping[str, Argument]) -> list[Argument]:
    """Return a mapping as Redis takes it: names and values in turn."""
    return [each for pair in fields.items() for each in pair]


def _packed(command: Command) -> bytes:
    # hiredis annotates the tuple as one of a single item.
    return pack_command(command)  # type: ignore[arg-type, no-any-return]
