"""Server-Sent Events as they come in from a model service: bytes in, events out; no I/O.

WHATWG HTML, 9.2.6, without what only a browser needs (`id`, `retry`). chatsse's own events, going out,
are in `chatsse.event`.
"""

MAX_EVENT_BYTES = 1 << 20


class Decoder:
    """Turns the bytes of one stream into events, wherever the bytes were cut."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Return the events that `chunk` completes, each as its name and its data.

        The data stays bytes: a cut may fall inside a character, but never inside the bytes of an event.
        What follows the last blank line is no event, even at the stream's end.

        :raises ValueError: an event is longer than any service sends
        """
        stream = self._rest + chunk if self._rest else chunk
        if b"\r" in stream:
            stream = _newlines(stream)
        frames = stream.split(b"\n\n")
        self._rest = frames.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return [event for frame in frames if (event := _event(frame))]


def _newlines(stream: bytes) -> bytes:
    """Return `stream` with every line ending as LF, but for a last CR whose LF may still come."""
    stream = stream.replace(b"\r\n", b"\n")
    if stream.endswith(b"\r"):
        return stream[:-1].replace(b"\r", b"\n") + b"\r"
    return stream.replace(b"\r", b"\n")


def _event(frame: bytes) -> tuple[str, bytes] | None:
    """Return the name and the data of `frame`, or None if it carries no data, as a comment does."""
    name, data = "message", []
    for line in frame.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode(errors="replace")
    return (name, data[0] if len(data) == 1 else b"\n".join(data)) if data else None
