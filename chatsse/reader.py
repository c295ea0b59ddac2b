"""One reader of a log: subscribe, catch up, follow.

A reader subscribes, reads the range that follows its cursor, and from then on takes the messages of the
channel, each of which names the top before it: one that does not follow on the reader's cursor means a gap,
and a gap means another range read.
"""

import logging
import random
from collections.abc import Callable, Iterator
from time import monotonic
from typing import NamedTuple

from gevent.event import Event as Signal

from chatsse.errors import NotFound, RedisAway
from chatsse.event import PING, START, EventId, encode_missed, parse_id
from chatsse.journal import Journal

log = logging.getLogger(__name__)

PING_S = 15
RETRY_S = 0.5
# How long a request waits for its subscription before it answers and goes on waiting behind pings.
SUBSCRIBE_S = 2
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

    :param leave: what `close` tells
    :ivar first: what is to be sent before anything else
    :ivar last: what is to be sent where the reader is dismissed before the log has ended
    :ivar has_ended: nothing will come any more
    """

    __slots__ = (
        "_channel",
        "_cursor",
        "_heard_at",
        "_is_behind",
        "_is_dismissed",
        "_journal",
        "_leave",
        "_messages",
        "_owes_ping",
        "_waiting_bytes",
        "_woken",
        "answer_id",
        "first",
        "has_ended",
        "last",
    )  # fmt: skip

    def __init__(
        self,
        journal: Journal,
        channel: Channel,
        answer_id: str,
        cursor: EventId,
        leave: "Callable[[Reader], None]",
    ) -> None:
        self.answer_id = answer_id
        self.first = b""
        self.last = b""
        self.has_ended = False
        self._heard_at = monotonic()
        self._journal = journal
        self._leave = leave
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
            events, self.has_ended = self._journal.missed(self.answer_id, self.cursor)
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
                self._heard_at = monotonic()
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

    def ping_after_silence(self, now: float) -> None:
        """Have a ping sent where nothing was for a while, unless there is something else to send."""
        if now - self._heard_at >= PING_S:
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
        self._leave(self)

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


def _bytes(event_id: EventId) -> bytes:
    return str(event_id).encode("ascii")
