"""The log under whatever may happen to it: claims, crashes, sleepers, lost replies, lost tails, in any order.

Hypothesis makes up what happens and looks for an order that breaks a rule: `check` holds after each step,
`check_reader` at the end. The same orders are tried each time. To search for new ones, at length:

    LOG_EXAMPLES=5000 pytest tests/test_log_model.py
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from processes import Redis
from relay import Fate, Relay

from chatsse import journal as journal_module
from chatsse import loops
from chatsse import reader as reader_module
from chatsse.connections import Connections
from chatsse.errors import Fenced
from chatsse.event import PING, START, TERMINAL, Event, EventId, decode, join, text_of
from chatsse.hub import Hub
from chatsse.journal import Journal, hash_key, log_key, read
from chatsse.questions import ending, new_id
from chatsse.reader import Reader as Following
from chatsse.writer import Writer

EXAMPLES = int(os.environ.get("LOG_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 150,
    stateful_step_count=40,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
DATABASE = 4001  # Far from those that the tests count up.
WAIT_S = 20
MOST_LOSSES = 2

# Makes of a log what a server has that lost its last entries, and the answer's end too. Returns what it was.
# KEYS: the log, the answer's hash. ARGV: how many entries are lost.
LOSE = """
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
redis.call('DEL', KEYS[1])
for n = 1, #entries - ARGV[1] do
  redis.call('XADD', KEYS[1], entries[n][1], unpack(entries[n][2]))
end
redis.call('HDEL', KEYS[2], 'ended', 'answer', 'sources')
return entries
"""

numbers = st.integers(0, 11)
texts = st.lists(st.sampled_from(["a", "bc ", "Grüße", "👍", "\n\n", '"}', "日本"]), min_size=1, max_size=5)
lengths = st.sampled_from([0, 0, 2, 99])
rarely = st.integers(0, 9).map(lambda n: n == 9)
fates = st.sampled_from([Fate.PASSED, *Fate])


class Process:
    """Where producers run.

    :ivar fate: what becomes of its next write
    """

    def __init__(self, redis: Redis) -> None:
        self.fate = Fate.PASSED
        self.relay = Relay(redis.port, self._decide)
        self.start()

    def start(self) -> None:
        self.connections = Connections(self.relay.url(DATABASE))
        self.journal = Journal(self.connections.commands, self.connections.appends, stream_ttl_s=3600)

    def kill(self) -> None:
        if self.journal._committer:
            self.journal._committer.kill()
        self.connections.close()

    def _decide(self, request: bytes) -> Fate:
        # A claim is sent again at once, so it can't come late.
        if b"EVALSHA" not in request and (b"EVAL" not in request or self.fate is Fate.LATE):
            return Fate.PASSED
        fate, self.fate = self.fate, Fate.PASSED
        return fate


@dataclass
class Attempt:
    """A producer's attempt, and what it said."""

    process: Process
    writer: Writer
    claim: str
    said: str = ""
    is_over: bool = False

    def store(self) -> bool:
        """Return whether all that was said is stored; False: somebody else has the answer."""
        try:
            with gevent.Timeout(WAIT_S):
                self.writer.wait()
        except Fenced:
            self.is_over = True
        return not self.is_over


@dataclass
class Reader:
    """What somebody puts together who held the log up to a cursor."""

    cursor: EventId
    events: list[Event]
    has_ended: bool = False

    def take(self, events: list[Event]) -> None:
        assert all(event.id > self.cursor for event in events)
        self.events += events
        self.cursor = events[-1].id if events else self.cursor

    def poll(self, journal: Journal, answer_id: str) -> None:
        if not self.has_ended:
            events, self.has_ended = journal.missed(answer_id, self.cursor)
            self.take(events)

    def follow(self, following: Following) -> None:
        for frames in following:
            if frames != PING:
                self.take(list(decode(frames)))
        self.has_ended = following.has_ended


