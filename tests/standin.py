"""A stand-in for Anthropic's Messages API: a local server, true to the wire, with faults on demand.

    with StandIn() as standin:
        gate = threading.Event()
        standin.answer("weather", [Status(429)], times=1)      # the first that fits and has times left
        standin.answer("weather", ["It ", "is ", Wait(gate), "raining."])
        ...                                                    # ask {standin.url}/v1/messages
        call = standin.call(0)                                 # the first request, waited for
        assert call.closed.wait(5)                             # the client went away

A script is a list of steps, or a callable that makes one from the request's body:

- a `str` is a token; `Citation`, `Thinking`, `Ping` and `Usage` are events; `Block` ends a text block
- `Wait`, `Pause` and `Silence` let time pass, and notice at once when the client leaves
- `Status` answers in place of a stream; `Cut`, `ErrorEvent`, `Garbage`, `EndWithoutStop` are faults
- `StopReason` says how the message ends; `bytes` go out as they are, as one HTTP chunk
- `Replay` sends recorded bytes as the whole body; `[Replay(data[:n]), Cut()]` cuts it after byte n

What a real stream has besides comes by itself: the response's head and the opening events before the
first step that needs them (`Head` and `Opening` ask for them sooner), the closing events after the last.
Tokens that nothing parts leave in one write, each as a chunk of its own.

Plain threads and sockets; greenlets under gevent's monkey patching. As a process of its own:

    python tests/standin.py --port 9110 --tokens 200 --rate 50
"""

import argparse
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

POLL_S = 0.03
# What a request to go on says in its last message, in the words of Anthropic's documentation.
INTERRUPTED = "Your previous response was interrupted and ended with"

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """The response's head goes out now.

    :param chunked: False: the body ends where the connection does, as behind some proxies
    """

    chunked: bool = True


@dataclass(frozen=True)
class Opening:
    """`message_start`, the empty thinking block and a ping go out now."""


@dataclass(frozen=True)
class Thinking:
    """A thinking block, whole."""

    text: str = ""


@dataclass(frozen=True)
class Block:
    """The text block ends; the next token begins another."""


@dataclass(frozen=True)
class Citation:
    """The text block, begun if need be, cites a search result."""

    source: str
    quote: str
    title: str | None = "A page"


@dataclass(frozen=True)
class Ping:
    """A ping."""


@dataclass(frozen=True)
class Event:
    """Any event."""

    name: str
    data: object


@dataclass(frozen=True)
class Wait:
    """Nothing until `gate` is set."""

    gate: threading.Event


@dataclass(frozen=True)
class Pause:
    """Nothing for a while."""

    seconds: float


@dataclass(frozen=True)
class Silence:
    """Nothing, until the client goes away; with `ping_s`, pings only."""

    ping_s: float | None = None


@dataclass(frozen=True)
class Status:
    """An answer that is no stream; `body` None: the error object that Anthropic sends with `code`."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None


@dataclass(frozen=True)
class ErrorEvent:
    """`event: error` in the middle of the stream, which then ends."""

    type: str
    message: str = "Overloaded"


@dataclass(frozen=True)
class Garbage:
    """Bytes that are no event stream, as an event's data."""

    data: bytes = b"}{ \xff"


@dataclass(frozen=True)
class Cut:
    """The connection ends here.

    :param inside: bytes of a chunk that was announced longer
    :param reset: by RST, as from a machine that lost its memory, in place of FIN
    """

    inside: bytes = b""
    reset: bool = False


@dataclass(frozen=True)
class EndWithoutStop:
    """The response ends cleanly here, the message does not."""


@dataclass(frozen=True)
class StopReason:
    """How the message will end; `end_turn` if not said."""

    reason: str


@dataclass(frozen=True)
class Replay:
    """Recorded bytes, as the whole body, in chunks of `size`."""

    data: bytes
    size: int = 1 << 16


Step: TypeAlias = (
    str
    | bytes
    | Head
    | Opening
    | Thinking
    | Block
    | Citation
    | Ping
    | Event
    | Wait
    | Pause
    | Silence
    | Status
    | ErrorEvent
    | Garbage
    | Cut
    | EndWithoutStop
    | StopReason
    | Replay
)
Steps: TypeAlias = Iterable[Step]
Script: TypeAlias = Steps | Callable[[Body], Steps]
Match: TypeAlias = str | Callable[[Body], bool]


