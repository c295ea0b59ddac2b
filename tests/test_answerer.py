"""Who answers a question, and who goes on with it when that one dies, stops or is not alone."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest
from client import Reader, ask, call
from processes import DEADLINE_S, App, Redis, Worker, until
from standin import StandIn, Wait

from chatsse.answerer import Answerers
from chatsse.briefing import Briefing
from chatsse.connections import Connections
from chatsse.event import START
from chatsse.journal import Journal
from chatsse.knowledge.editions import Editions
from chatsse.knowledge.library import Library
from chatsse.providers.claude import Claude
from chatsse.questions import Question, Questions
from chatsse.telling import MAX_ATTEMPTS
from chatsse.work import GROUP, WORK, Work

DATABASE = 4000  # Far from those that the tests count up.
LONG_LEASE_S = 600


@dataclass
class Farm:
    """Two web processes that don't answer, on one Redis, and what is asked of their model: nothing."""

    webs: tuple[App, App]
    url: str
    connections: Connections
    unasked: StandIn

    def execute(self, *words: str | int) -> Any:
        (reply,) = self.connections.commands.execute(words)
        return reply


@pytest.fixture(scope="module")
def farm(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    url = redis.url(DATABASE)
    connections = Connections(url)
    no_answerers = {"CHATSSE_ANSWERERS": "0"}
    with (
        StandIn() as unasked,
        App(url, unasked.url, tmp_path_factory.mktemp("one"), no_answerers) as one,
        App(url, unasked.url, tmp_path_factory.mktemp("two"), no_answerers) as two,
    ):
        yield Farm((one, two), url, connections, unasked)
    connections.close()


@pytest.fixture
def start_worker(
    farm: Farm, model: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Worker]]:
    """Starts a worker on each call; they are killed at the end."""
    with contextlib.ExitStack() as stack:

        def start(**env: str) -> Worker:
            return stack.enter_context(Worker(farm.url, model.url, tmp_path_factory.mktemp("worker"), env))

        yield start


def calls_of(model: StandIn, word: str) -> int:
    return sum(word in call.prompt for call in model.calls)


def events_of(reader: Reader) -> list[str]:
    """Return the names of a reader's events; tokens, pings and the model's thinking left out."""
    thinking = {"stage": "thinking"}
    left_out = ("message", "ping")
    return [frame.event for frame in reader.frames if frame.event not in left_out and frame.data != thinking]


def test_a_worker_answers_what_web_processes_take_and_show(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str
) -> None:
    start_worker()
    model.answer(word, ["by the ", "worker"])
    one, two = farm.webs
    stream = ask(one.url, word)["stream"]
    assert Reader(one.url + stream).read().text == "by the worker"
    assert Reader(two.url + stream).read().text == "by the worker"
    assert calls_of(model, word) == 1
    assert farm.unasked.calls == []


def test_another_process_answers_when_one_is_killed_and_the_reader_stays(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["Once upon ", "a 👍 time", Wait(gate), "never"], times=1)
    model.answer(word, ["Once ", "more."])
    killed = start_worker()
    reader = Reader(farm.webs[0].url + ask(farm.webs[1].url, word)["stream"])
    reading = gevent.spawn(reader.read)
    until(lambda: reader.text == "Once upon a 👍 time", "the first words")
    start_worker()
    killed.kill()
    reading.get(timeout=DEADLINE_S)
    assert events_of(reader) == ["status", "rewind", "done"]
    assert reader.frames[-1].data == {"stop_reason": "end_turn"}
    assert {"stage": "continuing"} in [frame.data for frame in reader.frames]
    assert {"length": 0} in [frame.data for frame in reader.frames]
    assert reader.text == "Once more."
    late = Reader(reader.url).read()
    assert (late.text, late.last_id) == ("Once more.", reader.last_id)
    assert calls_of(model, word) == 2
    until(lambda: farm.execute("XLEN", WORK) == 0, "the queue is empty")


def test_one_that_slept_leaves_the_question_with_who_took_it_over(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str
) -> None:
    model.answer(word, ["Once ", Wait(threading.Event())], times=1)
    model.answer(word, ["upon ", Wait(threading.Event())], times=1)
    model.answer(word, ["a time"])
    # Longer than one that is awake may be held up.
    lease = {"CHATSSE_LEASE_S": "3"}
    asleep = start_worker(**lease)
    reader = Reader(farm.webs[0].url + ask(farm.webs[0].url, word)["stream"])
    reading = gevent.spawn(reader.read)
    until(lambda: "Once " in reader.text, "the first words")
    os.kill(asleep.pid, signal.SIGSTOP)
    killed = start_worker(**lease)
    until(lambda: "upon " in reader.text, "the second one's words")
    os.kill(asleep.pid, signal.SIGCONT)
    (first, _) = (call for call in model.calls if word in call.prompt)
    assert first.closed.wait(DEADLINE_S)
    killed.kill()
    start_worker(**lease)
    reading.get(timeout=DEADLINE_S)
    assert reader.end.event == "done"
    assert reader.text.endswith("a time")
    assert calls_of(model, word) == 3
    until(lambda: farm.execute("XLEN", WORK) == 0, "the queue is empty")


