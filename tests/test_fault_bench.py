"""The fault bench in its short form, and whether it would notice what it looks for."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from client import Frame
from plan import FAULTS, Question, faults, questions
from processes import TREE, tree, until
from verdict import Case, wrongs

from chatsse.event import Event, EventId, json_line

SHORT = ("--seed", "7", "--answers", "40", "--faults", "12", "--minutes", "0.2", "--longest", "20")
BENCH = [sys.executable, str(TREE / "bench/faults.py"), *SHORT]
(QUESTION,) = questions(seed=1, count=1, within_s=1, longest=25)
SPOILT = replace(QUESTION, spoils=(("model overloaded", 0.5),))
HALF = len(QUESTION.truth) // 2


def case(*told: tuple[str, str, Any], question: Question = QUESTION) -> Case:
    """Return a case whose reader was told of all that the log holds: ids, names and data."""
    frames = [Frame(event_id, name, data) for event_id, name, data in told]
    log = [_event("1-0", "claim", {"is_takeover": False}), *(_event(*each) for each in told)]
    whole = Case(question, "an-answer", frames=frames, moments=[1.0 + n for n in range(len(told))], log=log)
    return replace(whole, kept=whole.shown)


def _event(event_id: str, name: str, data: Any) -> Event:
    attempt, seq = event_id.split("-")
    return Event(EventId(int(attempt), int(seq)), "token" if name == "message" else name, json_line(data))


def token(event_id: str, text: str) -> tuple[str, str, Any]:
    return event_id, "message", {"token": text}


def done(event_id: str) -> tuple[str, str, Any]:
    return event_id, "done", {"stop_reason": "end_turn"}


def failed(event_id: str, code: str) -> tuple[str, str, Any]:
    return event_id, "failed", {"code": code, "message": "", "retryable": True}


FIRST, SECOND = token("1-1", QUESTION.truth[:HALF]), token("1-2", QUESTION.truth[HALF:])
RIGHT = case(FIRST, SECOND, done("1-3"))
AGAIN = ("2-1", "rewind", {"length": 0})
WRONG: dict[str, tuple[str, Case]] = {
    "a token is missing": ("lost", case(FIRST, done("1-3"))),
    "a token is another": ("lost", case(FIRST, token("1-2", "else"), done("1-3"))),
    "the reader missed what the log holds": ("lost", replace(RIGHT, frames=[*RIGHT.frames[1:]])),
    "it was shown and is not in the log": ("lost", replace(RIGHT, log=RIGHT.log[:2] + RIGHT.log[3:])),
    "the conversation keeps another text": ("lost", replace(RIGHT, kept="")),
    "the reader was turned away": ("lost", replace(RIGHT, troubles=("GET got 404",))),
    "it failed for no reason": ("lost", case(FIRST, failed("1-2", "model_interrupted"))),
    "what failed had said something else": (
        "lost",
        case(token("1-1", "else"), failed("1-2", "model_overloaded"), question=SPOILT),
    ),
    "an event came twice": ("duplicated", replace(RIGHT, frames=[RIGHT.frames[0], *RIGHT.frames])),
    "a sentence came twice": ("duplicated", case(FIRST, token("1-2", QUESTION.truth), done("1-3"))),
    "it ended twice": ("duplicated", case(FIRST, SECOND, done("1-3"), done("1-4"))),
    "an event came late": ("out of order", case(SECOND, FIRST, done("1-3"))),
    "it did not end": ("without an end", case(FIRST, SECOND)),
    "it was never taken": ("without an end", Case(QUESTION)),
}


def kinds(case: Case) -> set[str]:
    return {kind for kind, _ in wrongs(case)}


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """An end to a run on a machine that has much else to do."""
    with gevent.Timeout(600):
        yield


def test_every_fault_is_made_and_nothing_is_lost(tmp_path: Path) -> None:
    run = subprocess.run(
        BENCH, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert run.stdout.startswith("seed 7: ")
    assert {name for name in FAULTS if f"  {name}  " in run.stdout} == set(FAULTS)


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    bench = subprocess.Popen(
        BENCH, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    # Two gunicorns with a process each, two workers, and Redis.
    until(lambda: len(tree(bench.pid)) == 8, "all processes run")
    started = tree(bench.pid)
    bench.send_signal(signal.SIGINT)
    said, _ = bench.communicate(timeout=60)
    assert bench.returncode == 128 + signal.SIGINT
    assert len(said.splitlines()) == 1
    until(lambda: not any(is_running(pid) for pid in started), "all of them are gone")
    assert list(tmp_path.iterdir()) == []


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_seed_names_one_plan() -> None:
    assert questions(7, 50, 60, 25) == questions(7, 50, 60, 25) != questions(8, 50, 60, 25)
    assert faults(7, 50, 60) == faults(7, 50, 60) != faults(8, 50, 60)


def test_an_answer_that_came_whole_is_right() -> None:
    assert kinds(RIGHT) == set()


def test_an_answer_that_began_anew_is_right() -> None:
    anew = case(FIRST, AGAIN, token("2-2", QUESTION.truth), done("2-3"))
    assert kinds(anew) == set()


def test_a_failure_that_the_model_gave_a_reason_for_is_right() -> None:
    assert kinds(case(FIRST, failed("1-2", "model_overloaded"), question=SPOILT)) == set()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    kind, wrong = WRONG[name]
    assert kind in kinds(wrong)


def test_a_pause_is_what_a_reader_waited_that_stayed() -> None:
    paused = replace(RIGHT, taken_at=0.5, moments=[1.0, 4.5, 5.0])
    assert paused.pause_s == 3.5
    assert replace(paused, left_at=frozenset({1})).pause_s == 0.5
