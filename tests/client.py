"""Clients for the tests: plain JSON over HTTP, and a reader of event streams that can cut itself off."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from chatsse.event import cut

TIMEOUT_S = 120


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        code: str = self.json["error"]["code"]
        return code


def call(
    method: str, url: str, body: bytes | object = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return the reply to one request; a body that is not bytes goes as JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    sent = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        sent = {"Content-Type": "application/json"} | sent
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def ask(url: str, prompt: str, **fields: object) -> dict[str, str]:
    """Ask a question and return what says where the answer is."""
    reply = call("POST", f"{url}/chat", {"prompt": prompt, **fields})
    assert reply.status == 201, reply.body
    where: dict[str, str] = reply.json
    return where


@dataclass
class Frame:
    """An event as EventSource dispatches it."""

    id: str | None
    event: str
    data: Any


@dataclass
class Reader:
    """What EventSource does, by WHATWG HTML 9.2: holds the last id. And the text that a page shows.

    :ivar retry_ms: how long to wait before it connects again
    """

    url: str
    last_id: str = ""
    text: str = ""
    frames: list[Frame] = field(default_factory=list)
    status: int = 0
    retry_ms: int = 3000

    def read(self, cut_after: int | None = None, until: str | None = None) -> "Reader":
        """Follow the stream to its end, cut the connection after so many raw bytes, or stop at an event."""
        pending = b""
        for chunk in self._body(cut_after):
            pending += chunk
            while b"\n\n" in pending:
                block, _, pending = pending.partition(b"\n\n")
                self._dispatch(block.decode())
                if until and self.frames and until in (self.frames[-1].event, self.text):
                    return self
        return self

    @property
    def end(self) -> Frame:
        return self.frames[-1]

    def _body(self, cut_after: int | None) -> Iterator[bytes]:
        parts = urlsplit(self.url)
        headers = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=TIMEOUT_S) as sock:
            sock.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{headers}\r\n".encode())
            wire = _Wire(sock, cut_after)
            head = wire.line()
            if len(head.split()) < 2:
                return
            status = int(head.split()[1])
            while wire.line().strip():
                pass
            if wire.is_cut:
                return
            self.status = status
            if status != 200:
                return
            while size := int(wire.line().strip() or b"0", 16):
                yield wire.exactly(size)
                wire.line()

    def _dispatch(self, block: str) -> None:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        self.retry_ms = int(fields.get("retry", self.retry_ms))
        if "data" not in fields:
            return
        self.last_id = fields.get("id", self.last_id)
        frame = Frame(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
        self.frames.append(frame)
        if frame.event == "message":
            self.text += frame.data["token"]
        elif frame.event == "rewind":
            self.text = cut(self.text, frame.data["length"])


class _Wire:
    """A socket read through a budget of bytes, after which it is cut."""

    def __init__(self, sock: socket.socket, budget: int | None) -> None:
        self._sock = sock
        self._budget = budget
        self._buffer = b""
        self.is_cut = False

    def line(self) -> bytes:
        while b"\n" not in self._buffer and self._more():
            pass
        line, newline, self._buffer = self._buffer.partition(b"\n")
        return line + newline

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size and self._more():
            pass
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self) -> bool:
        most = 65536 if self._budget is None else min(65536, self._budget)
        data = self._sock.recv(most) if most else b""
        if self._budget is not None:
            self._budget -= len(data)
        self.is_cut = not data
        self._buffer += data
        return bool(data)