@dataclass
class Call:
    """A request as it came in.

    :param headers: by lower-case name
    :param sent: tokens handed to the network so far
    :param closed: set when the connection went away before the end, noticed within POLL_S of a wait
    :param ended: set when nothing more will be sent, however it came about
    :param finished: whether all of a script went out, up to the response's end
    """

    path: str
    headers: dict[str, str]
    raw: bytes
    body: Body
    at: float = field(default_factory=time.monotonic)
    sent: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    finished: bool = False

    @property
    def prompt(self) -> str:
        """The question that is to be answered."""
        return prompt(self.body)

    @property
    def said(self) -> str:
        """The part of the answer that is to be continued; empty for one that is to begin."""
        return said(self.body)


def prompt(body: Body) -> str:
    """Return the question of a request: its last user message, but for one that asks to go on."""
    users = [_text_of(m) for m in body.get("messages", []) if m.get("role") == "user"]
    if users and INTERRUPTED in users[-1]:
        users.pop()
    return users[-1] if users else ""


def said(body: Body) -> str:
    """Return the part of the answer that a request quotes to have it continued."""
    messages = body.get("messages", [])
    if not messages or INTERRUPTED not in _text_of(messages[-1]):
        return ""
    return _text_of(messages[-2])


def _text_of(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content if block["type"] == "text")


def words(text: str) -> list[str]:
    """Return `text` as tokens, a word and its space each."""
    return [word for word in text.replace(" ", " \0").split("\0") if word]


class Left(Exception):
    """The client went away."""


class Ended(Exception):
    """The script ended the response itself."""

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep


