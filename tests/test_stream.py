"""Reading and stopping an answer over HTTP."""

import json
import threading

import pytest
from client import Reader, ask, call
from processes import DEADLINE_S, App, Redis, until
from standin import StandIn, Wait

from chatsse.questions import new_id


def test_an_answer_streams_in_frames_with_ids_and_one_end(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["Hel", "lo"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    assert reader.text == "Hello"
    assert reader.end.event == "done"
    assert reader.end.data == {"stop_reason": "end_turn"}
    assert [frame.event for frame in reader.frames].count("done") == 1
    assert all(frame.id for frame in reader.frames)


def test_the_bytes_are_those_of_the_contract(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "Grü", "ße\n"])
    stream = ask(app.url, word)["stream"]
    read = threading.Thread(target=gate.set)
    read.start()
    Reader(app.url + stream).read()
    reply = call("GET", app.url + stream)
    assert reply.status == 200
    first, thinking, token, done = reply.body.decode().split("\n\n")[:4]
    assert first == "retry: 1500"
    assert thinking == 'id: 1-1\nevent: status\ndata: {"stage": "thinking"}'
    assert token.split("\n")[1] == 'data: {"token": "Gr\\u00fc\\u00dfe\\n"}'
    assert done.split("\n")[1:] == ["event: done", 'data: {"stop_reason": "end_turn"}']


def test_the_headers_keep_caches_and_proxies_out(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    stream = ask(app.url, word)["stream"]
    headers = call("GET", app.url + stream).headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["Cache-Control"] == "no-store, no-transform"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_token_is_there_while_the_model_is_still_silent_about_the_next(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["first", Wait(gate), " second"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read(until="first")
    assert reader.text == "first"
    gate.set()
    assert reader.read().text == "first second"


def test_two_readers_hold_the_same_text_from_one_call(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    tokens = [f"{n} " for n in range(50)]
    model.answer(word, [*tokens[:25], Wait(gate), *tokens[25:]])
    url = app.url + ask(app.url, word)["stream"]
    early = Reader(url).read(until="".join(tokens[:25]))
    late = Reader(url).read(until="".join(tokens[:25]))
    gate.set()
    assert early.read().text == late.read().text == "".join(tokens)
    assert len([c for c in model.calls if word in c.prompt]) == 1


def test_asked_again_from_the_end_there_is_nothing(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    again = call("GET", reader.url, headers={"Last-Event-ID": reader.last_id})
    assert (again.status, again.body) == (204, b"")


@pytest.mark.parametrize("name", ["last_event_id", "lastEventId"])
def test_a_page_that_was_refreshed_names_its_cursor_in_the_address(
    app: App, model: StandIn, word: str, name: str
) -> None:
    model.answer(word, ["a"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    assert call("GET", f"{reader.url}?{name}={reader.last_id}").status == 204


def test_the_header_wins_over_the_address(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    reply = call("GET", f"{reader.url}?last_event_id={reader.last_id}", headers={"Last-Event-ID": "1-0"})
    assert b'{"token": "a"}' in reply.body


@pytest.mark.parametrize("cursor", ["$", "+", "-", "*", "(1-1", "x", "1", "-1-1", "9" * 30 + "-1", "1-1 2-2"])
def test_a_cursor_that_is_none_is_taken_as_none(app: App, model: StandIn, word: str, cursor: str) -> None:
    model.answer(word, ["whole"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    assert b'{"token": "whole"}' in call("GET", reader.url, headers={"Last-Event-ID": cursor}).body


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("answer_id", [new_id(), "x", "%00", "%F0%9F%91%8D", "{}", "a" * 3000])
def test_an_unknown_answer_is_not_found(app: App, method: str, answer_id: str) -> None:
    reply = call(method, f"{app.url}/stream/{answer_id}")
    assert (reply.status, reply.code) == (404, "not_found")


def test_head_opens_no_stream(app: App, model: StandIn, word: str, gate: threading.Event) -> None:
    model.answer(word, ["a", Wait(gate)])
    reply = call("HEAD", app.url + ask(app.url, word)["stream"])
    assert reply.status == 200


def as_json(url: str) -> dict[str, object]:
    reply = call("GET", url, headers={"Accept": "application/json"})
    assert reply.status == 200, reply.body
    body: dict[str, object] = reply.json
    return body


def test_the_json_form_gives_what_follows_the_cursor(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", "b", Wait(gate), "c"])
    url = app.url + ask(app.url, word)["stream"]
    Reader(url).read(until="ab")
    first = as_json(url)
    assert [event["event"] for event in first["events"]] == ["status", "message"]  # type: ignore[attr-defined]
    assert first["events"][1]["data"] == {"token": "ab"}  # type: ignore[index]
    assert first["ended"] is False
    gate.set()
    Reader(url).read()
    second = as_json(f"{url}?last_event_id={first['cursor']}")
    assert [event["data"] for event in second["events"]] == [{"token": "c"}, {"stop_reason": "end_turn"}]  # type: ignore[attr-defined]
    assert second["ended"] is True
    assert as_json(f"{url}?last_event_id={second['cursor']}") == {
        "events": [],
        "cursor": second["cursor"],
        "ended": True,
    }


def test_the_json_form_waits_for_the_first_event(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate), "b"])
    url = app.url + ask(app.url, word)["stream"]
    cursor = Reader(url).read(until="a").last_id
    waiting: list[dict[str, object]] = []
    poll = threading.Thread(target=lambda: waiting.append(as_json(f"{url}?wait=25&last_event_id={cursor}")))
    poll.start()
    gate.set()
    poll.join()
    assert waiting[0]["events"][0]["data"] == {"token": "b"}  # type: ignore[index]


def test_a_wait_in_vain_ends_empty(app: App, model: StandIn, word: str, gate: threading.Event) -> None:
    model.answer(word, ["a", Wait(gate)])
    url = app.url + ask(app.url, word)["stream"]
    cursor = Reader(url).read(until="a").last_id
    assert as_json(f"{url}?wait=1&last_event_id={cursor}") == {"events": [], "cursor": cursor, "ended": False}


def test_polling_puts_the_same_text_together(app: App, model: StandIn, word: str) -> None:
    tokens = [f"{n}é👍\n" for n in range(100)]
    model.answer(word, tokens)
    url = app.url + ask(app.url, word)["stream"]
    text, cursor, ended = "", "0-0", False
    while not ended:
        page = json.loads(json.dumps(as_json(f"{url}?wait=5&last_event_id={cursor}")))
        text += "".join(event["data"].get("token", "") for event in page["events"])
        cursor, ended = page["cursor"], page["ended"]
    assert text == "".join(tokens)


@pytest.mark.parametrize("wait", ["-1", "x", "1.5", "²", "9" * 99])
def test_a_wait_that_is_no_number_is_refused(app: App, model: StandIn, word: str, wait: str) -> None:
    model.answer(word, ["a"])
    url = app.url + ask(app.url, word)["stream"]
    from urllib.parse import quote

    reply = call("GET", f"{url}?wait={quote(wait)}", headers={"Accept": "application/json"})
    assert (reply.status, reply.code) == (400, "wait_invalid")


def test_stop_closes_the_models_stream_and_keeps_what_was_said(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["said", Wait(gate), "never"])
    asked = ask(app.url, word)
    url = app.url + asked["stream"]
    reader = Reader(url).read(until="said")
    assert call("DELETE", url).status == 202
    assert reader.read().text == "said"
    assert reader.end.data == {"stop_reason": "stopped"}
    (call_,) = [c for c in model.calls if word in c.prompt]
    assert call_.closed.wait(DEADLINE_S)
    assert call("DELETE", url).status == 204
    (turn,) = call("GET", f"{app.url}/conversations/{asked['conversation']}").json["turns"]
    assert turn["answer"] == "said"


def test_stop_before_the_first_word(app: App, model: StandIn, word: str, gate: threading.Event) -> None:
    model.answer(f"{word} next", ["next"])
    model.answer(word, [Wait(gate), "never"])
    url = app.url + ask(app.url, word)["stream"]
    until(lambda: [c for c in model.calls if word in c.prompt], "the model is asked")
    assert call("DELETE", url).status == 202
    reader = Reader(url).read()
    assert (reader.text, reader.end.data) == ("", {"stop_reason": "stopped"})
    # Nor is it asked again, as it would be after a fault of the network.
    (call_,) = [c for c in model.calls if word in c.prompt]
    assert call_.closed.wait(DEADLINE_S)
    assert Reader(app.url + ask(app.url, f"{word} next")["stream"]).read().text == "next"
    assert len([c for c in model.calls if c.prompt == word]) == 1


def test_stop_after_the_end_is_too_late(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read()
    assert call("DELETE", reader.url).status == 204
    assert reader.end.data == {"stop_reason": "end_turn"}


def test_an_answer_goes_on_when_its_reader_leaves(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate), "b"])
    reader = Reader(app.url + ask(app.url, word)["stream"]).read(until="a")
    gate.set()
    (call_,) = [c for c in model.calls if word in c.prompt]
    until(lambda: call_.finished, "the answer is finished without a reader")
    assert reader.read().text == "ab"


def test_five_hundred_open_streams_need_four_connections(
    app: App, redis: Redis, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate)])
    url = app.url + ask(app.url, word)["stream"]
    readers = [Reader(url) for _ in range(500)]
    threads = [threading.Thread(target=reader.read) for reader in readers]
    for thread in threads:
        thread.start()
    until(lambda: all(reader.status == 200 for reader in readers), "all streams are open")
    # One that was given up may be there for another moment.
    until(lambda: 1 <= len(redis.clients(0)) <= 4, "four connections at most")
    gate.set()
    for thread in threads:
        thread.join()
    assert {reader.text for reader in readers} == {"a"}
