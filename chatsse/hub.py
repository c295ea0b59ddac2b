"""One process's readers: subscribe to a log, catch up, follow it.

All streams of the process share one pub/sub connection. A reader subscribes, reads the range that follows
its cursor, and from then on takes the messages of the channel, each of which names the top before it: one
that does not follow on the reader's cursor means a gap, and a gap means another range read. So does a new
connection, for what was published while there was none is gone.

Redis may be away for a while: readers then get pings until it is back.
"""

import logging
import random
import secrets
from collections.abc import Iterator
from time import monotonic
from typing import NamedTuple

import gevent
from gevent.event import Event as Signal
from gevent.lock import RLock
from redis.exceptions import RedisError

from chatsse.connections import TIMEOUT_S, Maker, SharedLine, Wire
from chatsse.errors import NotFound, RedisAway
from chatsse.event import PING, START, EventId, encode_missed, parse_id
from chatsse.journal import Journal, log_key
from chatsse.loops import spawn_for_ever

log = logging.getLogger(__name__)

PING_S = 15
RETRY_S = 0.5
# How long a request waits for its subscription before it answers and goes on waiting behind pings.
SUBSCRIBE_S = 2
TICK_S = 1
# A probe that Redis took this long before it comes back, or doesn't, means that the connection is deaf.
DEAF_S = 5
# How long it takes until all readers are dismissed, and how far apart a few are.
DRAIN_S = 5
TURN_S = 0.02
# What may wait for a reader that does not read; past it, the log in Redis is the only buffer.
MAX_WAITING_BYTES = 128 * 1024


class Message(NamedTuple):
    """What an append tells the log's channel."""

    previous: bytes
    last: bytes
    ended: bool
    frames: bytes


class Channel:
    """The readers of one log; `is_open` is set while Redis has confirmed the subscription."""

    __slots__ = ("is_open", "readers")

    def __init__(self) -> None:
        self.is_open = Signal()
        self.readers: list[Reader] = []


class Reader:
    """One response's place in one log. Give it back with `close`.

    :ivar first: what is to be sent before anything else
    :ivar last: what is to be sent where the reader is dismissed before the log has ended
    :ivar has_ended: nothing will come any more
    """

    __slots__ = (
        "_channel",
        "_cursor",
        "_hub",
        "_is_behind",
        "_is_dismissed",
        "_messages",
        "_owes_ping",
        "_waiting_bytes",
        "_woken",
        "answer_id",
        "first",
        "has_ended",
        "heard_at",
        "last",
    )  # fmt: skip

    def __init__(self, hub: "Hub", channel: Channel, answer_id: str, cursor: EventId) -> None:
        self.answer_id = answer_id
        self.first = b""
        self.last = b""
        self.has_ended = False
        self.heard_at = monotonic()
        self._hub = hub
        self._channel = channel
        self._cursor = _bytes(cursor)
        self._woken = Signal()
        self._messages: list[Message] = []
        self._waiting_bytes = 0
        self._is_behind = True
        self._is_dismissed = False
        self._owes_ping = False

    def catch_up(self) -> bytes:
        """Return the frames that follow the cursor, neighbouring tokens as one frame.

        :raises NotFound:
        :raises RedisAway:
        """
        if not self._channel.is_open.wait(SUBSCRIBE_S):
            raise RedisAway
        self._is_behind = False
        try:
            events, self.has_ended = self._hub.journal.missed(self.answer_id, self.cursor)
        except RedisAway:
            self._is_behind = True
            raise
        if events:
            self._cursor = _bytes(events[-1].id)
        return encode_missed(events)

    def __iter__(self) -> Iterator[bytes]:
        """Yield frames as they come, those that came together as one piece, until the log has ended.

        Yields a ping after `PING_S` of silence. Returns early when the reader is dismissed.
        """
        if self.first:
            yield self.first
        while not (self.has_ended or self._is_dismissed):
            self._woken.clear()
            frames = self._try_to_catch_up() if self._is_behind else self._take()
            if not frames and self._owes_ping:
                frames = PING
            if frames:
                self.heard_at = monotonic()
                self._owes_ping = False
                yield frames
            elif not self.has_ended:
                self._woken.wait(self._retry_s())
        if self.last and not self.has_ended:
            yield self.last

    @property
    def cursor(self) -> EventId:
        """The id of the last event that was given out or passed over."""
        return parse_id(self._cursor) or START

    def push(self, message: Message) -> None:
        """Take a live message; never blocks."""
        self._messages.append(message)
        self._waiting_bytes += len(message.frames)
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self.fall_behind()
        self._woken.set()

    def fall_behind(self) -> None:
        """Have the log read again from the cursor, for there may be a gap."""
        self._messages.clear()
        self._waiting_bytes = 0
        self._is_behind = True
        self._woken.set()

    def owe_ping(self) -> None:
        """Have a ping sent unless there is something else to send."""
        self._owes_ping = True
        self._woken.set()

    def wake(self) -> None:
        """Have the reader look again whether there is something to read."""
        self._woken.set()

    def dismiss(self) -> None:
        """Have the iteration end, so that the reader goes to another process."""
        self._is_dismissed = True
        self._woken.set()

    def close(self) -> None:
        """Leave the log; does nothing the second time."""
        self._hub.leave(self)

    def _try_to_catch_up(self) -> bytes:
        if not self._channel.is_open.is_set():
            return b""
        try:
            return self.catch_up()
        except NotFound:
            self.has_ended = True
        except RedisAway as error:
            log.debug("could not catch up: %r", error.__cause__)
        return b""

    def _retry_s(self) -> float | None:
        """Return after what time to try to catch up again; None: only when something comes."""
        has_failed = self._is_behind and self._channel.is_open.is_set()
        return RETRY_S * random.uniform(0.5, 1.5) if has_failed else None

    def _take(self) -> bytes:
        messages, self._messages = self._messages, []
        self._waiting_bytes = 0
        frames = []
        for message in messages:
            if message.previous == self._cursor:
                frames.append(message.frames)
                self._cursor = message.last
            elif (parse_id(message.last) or START) > self.cursor:
                self.fall_behind()
                break
            self.has_ended = message.ended
        return b"".join(frames)


