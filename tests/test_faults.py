"""What goes wrong between the model and us, as the reader and the owner see it.

Silence is told in test_claude.py: no setting makes it short enough for a test of the whole app.
"""

import threading
from pathlib import Path
from typing import Any

import pytest
from client import Reader, ask, call
from processes import App, until
from standin import (
    Block,
    Call,
    Citation,
    Cut,
    EndWithoutStop,
    ErrorEvent,
    Event,
    Garbage,
    Opening,
    Replay,
    StandIn,
    Status,
    Step,
    StopReason,
    Thinking,
    Wait,
)
from story import tale, telling

from chatsse.event import units

KEY = "sk-test-key"  # The one that App sets.
UPSTREAM = "upstream said that"
SOON = {"retry-after-ms": "1"}
# What the SDK asks in all, the first time included.
TRIES = 3
MESSAGE_DELTA = Event("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}})
LONG = tale(5) + "Grüße, 👍 世界! "
PLACES: dict[str, list[Step]] = {
    "before the first token": [Opening()],
    "after a few": ["Grüße, ", "👍 ", "世界"],
    "far in": [LONG],
    "just before the end": ["Grüße, ", "👍 ", "世界", Block(), MESSAGE_DELTA],
}


def refused(status: int) -> Status:
    error = {"type": "some_error", "message": f"{UPSTREAM} {KEY}"}
    return Status(status, SOON, {"type": "error", "error": error})


# By name: what the model does, and the code and `retryable` that the reader is told.
STATUSES: dict[str, tuple[Step, str, bool]] = {
    "429": (refused(429), "model_rate_limited", True),
    "529": (refused(529), "model_overloaded", True),
    "500": (refused(500), "model_unavailable", True),
}
FAULTS: dict[str, tuple[Step, str, bool]] = {
    "overloaded": (ErrorEvent("overloaded_error", f"{UPSTREAM} {KEY}"), "model_overloaded", True),
    "rejected": (ErrorEvent("invalid_request_error", f"{UPSTREAM} {KEY}"), "model_rejected", False),
    "cut inside a chunk": (Cut(b"event: content_bl"), "model_interrupted", True),
    "reset": (Cut(reset=True), "model_interrupted", True),
    "clean end": (EndWithoutStop(), "model_interrupted", True),
    "garbage": (Garbage(f"<html>{UPSTREAM} {KEY}".encode()), "model_garbled", True),
}


def ends_of(reader: Reader) -> list[str]:
    return [frame.event for frame in reader.frames if frame.event in ("done", "failed")]


def calls_of(model: StandIn, word: str) -> list[Call]:
    return [call for call in model.calls if word in call.prompt]


def lines_about(app: App, answer_id: str) -> str:
    """Return what the owner's log says of an answer's failure."""
    until(lambda: answer_id in app.log.read_text(), "the owner's log tells of the failure")
    return "\n".join(line for line in app.log.read_text().split("\n") if answer_id in line)


def check_failed(app: App, asked: dict[str, str], text: str, end: dict[str, Any]) -> None:
    """Assert that an answer has failed as `end` says, with `text` kept, and whoever asks is told no more."""
    reader = Reader(app.url + asked["stream"]).read()
    assert ends_of(reader) == ["failed"]
    assert reader.end.event == "failed"
    assert {name: reader.end.data[name] for name in end} == end
    assert reader.text == text
    assert call("GET", reader.url, headers={"Last-Event-ID": reader.last_id}).status == 204
    (turn,) = call("GET", f"{app.url}/conversations/{asked['conversation']}").json["turns"]
    assert turn["answer"] == text
    raw = call("GET", reader.url).body + call("GET", reader.url, headers={"Accept": "application/json"}).body
    assert UPSTREAM.encode() not in raw
    assert KEY.encode() not in raw


@pytest.mark.parametrize("name", STATUSES)
def test_a_service_that_keeps_refusing_fails_the_answer_once(
    app: App, model: StandIn, word: str, name: str
) -> None:
    step, code, retryable = STATUSES[name]
    model.answer(word, [step])
    asked = ask(app.url, word)
    check_failed(app, asked, "", {"code": code, "retryable": retryable})
    assert len(calls_of(model, word)) == 2 * TRIES
    assert UPSTREAM in lines_about(app, asked["id"])
    assert KEY not in app.log.read_text()


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.parametrize("times", [TRIES - 1, 2 * TRIES - 1])
def test_a_service_that_refuses_for_a_while_is_asked_again_unseen(
    app: App, model: StandIn, word: str, name: str, times: int
) -> None:
    model.answer(word, [STATUSES[name][0]], times=times)
    model.answer(word, ["answered"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    assert (reader.text, ends_of(reader)) == ("answered", ["done"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_stream_is_gone_on_from_once(
    app: App, model: StandIn, word: str, place: str, name: str
) -> None:
    step, _, retryable = FAULTS[name]
    text = "".join(step for step in PLACES[place] if isinstance(step, str))
    end = "And that is all."
    # Sent once the first is read: a reset takes back what was sent and not read.
    gate = threading.Event()
    model.answer(word, [*PLACES[place], Wait(gate), step], times=1)
    model.answer(word, telling(text + end) if text == LONG else [text + end])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read(until=text or "status")
    gate.set()
    reader.read()
    assert (reader.text, ends_of(reader)) == ((text + end, ["done"]) if retryable else (text, ["failed"]))
    assert len(calls_of(model, word)) == (2 if retryable else 1)
    stages = [frame.data["stage"] for frame in reader.frames if frame.event == "status"]
    assert ("continuing" in stages) == (retryable and text != "")
    rewinds = [frame.data["length"] for frame in reader.frames if frame.event == "rewind"]
    assert rewinds == ([units(LONG) if text == LONG else 0] if retryable else [])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_comes_again_fails_the_answer_where_it_is(
    app: App, model: StandIn, word: str, gate: threading.Event, place: str, name: str
) -> None:
    step, code, retryable = FAULTS[name]
    text = "".join(step for step in PLACES[place] if isinstance(step, str))
    model.answer(word, [*PLACES[place], Wait(gate), step])
    asked = ask(app.url, word)
    reader = Reader(app.url + asked["stream"]).read(until=text or "status")
    assert ends_of(reader) == []
    gate.set()
    reader.read()
    assert (ends_of(reader), reader.end.data["code"]) == (["failed"], code)
    check_failed(app, asked, text, {"code": code, "retryable": retryable})
    assert len(calls_of(model, word)) == (2 if retryable else 1)
    assert ("try again" in reader.end.data["message"]) == retryable
    told = lines_about(app, asked["id"])
    assert code in told
    assert (UPSTREAM in told) == (UPSTREAM in str(step))
    assert KEY not in app.log.read_text()


@pytest.mark.parametrize("text", ["Hardly begun", LONG + "And then, in the middle of"])
def test_what_was_said_stays_where_the_model_can_not_go_on(
    app: App, model: StandIn, word: str, text: str
) -> None:
    model.answer(word, [text, EndWithoutStop()], times=1)
    model.answer(word, [STATUSES["529"][0]])
    asked = ask(app.url, word)
    Reader(app.url + asked["stream"]).read()
    check_failed(app, asked, text, {"code": "model_overloaded"})


@pytest.mark.parametrize("reason", ["refusal", "max_tokens"])
def test_an_end_that_the_model_chose_is_no_failure(app: App, model: StandIn, word: str, reason: str) -> None:
    model.answer(word, ["So far.", StopReason(reason)])
    asked = ask(app.url, word)
    reader = Reader(app.url + asked["stream"]).read()
    assert (reader.text, ends_of(reader), reader.end.data) == ("So far.", ["done"], {"stop_reason": reason})
    (turn,) = call("GET", f"{app.url}/conversations/{asked['conversation']}").json["turns"]
    assert turn["answer"] == "So far."


def test_a_model_that_thinks_says_so_before_it_speaks(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Thinking("a secret thought"), Wait(gate), "said"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read(until="status")
    assert [(frame.event, frame.data) for frame in reader.frames] == [("status", {"stage": "thinking"})]
    gate.set()
    assert reader.read().text == "said"
    assert b"secret" not in call("GET", reader.url).body


def test_the_recorded_answer_tells_its_source_and_then_what_rests_on_it(
    app: App, model: StandIn, word: str
) -> None:
    recorded = (Path(__file__).parent / "wire/anthropic-citations.sse").read_bytes()
    model.answer(word, [Replay(recorded)])
    asked = ask(app.url, word)
    reader = Reader(app.url + asked["stream"]).read()
    assert reader.text == "Short answer: Nginx buffers responses by default."
    source = {"n": 1, "title": "Notes on SSE - Nginx", "url": "https://blog.example/2024/sse#nginx"}
    named = [(frame.event, frame.data) for frame in reader.frames if frame.event in ("sources", "citation")]
    assert named == [
        ("sources", {"sources": [source]}),
        ("citation", {"n": 1, "quote": "Nginx buffers responses unless X-Accel-Buffering is no."}),
    ]
    (turn,) = call("GET", f"{app.url}/conversations/{asked['conversation']}").json["turns"]
    assert turn["sources"] == [source]


def test_each_source_is_numbered_once_in_the_order_of_its_first_citation(
    app: App, model: StandIn, word: str
) -> None:
    first, second = (f"https://blog.example/{n}" for n in (1, 2))
    cited = [Citation(first, "a"), "A.", Citation(second, "b"), "B.", Citation(first, "c"), "C."]
    model.answer(word, cited)
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    assert [f.data["n"] for f in reader.frames if f.event == "citation"] == [1, 2, 1]
    lists = [[s["url"] for s in f.data["sources"]] for f in reader.frames if f.event == "sources"]
    assert lists == [[first], [first, second]]
    assert ends_of(reader) == ["done"]