def test_a_reader_of_the_killed_process_comes_back_to_the_whole_answer(
    redis_url: str, model: StandIn, tmp_path: Path, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["Once upon", Wait(gate), "never"], times=1)
    model.answer(word, ["Once ", "more."])
    with App(redis_url, model.url, tmp_path) as app:
        reader = Reader(app.url + ask(app.url, word)["stream"])
        reading = gevent.spawn(read_until_cut, reader)
        until(lambda: reader.text == "Once upon", "the first words")
        (worker,) = Path(f"/proc/{app.pid}/task/{app.pid}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)
        reading.get(timeout=DEADLINE_S)
        assert "done" not in events_of(reader)
        until(app.answers, "gunicorn has another worker")
        reader.read()
    assert events_of(reader) == ["status", "rewind", "done"]
    assert reader.text == "Once more."


def read_until_cut(reader: Reader) -> None:
    with contextlib.suppress(ConnectionError):
        reader.read()


def fall_silent(farm: Farm, asked: dict[str, str], attempts: int) -> None:
    """Take a question as answerers do that die after their claim, one after the other."""
    redis = Connections(farm.url)
    journal = Journal(redis.commands, redis.appends, 3600)
    work = Work(redis.commands, redis.work, lease_s=1, ttl_s=3600)
    until(lambda: asked["id"] in [job.answer_id for job in work.take(1)], "the question is taken")
    for n in range(attempts):
        journal.claim(asked["id"], n, lambda: None, is_takeover=n > 0)
    redis.close()


def test_the_last_attempt_still_answers(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str
) -> None:
    model.answer(word, ["at last"])
    asked = ask(farm.webs[0].url, word)
    fall_silent(farm, asked, MAX_ATTEMPTS - 1)
    start_worker()
    reader = Reader(farm.webs[0].url + asked["stream"]).read()
    assert (reader.text, reader.end.event) == ("at last", "done")


def test_an_answer_that_kills_whoever_gives_it_fails_in_the_end(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str
) -> None:
    asked = ask(farm.webs[0].url, word)
    fall_silent(farm, asked, MAX_ATTEMPTS)
    start_worker()
    reader = Reader(farm.webs[0].url + asked["stream"]).read()
    assert events_of(reader) == ["failed"]
    assert (reader.end.data["code"], reader.end.data["retryable"]) == ("model_interrupted", True)
    assert calls_of(model, word) == 0
    until(lambda: farm.execute("XLEN", WORK) == 0, "the queue is empty")


def test_a_question_that_is_queued_twice_is_answered_once(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str, gate: threading.Event
) -> None:
    start_worker()
    model.answer(word, ["a", Wait(gate), "b"])
    asked = ask(farm.webs[0].url, word)
    again = ("XADD", WORK, "*", "id", asked["id"], "conversation", asked["conversation"], "attempt", 1)
    reader = Reader(farm.webs[0].url + asked["stream"]).read(until="a")
    farm.execute(*again)
    until(lambda: farm.execute("XLEN", WORK) == 1, "the double is put away")
    gate.set()
    assert reader.read().text == "ab"
    until(lambda: farm.execute("XLEN", WORK) == 0, "the queue is empty")
    farm.execute(*again)
    until(lambda: farm.execute("XLEN", WORK) == 0, "the second double is put away")
    assert Reader(reader.url).read().text == "ab"
    assert calls_of(model, word) == 1


def takes_questions(farm: Farm) -> bool:
    clients = farm.execute("CLIENT", "LIST").split(b"\n")
    return any(b"db=%d " % DATABASE in client and b"cmd=xreadgroup" in client for client in clients)


def test_a_process_told_to_stop_finishes_its_answer_takes_no_other_and_ends(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} first", ["a", Wait(gate), "b"])
    model.answer(f"{word} next", ["c"])
    worker = start_worker()
    first = Reader(farm.webs[0].url + ask(farm.webs[0].url, f"{word} first")["stream"]).read(until="a")
    os.kill(worker.pid, signal.SIGTERM)
    until(lambda: not takes_questions(farm), "the worker takes nothing more")
    following = ask(farm.webs[0].url, f"{word} next")
    gate.set()
    assert (first.read().text, events_of(first)) == ("ab", ["done"])
    assert worker.returncode() == 0
    assert calls_of(model, word) == 1
    start_worker()
    assert Reader(farm.webs[0].url + following["stream"]).read().text == "c"


class Parts:
    """An answerer of its own in the test's process, whose lease no test waits for."""

    def __init__(self, redis_url: str, model: StandIn) -> None:
        self.connections = redis = Connections(redis_url)
        self.journal = Journal(redis.commands, redis.appends, 3600)
        self.work = Work(redis.commands, redis.work, LONG_LEASE_S, 3600)
        self.questions = Questions(redis.commands, self.journal, self.work, 3600, 3600)
        claude = Claude("sk-test-key", model.url, "claude-haiku-5-5")
        briefing = Briefing(Library(Editions(redis.commands), is_expected=False), max_output_tokens=100)
        self.answerers = Answerers(
            claude, briefing, self.questions, self.journal, self.work, 10, LONG_LEASE_S
        )

    def said(self, question: Question) -> list[str]:
        return [f"{event.kind} {event.data}" for event in self.journal.after(question.id, START)[1:]]


@pytest.fixture
def pair(redis_url: str, model: StandIn) -> Iterator[tuple[Parts, Parts]]:
    pair = Parts(redis_url, model), Parts(redis_url, model)
    yield pair
    for parts in pair:
        parts.answerers.stop(0)
        parts.connections.close()


def test_what_is_unfinished_at_the_end_of_the_grace_is_taken_by_another_at_once(
    pair: tuple[Parts, Parts], model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["slow", Wait(gate), "never"], times=1)
    model.answer(word, ["quick"])
    leaving, staying = pair
    leaving.answerers.start()
    question = leaving.questions.ask(word, None, None, None)
    until(lambda: 'token {"token": "slow"}' in leaving.said(question), "the first word")
    staying.answerers.start()
    leaving.answerers.stop(grace_s=0.1)
    until(lambda: 'done {"stop_reason": "end_turn"}' in staying.said(question), "the other has finished")
    assert 'token {"token": "quick"}' in staying.said(question)
    (first, second) = (call for call in model.calls if word in call.prompt)
    assert first.closed.wait(DEADLINE_S)
    assert second.finished
    (turn,) = staying.questions.conversation(question.conversation)
    assert turn["answer"] == "quick"


@pytest.mark.parametrize("loss", [("XGROUP", "DESTROY", WORK, GROUP), ("DEL", WORK)])
def test_a_queue_that_was_lost_is_made_again(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str, loss: tuple[str, ...]
) -> None:
    start_worker()
    model.answer(word, ["answered"])
    Reader(farm.webs[0].url + ask(farm.webs[0].url, word)["stream"]).read()
    until(lambda: takes_questions(farm), "the worker waits for more")
    farm.execute(*loss)
    reader = Reader(farm.webs[0].url + ask(farm.webs[0].url, word)["stream"]).read()
    assert reader.text == "answered"


def test_an_answer_under_way_when_the_queue_was_lost_can_still_be_stopped(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str, gate: threading.Event
) -> None:
    worker = start_worker()
    model.answer(f"{word} slow", ["a", Wait(gate), "b"])
    model.answer(f"{word} next", ["answered"])
    slow = Reader(farm.webs[0].url + ask(farm.webs[0].url, f"{word} slow")["stream"]).read(until="a")
    farm.execute("XGROUP", "DESTROY", WORK, GROUP)
    following = Reader(farm.webs[0].url + ask(farm.webs[0].url, f"{word} next")["stream"]).read()
    assert following.text == "answered"
    assert call("DELETE", slow.url).status == 202
    (asked,) = (each for each in model.calls if f"{word} slow" in each.prompt)
    assert asked.closed.wait(DEADLINE_S)
    assert "Traceback" not in worker.log.read_text()


def test_a_process_told_to_stop_while_redis_is_away_ends(
    request: pytest.FixtureRequest,
    redis: Redis,
    model: StandIn,
    tmp_path: Path,
    word: str,
    gate: threading.Event,
) -> None:
    model.answer(word, ["a", Wait(gate), "b", Wait(threading.Event())])
    with Redis(request.node.callspec.params["redis"], tmp_path) as server:
        leaving = Parts(server.url(0), model)
        leaving.answerers.start()
        question = leaving.questions.ask(word, None, None, None)
        until(lambda: 'token {"token": "a"}' in leaving.said(question), "the first word")
        server.kill()
        gate.set()
        (asked,) = (each for each in model.calls if word in each.prompt)
        until(lambda: asked.sent == 2, "there is something that can't be stored")
        stopping = gevent.spawn(leaving.answerers.stop, 1)
        stopping.join(timeout=DEADLINE_S)
        has_stopped = stopping.ready()
        stopping.kill()
        leaving.connections.close()
    assert has_stopped


def test_an_erased_question_is_not_answered(
    farm: Farm, start_worker: Callable[[], Worker], model: StandIn, word: str
) -> None:
    asked = ask(farm.webs[0].url, word)
    assert call("DELETE", f"{farm.webs[0].url}/conversations/{asked['conversation']}").status == 204
    start_worker()
    until(lambda: farm.execute("XLEN", WORK) == 0, "the queue is empty")
    assert calls_of(model, word) == 0
    assert call("GET", farm.webs[0].url + asked["stream"]).status == 404
