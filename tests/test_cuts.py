"""An answer whose connection is cut at any byte is put together whole.

All readers of a batch follow one answer from its start, each cut at a byte of its own. Half of the cut ones
come back at once and race with what is still being said; the others come back when all is said.
"""

import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit
from uuid import uuid4

import gevent
import pytest
from client import TIMEOUT_S, Reader, ask
from processes import App, until
from standin import Opening, StandIn, Step, Wait

from chatsse.event import EventId, parse_id

WORDS = ["Grüße ", "👍🏽", "日本語", "\n", "a", " naïve\n\n", "data: ", "👨‍👩‍👧", "ß", '"', "\\n", " "]
TOKENS = [WORDS[n % len(WORDS)] for n in range(200)]
BATCH = 500
# The byte-for-byte sweep takes its minute once; the other server gets each place of a frame all the same.
STEPS = {"valkey": 1, "redis-server": 7}
BATCH_S = 300


@dataclass
class Lead(Reader):
    """Lets the model say the next token when the one before has arrived, so that none are joined."""

    gates: Iterator[threading.Event] = field(default_factory=lambda: iter(()))

    def _dispatch(self, block: str) -> None:
        super()._dispatch(block)
        for gate in self.gates:
            gate.set()
            return


@dataclass
class CutReader(Reader):
    """A reader whose first connection is cut.

    :param offset: how many raw bytes of the response it gets, the head included
    :ivar seen: how many frames it had when it was cut
    """

    offset: int = 0
    is_cut: bool = False
    seen: int = 0

    def _dispatch(self, block: str) -> None:
        """Pass over pings, which come only where a machine is slow."""
        if "event: ping" not in block.split("\n"):
            super()._dispatch(block)

    def read_twice(self, ended: threading.Event) -> None:
        self.read(cut_after=self.offset)
        self.seen = len(self.frames)
        self.is_cut = True
        if self.offset % 2:
            ended.wait()
        self.read()


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """An end to the test where pings would keep a reader waiting for ever."""
    with gevent.Timeout(3600):
        yield


def said_in_steps(gates: list[threading.Event]) -> Iterator[Step]:
    first, opened, *rest = gates
    yield from (Wait(first), Opening(), Wait(opened))
    for token, gate in zip(TOKENS, rest, strict=True):
        yield from (token, Wait(gate))


def ask_in_steps(app: App, model: StandIn) -> tuple[str, Iterator[threading.Event]]:
    """Ask a question whose answer takes a step with each gate that is opened."""
    word, gates = uuid4().hex, [threading.Event() for _ in range(len(TOKENS) + 2)]
    model.answer(word, said_in_steps(gates), times=1)
    return app.url + ask(app.url, word)["stream"], iter(gates)


def length_of_the_response(app: App, model: StandIn) -> int:
    """Return how many raw bytes a reader gets of an answer that comes token by token."""
    url, gates = ask_in_steps(app, model)
    with socket.create_connection(("127.0.0.1", app.port), timeout=TIMEOUT_S) as sock:
        sock.sendall(f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode())
        raw = sock.recv(1 << 16)
        Lead(url, gates=gates).read()
        while not raw.endswith(b"\r\n0\r\n\r\n"):
            raw += sock.recv(1 << 16)
    return len(raw)


def read_cut(app: App, model: StandIn, offsets: Iterable[int]) -> list[CutReader]:
    """Return readers that were cut at `offsets` of one answer, and have read to its end."""
    url, gates = ask_in_steps(app, model)
    ended = threading.Event()
    readers = [CutReader(url, offset=offset) for offset in offsets]
    reading = [gevent.spawn(reader.read_twice, ended) for reader in readers]
    # The head goes out when the reader has its place in the log.
    until(lambda: all(reader.status or reader.is_cut for reader in readers), "all readers follow")
    assert Lead(url, gates=gates).read().text == "".join(TOKENS)
    ended.set()
    gevent.joinall(reading, timeout=BATCH_S, raise_error=True)
    assert all(each.ready() for each in reading)
    return readers


def ids_of(reader: Reader) -> list[EventId | None]:
    return [parse_id(frame.id) for frame in reader.frames]


def check_cut(reader: CutReader) -> None:
    """Assert that a reader has all of the answer, once, and got it token by token until it was cut."""
    ids = ids_of(reader)
    assert None not in ids
    assert all(before < after for before, after in pairwise(ids))  # type: ignore[operator]
    assert reader.text == "".join(TOKENS)
    assert [frame.event for frame in reader.frames].count("done") == 1
    assert reader.end.event == "done"
    seen = [frame.data["token"] for frame in reader.frames[: reader.seen] if frame.event == "message"]
    assert seen == TOKENS[: len(seen)]


def test_an_answer_cut_at_any_byte_is_put_together_whole(
    request: pytest.FixtureRequest, app: App, model: StandIn
) -> None:
    step = STEPS[request.node.callspec.params["redis"]]
    length = length_of_the_response(app, model)
    offsets = range(0, length + 1, step)
    readers = [
        reader
        for at in range(0, len(offsets), BATCH)
        for reader in read_cut(app, model, offsets[at : at + BATCH])
    ]
    assert len(readers) == len(offsets)
    for reader in readers:
        check_cut(reader)
    # Each event was the last one before a cut, and not only of readers that came late.
    assert {reader.seen for reader in readers} == set(range(len(TOKENS) + 3))
