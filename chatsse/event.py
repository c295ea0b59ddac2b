"""The events of an answer, and their bytes as Server-Sent Events (WHATWG HTML, 9.2). Pure.

An event's `data` is one line of ASCII JSON from its making to the browser, so that nothing a model or a
visitor writes can end a line, a field or a frame.
"""

import re
from collections.abc import Iterable, Iterator
from json import dumps, loads
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

PING = b"event: ping\ndata: {}\n\n"
TERMINAL = frozenset({"done", "failed"})
KINDS = frozenset({"claim", "token", "status", "sources", "citation", "rewind"}) | TERMINAL

_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)
_TOKEN_HEAD, _TOKEN_TAIL = '{"token": "', '"}'
# Where in a token's data its text stands, as a JSON string.
_STRING = slice(len(_TOKEN_HEAD) - 1, -1)


class EventId(NamedTuple):
    """An event's place in its log: the producer's number, from 1, and its event's number, from 0.

    Orders as Redis orders the ids of a stream's entries.
    """

    attempt: int
    seq: int

    def __str__(self) -> str:
        attempt, seq = self
        return f"{attempt}-{seq}"


START = EventId(0, 0)


def parse_id(text: str | bytes | None) -> EventId | None:
    """Return the id that `text` spells, or None where it is not of the form `<attempt>-<seq>`."""
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    match = _CURSOR.fullmatch(text or "")
    return EventId(int(match[1]), int(match[2])) if match else None


class Event(NamedTuple):
    """One entry of a log.

    :param kind: one of `KINDS`; `claim` is for producers, readers never see it
    :param data: one line of ASCII JSON
    """

    id: EventId
    kind: str
    data: str


def json_line(value: object) -> str:
    """Return `value` as one line of ASCII JSON."""
    return dumps(value, allow_nan=False)


def token_data(text: str) -> str:
    """Return the data of a `token` event that appends `text`."""
    return f'{{"token": {encode_basestring_ascii(text)}}}'


def encode(event: Event) -> bytes:
    """Return the event's frame; a token goes without a name, as EventSource's default `message`."""
    (attempt, seq), kind, data = event
    if kind == "token":
        return f"id: {attempt}-{seq}\ndata: {data}\n\n".encode("ascii")
    if kind not in KINDS:
        raise ValueError(f"no such kind of event: {kind!r}")
    return f"id: {attempt}-{seq}\nevent: {kind}\ndata: {data}\n\n".encode("ascii")


def encode_all(events: Iterable[Event]) -> bytes:
    """Return the frames of several events."""
    return b"".join(map(encode, events))


def decode(frames: bytes) -> Iterator[Event]:
    """Yield the events of whole frames as `encode` writes them; frames without an id are passed over."""
    for frame in frames.decode("ascii").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.split("\n") if line)
        event_id = parse_id(fields.get("id"))
        if event_id:
            yield Event(event_id, fields.get("event", "token"), fields["data"])


def pack(events: Iterable[Event]) -> bytes:
    """Return events that follow on each other in the least room: a line each, without its id.

    A claim begins the next attempt, and within an attempt the numbers run on: `unpack` knows each id from
    its line's place, given the whole log from its first claim.
    """
    return "".join(
        f"{data[_STRING]}\n" if kind == "token" else f"{kind} {data}\n" for _, kind, data in events
    ).encode("ascii")


def unpack(lines: bytes | bytearray) -> Iterator[Event]:
    """Yield the events of a whole log that `pack` made."""
    attempt, seq = START
    for line in lines.decode("ascii").splitlines():
        kind, data = ("token", f'{{"token": {line}}}') if line[0] == '"' else line.split(" ", 1)
        attempt, seq = (attempt + 1, 0) if kind == "claim" else (attempt, seq + 1)
        yield Event(EventId(attempt, seq), kind, data)


def encode_missed(events: Iterable[Event]) -> bytes:
    """Return what a reader missed: its frames without the claims, neighbouring tokens joined into one."""
    return encode_all(join(events))


def join(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events that readers see, neighbouring tokens as one under the last one's id."""
    texts: list[str] = []
    last = START
    for event in events:
        if event.kind == "token":
            texts.append(event.data[len(_TOKEN_HEAD) : -len(_TOKEN_TAIL)])
            last = event.id
            continue
        if event.kind == "claim":
            continue
        if texts:
            yield _joined(last, texts)
            texts = []
        yield event
    if texts:
        yield _joined(last, texts)


def _joined(last: EventId, escaped: list[str]) -> Event:
    # Escaped strings join as they stand: JSON knows no escape that reaches over a string's end.
    return Event(last, "token", _TOKEN_HEAD + "".join(escaped) + _TOKEN_TAIL)


def text_of(events: Iterable[Event]) -> str:
    """Return the answer's text that a reader of `events` holds."""
    text = ""
    for event in join(events):
        if event.kind == "token":
            text += loads(event.data)["token"]
        elif event.kind == "rewind":
            text = cut(text, loads(event.data)["length"])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def length_of(events: Iterable[Event]) -> int:
    """Return how many bytes of text were ever said, those taken back included."""
    tokens = (event.data for event in join(events) if event.kind == "token")
    return sum(len(loads(data)["token"].encode("utf-8", "replace")) for data in tokens)


def sources_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return the answer's sources as a reader of `events` holds them."""
    sources: list[dict[str, Any]] = []
    for event in events:
        if event.kind == "sources":
            sources = loads(event.data)["sources"]
        elif event.kind == "rewind" and loads(event.data)["length"] == 0:
            sources = []
    return sources


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 units, as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, length: int) -> str:
    """Return the first `length` UTF-16 units of `text`, as JavaScript counts them."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    return encoded[: 2 * length].decode("utf-16-le", "surrogatepass")


def as_json(event: Event) -> dict[str, Any]:
    """Return the event as the JSON form of a stream shows it, under the name EventSource gives it."""
    name = "message" if event.kind == "token" else event.kind
    return {"id": str(event.id), "event": name, "data": loads(event.data)}
