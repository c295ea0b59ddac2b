"""One process's readers, and the one pub/sub connection that all of them share.

A new connection, and each subscription that is confirmed, has the readers read their logs again: what was
published while there was none is gone.

Redis may be away for a while: readers then get pings until it is back.
"""

import logging
import random
import secrets
from time import monotonic

import gevent
from gevent.lock import RLock
from redis.exceptions import RedisError

from chatsse.connections import TIMEOUT_S, Maker, SharedLine, Wire
from chatsse.errors import RedisAway
from chatsse.event import EventId
from chatsse.journal import Journal, log_key
from chatsse.loops import spawn_for_ever
from chatsse.reader import Channel, Message, Reader

log = logging.getLogger(__name__)

TICK_S = 1
# A probe that Redis took this long before it comes back, or doesn't, means that the connection is deaf.
DEAF_S = 5
# How long it takes until all readers are dismissed, and how far apart a few are.
DRAIN_S = 5
TURN_S = 0.02


class Hub:
    """The readers of one process, and the pub/sub connection that they share.

    :param make: makes the pub/sub connection
    :param commands: publishes the probes that tell whether the connection still hears
    """

    def __init__(self, make: Maker, commands: SharedLine, journal: Journal) -> None:
        self._journal = journal
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
        reader = Reader(self._journal, channel, answer_id, cursor, self.leave)
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
            reader.ping_after_silence(now)
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