class Log(RuleBasedStateMachine):
    """One answer's log, three processes that may write it, and its readers.

    :cvar redis: where it is
    :ivar log: what was in it after the last step
    :ivar lost: what was in it before each loss
    """

    redis: Redis

    def __init__(self) -> None:
        super().__init__()
        self.answer_id = new_id()
        self.connections = Connections(self.redis.url(DATABASE))
        self.journal = Journal(self.connections.commands, self.connections.appends, stream_ttl_s=3600)
        self.hub = Hub(self.connections.make, self.connections.commands, self.journal)
        self.stack = contextlib.ExitStack()
        self.processes = [Process(self.redis) for _ in range(3)]
        for process in self.processes:
            self.stack.enter_context(process.relay)
        self.attempts: list[Attempt] = []
        self.readers: list[Reader] = []
        self.pollers: list[Reader] = []
        self.followers: list[gevent.Greenlet[..., None]] = []
        self.log: list[Event] = []
        self.lost: list[list[Event]] = []
        self.stops = 0
        self.begins_anew = True
        self.execute("HSET", hash_key(self.answer_id), "prompt", "?")

    def execute(self, *words: str | int) -> Any:
        return self.connections.commands.execute(words)[0]

    def running(self, n: int) -> Iterator[Attempt]:
        """Yield one of the attempts that may still write something, if there is one; mostly the newest."""
        attempts = [attempt for attempt in self.attempts if not attempt.is_over]
        yield from attempts[::-1][max(0, n - 8) :][:1]

    # What producers do

    @initialize(said=texts, is_patient=st.booleans())
    def begin(self, said: list[str], is_patient: bool) -> None:
        self.claim(0, Fate.PASSED, 0, said, is_patient)

    @rule(n=numbers, fate=fates, length=lengths, said=texts, is_patient=st.booleans())
    def claim(self, n: int, fate: Fate, length: int, said: list[str], is_patient: bool) -> None:
        """A process takes the answer over, and goes on from so many units of its text."""
        process = self.processes[n % 3]
        process.fate = fate
        with gevent.Timeout(WAIT_S):
            writer = process.journal.claim(self.answer_id, None, lambda: None)
        if writer is None:
            return
        attempt = Attempt(process, writer, writer._claims[writer.attempt])
        self.attempts.append(attempt)
        if writer.attempt > 1:
            length = min(length, len(text_of(writer.events())))
            self.begins_anew &= length == 0
            writer.append("rewind", {"length": length})
        self._say(attempt, said, is_patient)

    @rule(n=numbers, fate=fates, said=texts, is_patient=st.booleans())
    def say(self, n: int, fate: Fate, said: list[str], is_patient: bool) -> None:
        for attempt in self.running(n):
            attempt.process.fate = fate
            self._say(attempt, said, is_patient)

    def _say(self, attempt: Attempt, said: list[str], is_patient: bool) -> None:
        """Say something; who is patient sees each piece in the log before the next."""
        with contextlib.suppress(Fenced):
            for text in said:
                attempt.writer.token(text)
                attempt.said += text
                if is_patient and attempt.store():
                    assert said_in(self.stored(), attempt.writer.attempt) == attempt.said

    @rule(n=numbers)
    def probe(self, n: int) -> None:
        for attempt in self.running(n):
            with contextlib.suppress(Fenced):
                attempt.writer.append("status", {"stage": "thinking"})
            attempt.writer.probe()

    @rule(n=numbers, fate=fates, is_due=rarely)
    def finish(self, n: int, fate: Fate, is_due: bool) -> None:
        for attempt in self.running(n) if is_due else ():
            attempt.process.fate = fate
            self._finish(attempt)

    def _finish(self, attempt: Attempt) -> None:
        with contextlib.suppress(Fenced):
            writer = attempt.writer
            writer.finish("done", {"stop_reason": "end_turn"}, ending("done", writer.events()))
        attempt.store()
        attempt.is_over = True

    @rule(n=numbers, fate=fates, is_due=rarely)
    def stop(self, n: int, fate: Fate, is_due: bool) -> None:
        """A visitor stops the answer."""
        if is_due:
            process = self.processes[n % 3]
            process.fate = fate
            with gevent.Timeout(WAIT_S):
                self.stops += process.journal.end(self.answer_id, "done", {"stop_reason": "stopped"}, ending)

    # What goes wrong

    @rule(n=numbers)
    def crash(self, n: int) -> None:
        process = self.processes[n % 3]
        process.kill()
        process.start()
        for attempt in self.attempts:
            attempt.is_over |= attempt.process is process

    @rule(n=numbers)
    def deliver(self, n: int) -> None:
        """What was long under way arrives, sent again meanwhile."""
        self.processes[n % 3].relay.deliver(DATABASE)

    @precondition(lambda self: len(self.lost) < MOST_LOSSES)
    @rule(count=st.sampled_from([1, 2, 3, 5, 99]))
    def lose(self, count: int) -> None:
        """Redis comes back without the end of the log."""
        entries = self.execute("EVAL", LOSE, 2, log_key(self.answer_id), hash_key(self.answer_id), count)
        self.lost.append(read(entries))
        self.log = self.lost[-1][:-count]

    @rule()
    def disconnect(self) -> None:
        """The live readers' connection is lost."""
        if self.hub._wire:
            self.hub._wire.close()

    # What readers do

    @rule(n=numbers)
    def poll(self, n: int) -> None:
        self.pollers.append(self._begin(n))

    @rule(n=numbers)
    def follow(self, n: int) -> None:
        reader = self._begin(n)
        following = self.hub.read(self.answer_id, reader.cursor)
        self.followers.append(gevent.spawn(reader.follow, following))

    def _begin(self, n: int) -> Reader:
        held = self.stored()[:n]
        self.readers.append(Reader(held[-1].id if held else START, held))
        return self.readers[-1]

    @rule()
    def poll_on(self) -> None:
        for reader in self.pollers:
            reader.poll(self.journal, self.answer_id)

    # What must hold

    def stored(self) -> list[Event]:
        return self.journal.after(self.answer_id, START)

    @invariant()
    def check(self) -> None:
        log = self.stored()
        assert log[: len(self.log)] == self.log
        self.log = log
        assert all(before.id < after.id for before, after in pairwise(log))
        assert all(event.kind not in TERMINAL for event in log[:-1])
        claims = [event.data for event in log if event.kind == "claim"]
        assert len(set(claims)) == len(claims)
        for number, events in groupby(log, lambda event: event.id.attempt):
            self.check_attempt(number, list(events))

    def check_attempt(self, number: int, events: list[Event]) -> None:
        """Assert that all of an attempt was written by who has claimed it."""
        assert [event.id.seq for event in events] == list(range(len(events)))
        assert events[0].kind == "claim"
        assert sum(event.kind == "claim" for event in events) == 1
        authors = [attempt for attempt in self.attempts if attempt.claim == events[0].data]
        if authors:
            assert authors[0].said.startswith(said_in(events, number))
        else:
            assert "".join(event.kind for event in events) in ("claim", "claimdone")

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            for process in self.processes:
                process.kill()
            self.stack.close()
            self.hub.close()
            self.connections.close()

    def _end(self) -> None:
        """Have the answer ended, by a process of its own if need be, and the readers read on."""
        for process in self.processes:
            process.fate = Fate.PASSED
            process.relay.deliver(DATABASE)
        while not self.stored() or self.stored()[-1].kind not in TERMINAL:
            self.claim(0, Fate.PASSED, 0, [], is_patient=False)
            for attempt in self.running(0):
                self._finish(attempt)
        for attempt in self.attempts:
            if not attempt.is_over:
                self._say(attempt, ["too late"], is_patient=False)
                assert not attempt.store()
        self.check()
        with gevent.Timeout(WAIT_S):
            gevent.joinall(self.followers, raise_error=True)
        self.poll_on()
        for reader in self.readers:
            self.check_reader(reader)
        assert self.execute("HGET", hash_key(self.answer_id), "answer") == text_of(self.log).encode()

    def check_reader(self, reader: Reader) -> None:
        """Assert that a reader has put the log together."""
        assert reader.has_ended
        if all(self.log[: len(lost)] == lost for lost in self.lost):
            assert list(join(reader.events)) == list(join(self.log))
        elif self.is_told_anew() and reader.events[-1:] == self.log[-1:]:
            assert text_of(reader.events) == text_of(self.log)

    def is_told_anew(self) -> bool:
        """Return whether something was lost for ever, and its readers were told all that came instead.

        Not where the number of a lost claim was given again: what follows has the ids of what was lost.
        """
        claims = {event for log in (*self.lost, self.log) for event in log if event.kind == "claim"}
        has_reused = len({claim.id for claim in claims}) < len(claims)
        return self.begins_anew and not self.stops and not has_reused


def said_in(log: list[Event], attempt: int) -> str:
    """Return the tokens of an attempt."""
    return text_of(event for event in log if event.kind == "token" and event.id.attempt == attempt)


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """An end to a search that hangs, which may be long."""
    with gevent.Timeout(300 + EXAMPLES):
        yield


def test_no_order_of_events_breaks_the_log(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the pauses that spare a server: here they only cost time.
    monkeypatch.setattr(journal_module, "PACE_S", (0, 0))
    monkeypatch.setattr(journal_module, "RETRY_S", (0.001, 0.01))
    monkeypatch.setattr(loops, "RETRY_S", 0.01)
    monkeypatch.setattr(reader_module, "RETRY_S", 0.01)
    monkeypatch.setattr(Log, "redis", redis, raising=False)
    run_state_machine_as_test(Log, settings=SETTINGS)
