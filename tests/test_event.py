"""The codec, whole: ids, frames, joins, text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.event import (
    KINDS,
    START,
    Event,
    EventId,
    as_json,
    cut,
    decode,
    encode,
    encode_all,
    encode_missed,
    json_line,
    pack,
    parse_id,
    text_of,
    token_data,
    unpack,
)

HOSTILE = [
    "\n\nevent: done\ndata: {}\n\n",
    "\r\nid: 99-99\r\n",
    "\rdata: x",
    "a\0b",
    "\u2028\u2029\x85\x0b\x0c",
    '"}\n\ndata: {"token": "x',
    "\\n\\u000a\\",
    "</script><script>alert(1)</script>",
    "日本語 Grüße 👩‍👩‍👧‍👦",
    "\ud83d",
    "",
    ": comment",
    "retry: 0",
]


def token(seq: int, text: str, attempt: int = 1) -> Event:
    return Event(EventId(attempt, seq), "token", token_data(text))


def test_a_token_goes_without_a_name() -> None:
    assert encode(token(17, "Hel")) == b'id: 1-17\ndata: {"token": "Hel"}\n\n'


def test_every_other_kind_goes_by_its_name() -> None:
    event = Event(EventId(2, 3), "status", json_line({"stage": "thinking"}))
    assert encode(event) == b'id: 2-3\nevent: status\ndata: {"stage": "thinking"}\n\n'


@pytest.mark.parametrize("kind", ["error", "ping", "", "done\ndata: x", "message"])
def test_a_kind_that_is_not_in_the_list_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no such kind"):
        encode(Event(EventId(1, 1), kind, "{}"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_inside_its_line(text: str) -> None:
    frame = encode(token(1, text))
    assert frame.isascii()
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame
    assert b"\0" not in frame
    assert json.loads(frame.split(b"data: ", 1)[1])["token"] == text


@given(st.text(), st.integers(1, 10**17), st.integers(0, 10**17))
def test_what_is_encoded_decodes_to_the_same(text: str, attempt: int, seq: int) -> None:
    events = [
        token(seq, text, attempt),
        Event(EventId(attempt, seq + 1), "failed", json_line({"code": text})),
    ]
    assert list(decode(encode_all(events))) == events


def test_token_data_is_what_json_makes_of_it() -> None:
    assert token_data('a"\n\u2028é') == json_line({"token": 'a"\n\u2028é'})


def test_frames_without_an_id_are_passed_over() -> None:
    frames = b'retry: 1500\n\nevent: ping\ndata: {}\n\nid: 1-2\ndata: {"token": "a"}\n\n'
    assert list(decode(frames)) == [token(2, "a")]


def test_every_frame_cut_short_decodes_to_the_whole_ones_before_it() -> None:
    frames = [encode(token(n, "ü\n")) for n in range(1, 6)]
    whole = b"".join(frames)
    for length in range(len(whole) + 1):
        complete = whole[:length].rpartition(b"\n\n")[0]
        assert len(list(decode(complete))) == (whole[:length].count(b"\n\n") if complete else 0)


@pytest.mark.parametrize("text", ["1-0", "1-17", "999999999999999999-0"])
def test_an_id_is_two_numbers(text: str) -> None:
    assert str(parse_id(text)) == text


@pytest.mark.parametrize(
    "text",
    [None, "", "$", "-", "+", "1", "1-", "-1", "1-2-3", " 1-2", "1-2\n", "1-2\0", "a-b", "1.5-2", "0x1-1",
     "\uff11-\uff12", "*", "1-*", "9" * 19 + "-1", "(1-2", b"\xff-1"],
)  # fmt: skip
def test_what_is_no_id_is_none(text: str | bytes | None) -> None:
    assert parse_id(text) is None


def test_ids_order_as_redis_orders_them() -> None:
    assert START < EventId(1, 0) < EventId(1, 2) < EventId(1, 10) < EventId(2, 0) < EventId(10, 0)


def test_missed_tokens_are_one_frame_under_the_last_id() -> None:
    missed = [token(1, "a\n"), token(2, "ü"), token(3, "👍")]
    assert encode_missed(missed) == encode(token(3, "a\nü👍"))


def test_other_events_part_the_missed_tokens() -> None:
    status = Event(EventId(1, 2), "status", json_line({"stage": "thinking"}))
    missed = [token(1, "a"), status, token(3, "b"), token(4, "c")]
    assert encode_missed(missed) == encode_all([token(1, "a"), status, token(4, "bc")])


def test_a_claim_is_not_for_readers() -> None:
    claim = Event(EventId(2, 0), "claim", "{}")
    assert encode_missed([claim]) == b""
    assert encode_missed([token(1, "a"), claim, token(1, "b", attempt=2)]) == encode(
        token(1, "ab", attempt=2)
    )


@given(st.lists(st.text()))
def test_joined_tokens_say_what_the_single_ones_said(texts: list[str]) -> None:
    events = [token(n, text) for n, text in enumerate(texts)]
    joined = list(decode(encode_missed(events)))
    assert "".join(json.loads(event.data)["token"] for event in joined) == "".join(texts)


def test_a_rewind_counts_as_javascript_does() -> None:
    rewind = Event(EventId(2, 1), "rewind", json_line({"length": 3}))
    assert text_of([token(1, "a👍bc"), rewind, token(2, "!", attempt=2)]) == "a👍!"


def test_a_cut_in_the_middle_of_a_pair_leaves_half_of_it() -> None:
    assert cut("👍", 1) == "\ud83d"


def test_text_that_came_in_halves_of_a_pair_is_whole() -> None:
    assert text_of([token(1, "\ud83d"), token(2, "\udc4d")]) == "👍"


def test_the_json_form_has_the_names_of_eventsource() -> None:
    assert as_json(token(1, "a")) == {"id": "1-1", "event": "message", "data": {"token": "a"}}
    done = Event(EventId(1, 2), "done", json_line({"stop_reason": "end_turn"}))
    assert as_json(done) == {"id": "1-2", "event": "done", "data": {"stop_reason": "end_turn"}}


@given(st.lists(st.text()))
def test_a_packed_log_unpacks_to_the_same(texts: list[str]) -> None:
    log = [Event(EventId(1, 0), "claim", json_line({"by": "a"}))]
    log += [token(n, text) for n, text in enumerate(texts, 1)]
    log += [Event(EventId(2, 0), "claim", json_line({"by": "b"})), token(1, "\n\u2028 claim {}", attempt=2)]
    log += [Event(EventId(2, 2), "done", json_line({"stop_reason": "end_turn"}))]
    assert list(unpack(pack(log))) == log


def test_no_kind_is_the_browsers_own_error() -> None:
    assert "error" not in KINDS