class Answer:
    """One response on its way out."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self._sock = sock
        self._call = call
        self._out: list[bytes] = []
        self._head = self._opened = self._raw = False
        self._chunked = True
        self._block: int | None = None
        self._blocks = 0
        self._tokens = 0
        self._reason = "end_turn"

    def play(self, steps: Steps) -> bool:
        """Send what `steps` say; return whether the connection can take another request."""
        try:
            for step in steps:
                self._take(step)
            self._close()
        except Ended as ended:
            self._call.finished = ended.keep
            return ended.keep
        self._call.finished = True
        return self._chunked

    def _take(self, step: Step) -> None:
        if isinstance(step, str):
            self._token(step)
        elif isinstance(step, bytes):
            self._begin()
            self._chunk(step)
        else:
            getattr(self, f"_on_{type(step).__name__.lower()}")(step)

    # What a stream is made of

    def _on_head(self, step: Head | None = None) -> None:
        if not self._head:
            self._head = True
            self._chunked = step is None or step.chunked
            self._out.append(STREAM_HEAD + (CHUNKED if self._chunked else UNTIL_CLOSE))
        if step:
            self._flush()

    def _on_opening(self, step: Opening | None = None) -> None:
        if not self._opened:
            self._on_head()
            self._opened = True
            self._event("message_start", {"type": "message_start", "message": self._message()})
            self._on_thinking(Thinking())
            self._on_ping()
        if step:
            self._flush()

    _begin = _on_opening

    def _message(self) -> dict[str, object]:
        model = self._call.body.get("model", "claude-haiku-5-5")
        empty: dict[str, object] = {
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
        }
        usage = {"input_tokens": 812, "output_tokens": 1}
        return {
            "id": "msg_01A",
            "type": "message",
            "role": "assistant",
            "model": model,
            **empty,
            "usage": usage,
        }

    def _on_thinking(self, step: Thinking) -> None:
        self._begin()
        self._on_block()
        self._start({"type": "thinking", "thinking": "", "signature": ""})
        self._delta({"type": "thinking_delta", "thinking": step.text})
        self._delta({"type": "signature_delta", "signature": "EqQBCgIYAhIM1gbc"})
        self._on_block()

    def _on_block(self, step: Block | None = None) -> None:
        if self._block is not None:
            self._event("content_block_stop", {"type": "content_block_stop", "index": self._block})
            self._block = None

    def _start(self, block: dict[str, object]) -> None:
        self._block = self._blocks
        self._blocks += 1
        self._event(
            "content_block_start",
            {"type": "content_block_start", "index": self._block, "content_block": block},
        )

    def _delta(self, delta: dict[str, object]) -> None:
        self._event(
            "content_block_delta", {"type": "content_block_delta", "index": self._block, "delta": delta}
        )

    def _token(self, text: str) -> None:
        self._begin()
        if self._block is None:
            self._start({"type": "text", "text": ""})
        self._tokens += 1
        self._delta({"type": "text_delta", "text": text})

    def _on_citation(self, step: Citation) -> None:
        self._begin()
        if self._block is None:
            self._start({"citations": [], "type": "text", "text": ""})
        place: dict[str, object] = {
            "title": step.title,
            "search_result_index": 0,
            "start_block_index": 0,
            "end_block_index": 1,
        }
        citation = {
            "type": "search_result_location",
            "cited_text": step.quote,
            "source": step.source,
            **place,
        }
        self._delta({"type": "citations_delta", "citation": citation})

    def _on_ping(self, step: Ping | None = None) -> None:
        self._begin()
        self._chunk(b'event: ping\ndata: {"type": "ping"}\n\n')

    def _on_event(self, step: Event) -> None:
        self._begin()
        self._event(step.name, step.data)

    def _on_stopreason(self, step: StopReason) -> None:
        self._reason = step.reason

    def _on_replay(self, step: Replay) -> None:
        self._on_head()
        self._raw = True
        for at in range(0, len(step.data), step.size):
            self._chunk(step.data[at : at + step.size])

    def _close(self) -> None:
        if not self._raw:
            self._begin()
            self._on_block()
            delta = {"stop_reason": self._reason, "stop_sequence": None, "stop_details": None}
            usage = {"input_tokens": 812, "output_tokens": self._tokens}
            self._event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage})
            self._event("message_stop", {"type": "message_stop"})
        self._end()

    # Time passing

    def _on_wait(self, step: Wait) -> None:
        self._flush()
        # Not `gate.wait`: of several greenlets that wait again after a timeout, gevent wakes one.
        while not step.gate.is_set():
            time.sleep(POLL_S)
            self._look()

    def _on_pause(self, step: Pause) -> None:
        self._flush()
        until = time.monotonic() + step.seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, POLL_S))
            self._look()

    def _on_silence(self, step: Silence) -> None:
        self._flush()
        while True:
            self._on_pause(Pause(POLL_S if step.ping_s is None else step.ping_s))
            if step.ping_s is not None:
                self._on_ping()
                self._flush()

    def _look(self) -> None:
        """Raise Left if the client has closed the connection."""
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            if not self._sock.recv(1, socket.MSG_PEEK):
                raise Left
        except BlockingIOError:
            pass
        finally:
            self._sock.settimeout(timeout)

    # Faults

    def _on_status(self, step: Status) -> None:
        body = step.body
        if body is None:
            error = {"type": ERROR_TYPES.get(step.code, "api_error"), "message": "As the script says."}
            body = {"type": "error", "error": error, "request_id": "req_01A"}
        data = body if isinstance(body, bytes) else _json(body)
        about = {
            "Content-Type": "application/json",
            "request-id": "req_01A",
            "Content-Length": str(len(data)),
        }
        lines = [f"HTTP/1.1 {step.code} Status", *(f"{k}: {v}" for k, v in (about | step.headers).items())]
        self._out.append("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        self._flush()
        raise Ended(keep=True)

    def _on_errorevent(self, step: ErrorEvent) -> None:
        self._begin()
        error = {"type": step.type, "message": step.message}
        self._event("error", {"type": "error", "error": error})
        self._on_endwithoutstop()

    def _on_garbage(self, step: Garbage) -> None:
        self._begin()
        self._chunk(b"event: content_block_delta\ndata: " + step.data + b"\n\n")

    def _on_endwithoutstop(self, step: EndWithoutStop | None = None) -> None:
        self._on_head()
        self._end()
        raise Ended(keep=self._chunked)

    def _on_cut(self, step: Cut) -> None:
        if step.inside:
            self._out.append(b"%x\r\n%s" % (len(step.inside) + 100, step.inside))
        self._flush()
        if step.reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended(keep=False)

    # Bytes

    def _event(self, name: str, data: object) -> None:
        self._chunk(b"event: %s\ndata: %s\n\n" % (name.encode(), _json(data)))

    def _chunk(self, data: bytes) -> None:
        self._out.append(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def _end(self) -> None:
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self._flush()

    def _flush(self) -> None:
        if self._out:
            self._sock.sendall(b"".join(self._out))
            self._out.clear()
        self._call.sent = self._tokens


class StandIn:
    """The server; `with` starts and stops it.

    :param port: 0: any that is free
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._lock = threading.Condition()
        self._scripts: list[tuple[Match, Script, list[int | None]]] = []
        self._open: set[socket.socket] = set()
        self.calls: list[Call] = []
        self.connections = 0

    def __enter__(self) -> "StandIn":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; after a `stop`, on the same port again."""
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=4096)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and cut every connection, as a killed server does."""
        with self._lock:
            sockets = [self._listener, *self._open]
        for sock in sockets:
            with contextlib.suppress(OSError):  # It was gone already.
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def answer(self, match: Match, script: Script, times: int | None = None) -> None:
        """Answer with `script` what `match` fits, for `times` requests; the first that fits counts.

        :param match: a part of the question's text, or a callable on the request's body
        """
        with self._lock:
            self._scripts.append((match, script, [times]))

    def call(self, index: int, timeout_s: float = 30) -> Call:
        """Return a request, waiting for it.

        :raises AssertionError: it did not come in time
        """
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.calls) > index, timeout_s), f"no call {index}"
            return self.calls[index]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                reader = sock.makefile("rb")
                while (request := _read_request(reader)) and self._respond(sock, *request):
                    pass
                reader.close()
        except (OSError, ValueError):
            pass  # Whoever was there is gone, or spoke no HTTP.
        finally:
            with self._lock:
                self._open.discard(sock)

    def _respond(
        self, sock: socket.socket, method: str, path: str, headers: dict[str, str], raw: bytes
    ) -> bool:
        """Answer one request; return whether another may follow on the connection."""
        if method != "POST" or urlsplit(path).path != "/v1/messages":
            return Answer(sock, Call(path, headers, raw, {})).play([Status(200 if method == "GET" else 404)])
        call = Call(path, headers, raw, json.loads(raw))
        script = self._script(call)
        try:
            return Answer(sock, call).play(script(call.body) if callable(script) else script)
        except (Left, OSError):
            call.closed.set()
            return False
        finally:
            call.ended.set()

    def _script(self, call: Call) -> Script:
        """Note `call`, and return what to answer."""
        with self._lock:
            self.calls.append(call)
            self._lock.notify_all()
            for match, script, left in self._scripts:
                fits = match(call.body) if callable(match) else match in call.prompt
                if fits and left[0] != 0:
                    left[0] = left[0] and left[0] - 1
                    return script
        return words("This is the answer of the stand-in.")


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"request-id: req_01A\r\n"
)
CHUNKED = b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"Connection: close\r\n\r\n"
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def _read_request(reader: Any) -> tuple[str, str, dict[str, str], bytes] | None:
    """Return the next request's method, path, headers and body, or None at the connection's end."""
    line = reader.readline().decode("latin-1")
    if not line:
        return None
    method, path, _ = line.split(" ", 2)
    headers = {}
    while (line := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, path, headers, reader.read(int(headers.get("content-length", 0)))


def main() -> None:
    """Serve until interrupted, every answer alike."""
    options = argparse.ArgumentParser(description="A stand-in for Anthropic's Messages API.")
    options.add_argument("--port", type=int, default=9110)
    options.add_argument("--tokens", type=int, default=200, help="of each answer")
    options.add_argument("--rate", type=float, default=50, help="tokens a second")
    chosen = options.parse_args()
    steps: list[Step] = []
    for n in range(chosen.tokens):
        steps += [f"word{n + 1} ", Pause(1 / chosen.rate)]
    with StandIn(chosen.port) as standin:
        standin.answer("", steps)
        print(f"ANTHROPIC_BASE_URL={standin.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
