"""A process that is frozen for longer than its lease, and wakes up with its hands full.

It holds a hundred answers, each frozen after another number of words. The model goes on talking to it while
it sleeps, so that it has something to add to each of them when it wakes up.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

import gevent
import pytest
from processes import Worker, until
from standin import Body, Call, Pause, Script, Silence, StandIn, Step, Wait
from story import tale, telling, tokens

from chatsse.connections import Connections
from chatsse.event import PING, START, Event, EventId, decode, join, text_of
from chatsse.hub import Hub
from chatsse.journal import Journal
from chatsse.questions import Questions
from chatsse.work import WORK

ANSWERS = 100
PAUSE_S = 0.005
# A second after it wakes up, with room for a slow machine.
CLOSED_S = 30


@pytest.fixture
def start_worker(
    redis_url: str, model: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Worker]]:
    """Starts a worker on each call; at the end they are killed, asleep or not."""
    with contextlib.ExitStack() as stack:

        def start() -> Worker:
            worker = stack.enter_context(Worker(redis_url, model.url, tmp_path_factory.mktemp("worker")))
            stack.callback(worker.kill)
            return worker

        yield start


def halting(text: str, words: int, asleep: threading.Event) -> list[Step]:
    """Return what the model says to the sleeper: some words, more once it is asleep, and never the end."""
    said = tokens(text)
    paced: list[Step] = [step for token in said[:words] for step in (token, Pause(PAUSE_S))]
    return [*paced, Wait(asleep), *said[words : words + 20], Silence()]


def telling_in_two(text: str, gate: threading.Event) -> Callable[[Body], Script]:
    """Return a script that tells `text`, and waits in the middle."""

    def script(body: Body) -> Script:
        steps = list(telling(text)(body))
        return [*steps[: len(steps) // 2], Wait(gate), *steps[len(steps) // 2 :]]

    return script


def read(hub: Hub, answer_id: str) -> list[Event]:
    """Return all that a reader gets."""
    return [e for frames in hub.read(answer_id, START) if frames != PING for e in decode(frames)]


def first_calls(model: StandIn, prompts: list[str]) -> list[Call]:
    """Return the first request about each of the prompts that the model was asked."""
    firsts = {call.prompt: call for call in reversed(model.calls)}
    return [firsts[prompt] for prompt in prompts if prompt in firsts]


def test_what_a_frozen_process_has_to_say_when_it_wakes_up_reaches_no_log_and_no_reader(
    start_worker: Callable[[], Worker],
    model: StandIn,
    connections: Connections,
    journal: Journal,
    questions: Questions,
    hub: Hub,
    word: str,
    gate: threading.Event,
) -> None:
    asleep = threading.Event()
    prompts = [f"{word} {n:03}" for n in range(ANSWERS)]
    told = {prompt: tale(20, prompt) for prompt in prompts}
    for n, (prompt, text) in enumerate(told.items()):
        model.answer(prompt, halting(text, n + 1, asleep), times=1)
        # Every other one is still being told by the other process when the sleeper wakes up.
        model.answer(prompt, telling_in_two(text, gate) if n % 2 else telling(text))
    sleeper = start_worker()
    ids = {prompt: questions.ask(prompt, None, None, None).id for prompt in prompts}
    readings = {prompt: gevent.spawn(read, hub, ids[prompt]) for prompt in prompts}
    until(
        lambda: [call.sent for call in first_calls(model, prompts)] == list(range(1, ANSWERS + 1)),
        "each has its words",
    )
    start_worker()
    os.kill(sleeper.pid, signal.SIGSTOP)
    asleep.set()
    until(lambda: all(readings[prompt].ready() for prompt in prompts[::2]), "nobody waits for the sleeper")
    until(
        lambda: all(journal.after(each, EventId(1, 10**6)) for each in ids.values()), "it has lost them all"
    )
    before = {prompt: journal.after(ids[prompt], START) for prompt in prompts}
    os.kill(sleeper.pid, signal.SIGCONT)
    for call in first_calls(model, prompts):
        assert call.closed.wait(CLOSED_S)
    gate.set()
    for prompt in prompts:
        seen = readings[prompt].get(timeout=60)
        log = journal.after(ids[prompt], START)
        assert log[: len(before[prompt])] == before[prompt]
        assert text_of(log) == told[prompt]
        assert [event.kind for event in log].count("done") == 1
        assert list(join(seen)) == list(join(log))
    until(lambda: connections.commands.execute(("XLEN", WORK)) == [0], "the queue is empty")
