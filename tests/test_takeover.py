"""Answers whose process is killed, at any token, end as if it had not been."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gevent
import pytest
from client import Reader, ask
from processes import App, Redis, Worker, until
from standin import Body, Call, StandIn, Steps, Wait, prompt
from story import tale, telling, tokens

from chatsse.connections import Connections
from chatsse.event import START, Event, text_of
from chatsse.journal import hash_key, reading
from chatsse.journal import read as read_log

DATABASE = 3999  # Far from those that the tests count up.
SENTENCES = 30
EARLY = 100


@dataclass
class Place:
    """Web processes that only show, and the workers that answer, each started by `start`."""

    web: App
    connections: Connections
    start: Callable[[], Worker]

    def request_of(self, stream: str) -> bytes | None:
        """Return what is kept of the request to the model."""
        (request,) = self.connections.commands.execute(
            ("HGET", hash_key(stream.rpartition("/")[2]), "request")
        )
        return request

    def log_of(self, answer_id: str) -> list[Event]:
        (entries,) = self.connections.commands.execute(reading(answer_id, START))
        return read_log(entries)


@pytest.fixture
def place(redis: Redis, model: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    url = redis.url(DATABASE)
    connections = Connections(url)
    with contextlib.ExitStack() as stack:

        def start() -> Worker:
            return stack.enter_context(Worker(url, model.url, tmp_path_factory.mktemp("worker")))

        web = App(url, model.url, tmp_path_factory.mktemp("web"), {"CHATSSE_ANSWERERS": "0"})
        yield Place(stack.enter_context(web), connections, start)
    connections.close()


class Tales:
    """What the stand-in tells: of each prompt its own tale, that of the first request waits at a token.

    :param stops: at which token, by the prompt's last word
    """

    def __init__(self, model: StandIn, word: str, stops: list[int]) -> None:
        self.prompts = [f"{word} {stop}" for stop in stops]
        self.gate = threading.Event()
        self.asked: set[str] = set()
        model.answer(word, self._script)

    def text(self, asked: str) -> str:
        return tale(SENTENCES, asked.replace(" ", ""))

    def _script(self, body: Body) -> Steps:
        asked = prompt(body)
        if asked in self.asked:
            return telling(self.text(asked), repeats=3)(body)
        self.asked.add(asked)
        return [*tokens(self.text(asked))[: int(asked.split()[1])], Wait(self.gate)]


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param(range(EARLY), id="each of the first tokens"),
        pytest.param(random.Random(3).sample(range(EARLY, 10 * SENTENCES), EARLY), id="any later token"),
    ],
)
def test_a_process_that_is_killed_at_a_token_is_not_missed(
    place: Place, model: StandIn, word: str, stops: list[int]
) -> None:
    tales = Tales(model, word, list(stops))
    killed = place.start()
    asked = {each: ask(place.web.url, each) for each in tales.prompts}
    readers = {each: Reader(place.web.url + asked[each]["stream"]) for each in tales.prompts}
    reading = [gevent.spawn(reader.read) for reader in readers.values()]
    begun = {each: "".join(tokens(tales.text(each))[: int(each.split()[1])]) for each in tales.prompts}
    until(lambda: all(readers[each].text == begun[each] for each in tales.prompts), "all are at their token")
    stored = {each: place.log_of(asked[each]["id"]) for each in tales.prompts}
    killed.kill()
    place.start()
    gevent.joinall(reading, timeout=120)
    tales.gate.set()
    for each in tales.prompts:
        log = place.log_of(asked[each]["id"])
        assert log[: len(stored[each])] == stored[each]
        assert [event.kind for event in log if event.kind in ("done", "failed")] == ["done"]
        assert text_of(log) == tales.text(each)
        check_reader(readers[each], log, tales.text(each))


def check_reader(reader: Reader, log: list[Event], text: str) -> None:
    """Assert that a reader who stayed got each event of the log once, in its order, and the whole text."""
    shown = [str(event.id) for event in log if event.kind != "claim"]
    got = [frame.id for frame in reader.frames if frame.id]
    assert [event_id for event_id in shown if event_id in got] == got
    assert len(set(got)) == len(got)
    assert (reader.text, reader.end.event) == (text, "done")


def test_a_second_attempt_asks_for_the_same_and_for_no_more_than_is_left(
    place: Place, model: StandIn, word: str
) -> None:
    tales = Tales(model, word, [0, 200])
    killed = place.start()
    streams = [ask(place.web.url, each)["stream"] for each in tales.prompts]
    until(lambda: len(calls_of(model, word)) == 2, "both are asked")
    Reader(place.web.url + streams[1]).read(until="".join(tokens(tales.text(tales.prompts[1]))[:200]))
    killed.kill()
    assert all(map(place.request_of, streams))
    place.start()
    for stream in streams:
        Reader(place.web.url + stream).read()
        assert place.request_of(stream) is None
    again, on = sorted(calls_of(model, word)[2:], key=lambda call: len(call.said))
    first = {call.prompt: call.body for call in calls_of(model, word)[:2]}
    assert again.body == first[again.prompt]
    assert on.body["messages"][:1] == first[on.prompt]["messages"]
    assert on.said
    assert tales.text(on.prompt).startswith(on.said)
    spent = first[on.prompt]["max_tokens"] - on.body["max_tokens"]
    assert 0 < spent < len(on.said)
    assert {**on.body, "messages": 0, "max_tokens": 0} == {**first[on.prompt], "messages": 0, "max_tokens": 0}


def test_an_answer_that_has_spent_its_tokens_is_not_asked_for_again(
    place: Place, model: StandIn, word: str, gate: threading.Event
) -> None:
    text = tale(80)
    model.answer(word, [text, Wait(gate)])
    killed = place.start()
    reader = Reader(place.web.url + ask(place.web.url, word)["stream"]).read(until=text)
    killed.kill()
    place.start()
    reader.read()
    assert (reader.text, reader.end.data) == (text, {"stop_reason": "max_tokens"})
    assert len(calls_of(model, word)) == 1


def calls_of(model: StandIn, word: str) -> list[Call]:
    return [call for call in model.calls if word in call.prompt]
