"""Readers of a stream in a page: the plainest use of EventSource that the contract allows."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from answers import TOKENS, eventually
from client import ask
from playwright.sync_api import Page
from processes import until
from proxy import Proxy
from standin import Body, Pause, StandIn, Step, Wait

# `open(stream)` starts a reader; what it holds is in `readers[stream]`.
PAGE = """<!doctype html><meta charset="utf-8"><title>Readers</title><link rel="icon" href="data:,">
<script>
  const readers = {};
  function open(stream, { closes = true, Source = EventSource } = {}) {
    const source = new Source(stream);
    const reader = readers[stream] = { source, text: "", ids: [], ends: [] };
    source.onmessage = ({ data, lastEventId }) => {
      reader.text += JSON.parse(data).token;
      reader.ids.push(lastEventId);
    };
    for (const name of ["status", "sources", "citation"]) {
      source.addEventListener(name, ({ lastEventId }) => reader.ids.push(lastEventId));
    }
    source.addEventListener("rewind", ({ data, lastEventId }) => {
      reader.text = reader.text.slice(0, JSON.parse(data).length);
      reader.ids.push(lastEventId);
    });
    for (const name of ["done", "failed"]) {
      source.addEventListener(name, ({ data, lastEventId }) => {
        reader.ends.push({ event: name, data: JSON.parse(data) });
        reader.ids.push(lastEventId);
        if (closes) source.close();
      });
    }
  }
</script>
"""
CUTS = 5
PART = len(TOKENS) // CUTS
PARTS = [TOKENS[n * PART : (n + 1) * PART] for n in range(CUTS)]
# Each part is at least this long on the wire, in however many events it comes.
LEAST_BYTES = min(len(json.dumps("".join(part))) for part in PARTS)
DONE = [{"event": "done", "data": {"stop_reason": "end_turn"}}]


@dataclass(frozen=True)
class Reading:
    """One reader of a page."""

    page: Page
    stream: str

    @classmethod
    def start(cls, page: Page, stream: str, options: str = "{}") -> "Reading":
        page.evaluate(f"open({stream!r}, {options})")
        return cls(page, stream)

    def __getattr__(self, name: str) -> Any:
        """Return `text`, `ids` or `ends` as it is now."""
        return self.page.evaluate(f"readers[{self.stream!r}].{name}")

    @property
    def state(self) -> int:
        """EventSource's `readyState`: 0 connecting, 1 open, 2 closed."""
        state: int = self.page.evaluate(f"readers[{self.stream!r}].source.readyState")
        return state

    def check(self, text: str) -> None:
        """Wait for the end: the text is whole, each event came once and in order, and the end once."""
        eventually(self.page, lambda: bool(self.ends), expected=True)
        assert self.text == text
        assert self.ends == DONE
        ids = [tuple(map(int, event_id.split("-"))) for event_id in self.ids]
        assert ids == sorted(set(ids))


def asked(proxy: Proxy, prompt: str) -> str:
    """Ask a question and return its stream's path."""
    return ask(proxy.url, prompt)["stream"]


def in_parts(model: StandIn, word: str) -> list[threading.Event]:
    """Have the model tell the answer in as many parts as there are cuts; return what each waits for."""
    gates = [threading.Event() for _ in range(CUTS)]

    def script(_: Body) -> Iterator[Step]:
        for gate, part in zip(gates, PARTS, strict=True):
            yield Wait(gate)
            for token in part:
                yield token
                yield Pause(0.001)

    model.answer(word, script)
    return gates


def conduct(proxy: Proxy, stream: str, gates: list[threading.Event]) -> None:
    """Have a part told each time that the stream's reader is connected, so that it is cut inside it."""
    for n, gate in enumerate(gates):
        until(lambda: sum(seen.status == 200 for seen in proxy.seen(stream)) > n, f"connection {n}")  # noqa: B023
        gate.set()
        until(lambda: proxy.seen(stream)[n].cut, f"cut {n}")  # noqa: B023
