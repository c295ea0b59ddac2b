"""One producer's attempt at one answer, on its way into the log.

What is said waits here until a group commit takes it along, and is kept, packed, until the answer ends: Redis
may lose the end of a log, or all of it. While Redis is away nobody slows the model down, so what waits is
bounded by the answer's own length: `CHATSSE_MAX_OUTPUT_TOKENS`.
"""

import logging
from collections.abc import Callable, Mapping
from json import loads
from time import monotonic

from gevent.event import Event as Signal

from chatsse.connections import Argument, flat
from chatsse.errors import Fenced
from chatsse.event import (
    START,
    TERMINAL,
    Event,
    EventId,
    encode_all,
    json_line,
    pack,
    parse_id,
    token_data,
    unpack,
)

log = logging.getLogger(__name__)

# From its claim on, an attempt has this long; no model takes as long over an answer.
WRITING_TTL_S = 3600


class Writer:
    """One producer's attempt at one answer: what it says goes into the log in this order, each once.

    :param commit: has what the writer holds stored with the next group commit
    :param keys: of the log and of the answer's hash
    :param log: the whole log, the claim its last event
    :param question: packed, to be stored again should Redis lose all of the answer
    :ivar takeovers: how many attempts fell silent before this one
    """

    __slots__ = (
        "_claims",
        "_commit",
        "_failure",
        "_fenced_by",
        "_fields",
        "_on_fenced",
        "_pending",
        "_question",
        "_sending",
        "_settled",
        "_stored",
        "_top",
        "attempt",
        "keys",
        "stored_at",
        "takeovers",
    )

    def __init__(
        self,
        commit: "Callable[[Writer], None]",
        keys: tuple[str, str],
        log: list[Event],
        on_fenced: Callable[[], None],
        question: bytes,
    ) -> None:
        self.keys = keys
        self.attempt = log[-1].id.attempt
        self._claims = {event.id.attempt: event.data for event in log if event.kind == "claim"}
        self.takeovers = sum(loads(claim)["is_takeover"] for claim in self._claims.values())
        self.stored_at = monotonic()
        self._commit = commit
        self._top = log[-1].id
        self._stored = bytearray(pack(log))
        self._sending: list[Event] = []
        self._pending: list[tuple[str, str]] = []
        self._fields: Mapping[str, str] = {}
        self._fenced_by: EventId | None = None
        self._failure: Exception | None = None
        self._question = question
        self._on_fenced = on_fenced
        self._settled = Signal()

    def token(self, text: str) -> None:
        """Append text to the answer; what waits for the same commit goes as one token.

        :raises Fenced:
        """
        if self._pending and self._pending[-1][0] == "text":
            self._pending[-1] = ("text", self._pending[-1][1] + text)
        else:
            self._append("text", text)

    def append(self, kind: str, value: object) -> None:
        """Append an event; `value` becomes its data.

        :raises Fenced:
        """
        self._append(kind, json_line(value))

    def finish(self, kind: str, value: object, fields: Mapping[str, str]) -> None:
        """Append the last event and, in one step with it, set fields of the answer's hash.

        :raises Fenced:
        """
        self._fields = fields
        self.append(kind, value)

    def probe(self) -> None:
        """Have the log's top compared with the one known: finds a claim, or a loss, in silence too."""
        self._commit(self)

    def wait(self) -> None:
        """Return when all that was appended is stored.

        :raises Fenced:
        """
        while self._pending or self._sending:
            self._settled.clear()
            self._settled.wait()
        self._check()

    def events(self) -> list[Event]:
        """Return the whole log, with what is not stored yet."""
        return [*unpack(self._stored), *self._sending, *self._numbered()]

    def lost_question(self) -> bytes:
        """Return the question, packed, where it must be stored again before the next append."""
        return self._question if self._top == START else b""

    def next_append(self, stream_ttl_s: int) -> list[Argument]:
        """Return the script's arguments for what is to be stored next; none of it changes any more."""
        if not self._sending:
            self._sending, self._pending = self._numbered(), []
        ended = bool(self._sending) and self._sending[-1].kind in TERMINAL
        begins = bool(self._sending) and self._sending[0].kind == "claim"
        ttl_s = stream_ttl_s if ended else WRITING_TTL_S if begins else 0
        claim = self._claims.get(self._top.attempt, "")
        return append_arguments(self._top, claim, self._sending, ttl_s, self._fields if ended else {})

    def settle(self, reply: list[bytes] | None) -> bool:
        """Take the script's reply and return whether nothing is left to store.

        :param reply: the real top and its kind, or `taken`, where it was not the expected one
        """
        top, kind = (parse_id(reply[0]), reply[1].decode()) if reply else (None, "")
        if top and (top.attempt > self.attempt or kind == "taken"):
            self._fence(top)
        elif top is None or (self._sending and self._sending[-1].id <= top):
            self._advance()
        elif kind in TERMINAL:
            self._fence(top)
        else:
            self._write_again(top)
        self._settled.set()
        return not (self._sending or self._pending)

    def give_up(self, failure: Exception) -> None:
        """Have whoever writes be told that what it said can't be stored."""
        self._pending, self._sending = [], []
        self._failure = failure
        self._settled.set()

    def _append(self, kind: str, data: str) -> None:
        self._check()
        self._pending.append((kind, data))
        self._commit(self)

    def _check(self) -> None:
        if self._fenced_by:
            raise Fenced(self.keys[0], str(self._fenced_by))
        if self._failure:
            raise self._failure

    def _numbered(self) -> list[Event]:
        """Return what is pending as the events it becomes."""
        attempt, seq = self._sending[-1].id if self._sending else self._top
        return [
            Event(EventId(attempt, seq + n), "token", token_data(data))
            if kind == "text"
            else Event(EventId(attempt, seq + n), kind, data)
            for n, (kind, data) in enumerate(self._pending, 1)
        ]

    def _advance(self) -> None:
        self.stored_at = monotonic()
        if self._sending:
            self._stored += pack(self._sending)
            self._top = self._sending[-1].id
            self._sending = []

    def _fence(self, top: EventId) -> None:
        self._pending, self._sending = [], []
        if not self._fenced_by:
            self._fenced_by = top
            self._on_fenced()

    def _write_again(self, top: EventId) -> None:
        log.warning("redis lost the end of %s, after %s: writing it again", self.keys[0], top)
        known = [*unpack(self._stored), *self._sending]
        self._top = top
        self._stored = bytearray(pack(event for event in known if event.id <= top))
        self._sending = [event for event in known if event.id > top]


def append_arguments(
    top: EventId, claim: str, events: list[Event], ttl_s: int, fields: Mapping[str, str]
) -> list[Argument]:
    """Return the script's arguments that add `events` to a log.

    :param top: the last id that the log must have
    :param claim: the data of the claim that `top` belongs to; empty for a log without one
    """
    expected: list[Argument] = [str(top), f"{top.attempt}-0", claim]
    if not events:
        return [*expected, ttl_s, "", 0]
    frames = encode_all(event for event in events if event.kind != "claim")
    head = f"{top} {events[-1].id} {events[-1].kind in TERMINAL:d} "
    arguments: list[Argument] = [*expected, ttl_s, head.encode("ascii") + frames, len(events)]
    for event_id, kind, data in events:
        arguments += (str(event_id), kind, data)
    return arguments + flat(fields)