class Hub:
    """The readers of one process, and the pub/sub connection that they share.

    :param make: makes the pub/sub connection
    :param commands: publishes the probes that tell whether the connection still hears
    """

    def __init__(self, make: Maker, commands: SharedLine, journal: Journal) -> None:
        self.journal = journal
        self._is_leaving = False
        self._make = make
        self._commands = commands
        self._channels: dict[bytes, Channel] = {}
        self._probe = f"chatsse:probe:{secrets.token_urlsafe(9)}".encode()
        self._told_at = self._probed_at = monotonic()
        self._wire: Wire | None = None
        self._sending = RLock()
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def read(self, answer_id: str, cursor: EventId) -> Reader:
        """Return a reader of the events that follow `cursor`, subscribed or about to be."""
        if not self._greenlets:
            self._greenlets = [spawn_for_ever(self._listen), spawn_for_ever(self._tick)]
        name = log_key(answer_id).encode()
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel()
            self._send(b"SUBSCRIBE", name)
        reader = Reader(self, channel, answer_id, cursor)
        channel.readers.append(reader)
        if self._is_leaving:
            reader.dismiss()
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget a reader, and its channel with the last one."""
        name = log_key(reader.answer_id).encode()
        channel = self._channels.get(name)
        if channel is None or reader not in channel.readers:
            return
        channel.readers.remove(reader)
        if not channel.readers:
            del self._channels[name]
            self._send(b"UNSUBSCRIBE", name)

    def drain(self) -> None:
        """Dismiss all readers, one after the other, lest they all come to another process at once.

        Each is served until its turn; one that comes meanwhile, or later, gets only what it missed.
        """
        self._is_leaving = True
        readers = self._readers()
        random.shuffle(readers)
        for reader in readers:
            reader.dismiss()
            gevent.sleep(min(TURN_S, DRAIN_S / len(readers)))

    def close(self) -> None:
        """Dismiss the readers that are left, and hear nothing more."""
        self._is_leaving = True
        gevent.killall(self._greenlets)
        self._drop_connection()
        for reader in self._readers():
            reader.dismiss()

    def _readers(self) -> list[Reader]:
        return [reader for channel in self._channels.values() for reader in channel.readers]

    def _send(self, *command: bytes) -> None:
        """Send a pub/sub command, unless there is no connection: a new one subscribes to everything."""
        with self._sending:
            if self._wire:
                try:
                    self._wire.send(command)
                except OSError:
                    self._drop_connection()

    def _listen(self) -> None:
        try:
            self._follow(self._connect())
        except (RedisError, OSError) as error:
            raise RedisAway from error
        finally:
            self._drop_connection()

    def _connect(self) -> Wire:
        # What it waits for later may take any time; its making may not.
        with gevent.Timeout(TIMEOUT_S, TimeoutError("no answer while connecting")), self._sending:
            wire = self._make(None)
            wire.send((b"SUBSCRIBE", self._probe, *self._channels))
            self._wire = wire
        self._told_at = self._probed_at = monotonic()
        return wire

    def _drop_connection(self) -> None:
        wire, self._wire = self._wire, None
        if wire:
            wire.close()
        for channel in self._channels.values():
            channel.is_open.clear()

    def _follow(self, wire: Wire) -> None:
        while True:
            kind, name, body = wire.reply()
            if kind == b"message":
                self._dispatch(name, body)
            elif kind == b"subscribe":
                self._open(name)

    def _dispatch(self, name: bytes, body: bytes) -> None:
        channel = self._channels.get(name)
        if channel:
            previous, last, ended, frames = body.split(b" ", 3)
            message = Message(previous, last, ended == b"1", frames)
            for reader in channel.readers:
                reader.push(message)
        elif name == self._probe:
            self._probed_at = monotonic()

    def _open(self, name: bytes) -> None:
        """Take a confirmation; what was published before it may be lost."""
        channel = self._channels.get(name)
        if channel:
            channel.is_open.set()
            for reader in channel.readers:
                reader.fall_behind()

    def _tick(self) -> None:
        gevent.sleep(TICK_S)
        now = monotonic()
        for reader in self._readers():
            if now - reader.heard_at >= PING_S:
                reader.owe_ping()
        self._check_hearing()

    def _check_hearing(self) -> None:
        # A connection can be up and yet deliver nothing: https://github.com/centrifugal/centrifugo/issues/1189
        if self._wire and self._told_at - self._probed_at > DEAF_S:
            log.warning("the pub/sub connection has gone deaf")
            self._drop_connection()
        gevent.spawn(self._send_probe)

    def _send_probe(self) -> None:
        try:
            self._commands.execute(("PUBLISH", self._probe, b""))
            self._told_at = monotonic()
        except RedisAway as error:
            log.debug("no probe was sent: %r", error.__cause__)


def _bytes(event_id: EventId) -> bytes:
    return str(event_id).encode("ascii")
