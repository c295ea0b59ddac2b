"""The decoder of incoming event streams; the names follow WHATWG HTML, 9.2.6."""

import pytest

from chatsse.providers.sse import MAX_EVENT_BYTES, Decoder

STREAM = (
    "event: a\ndata: één\n\n: comment\n\ndata: two\ndata:lines\nid: 7\n\nevent: b\ndata: 漢字 🙂\n\n".encode()
)
EVENTS = [("a", "één".encode()), ("message", b"two\nlines"), ("b", "漢字 🙂".encode())]


def decode(*chunks: bytes) -> list[tuple[str, bytes]]:
    decoder = Decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending_and_every_cut_give_the_same_events(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending) + b":"  # a CR alone ends its line once the next byte is no LF
    assert decode(stream) == EVENTS
    assert decode(*(stream[n : n + 1] for n in range(len(stream)))) == EVENTS
    for cut in range(len(stream)):
        assert decode(stream[:cut], stream[cut:]) == EVENTS


def test_an_event_is_there_with_the_last_byte_of_its_blank_line_and_not_before() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: x\r\n\r") == []
    assert decoder.feed(b"\n") == [("message", b"x")]


def test_what_follows_the_last_blank_line_is_no_event() -> None:
    assert decode(b"data: whole\n\ndata: not\n") == [("message", b"whole")]


def test_an_event_without_data_is_none() -> None:
    assert decode(b"event: a\n\nid: 1\n\n\n\n\ndata\n\n") == [("message", b"")]


def test_only_the_first_space_after_the_colon_is_dropped() -> None:
    assert decode(b"data:  x: y\n\n") == [("message", b" x: y")]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert decode(b"\xef\xbb\xbfdata: x\n\n") == [("message", b"x")]


def test_bytes_that_are_no_text_are_passed_on_as_data() -> None:
    assert decode(b"event: \xff\ndata: \xff\n\n") == [("\ufffd", b"\xff")]


def test_an_event_without_end_is_given_up() -> None:
    decoder = Decoder()
    decoder.feed(b"x" * MAX_EVENT_BYTES)
    with pytest.raises(ValueError, match="more than"):
        decoder.feed(b"x")
