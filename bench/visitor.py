"""Who asks, and reads the answer as a page with an EventSource does (WHATWG HTML, 9.2)."""

import http.client
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import gevent
from client import Reader, Reply, call
from farm import Farm
from plan import Question

from chatsse.event import TERMINAL

# What EventSource waits unless it is told.
RETRY_S = 3.0
JITTER = (0.8, 1.2)
ASK_AGAIN_S = 2.0


@dataclass
class Visitor(Reader):
    """One question's reader.

    :ivar answer_id: empty until the question was taken
    :ivar taken_at: when
    :ivar frames: without the pings
    :ivar moments: when each of the frames came
    :ivar left_at: how many frames there were each time that it went by itself
    :ivar troubles: replies that a client should never get
    :ivar made: how often it was cut, and stayed away
    """

    url: str = ""
    question: Question = field(kw_only=True)
    farm: Farm = field(kw_only=True)
    seed: int = field(kw_only=True)
    answer_id: str = ""
    taken_at: float = 0.0
    moments: list[float] = field(default_factory=list)
    left_at: set[int] = field(default_factory=set)
    troubles: list[str] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    retry_s: float = RETRY_S

    def __post_init__(self) -> None:
        self._dice = Random(f"{self.seed} reader {self.question.number}")
        self._cuts = iter(self.question.cuts)

    @property
    def has_ended(self) -> bool:
        return any(frame.event in TERMINAL for frame in self.frames)

    def visit(self) -> None:
        """Ask, under one key until the question is taken, and follow the answer to its end."""
        key = str(UUID(int=self._dice.getrandbits(128)))
        while not (taken := self._ask(key)):
            self._pause(ASK_AGAIN_S)
        self.taken_at = time.monotonic()
        self.answer_id = taken["id"]
        while not self._follow(taken["stream"]):
            self._pause(self.retry_s)

    def _ask(self, key: str) -> dict[str, str] | None:
        body = {"prompt": self.question.prompt}
        try:
            reply = call("POST", f"{self._place()}/chat", body, {"Idempotency-Key": key})
        except (OSError, http.client.HTTPException):
            return None
        return self._taken(reply)

    def _taken(self, reply: Reply) -> dict[str, str] | None:
        if reply.status == 201:
            taken: dict[str, str] = reply.json
            return taken
        if reply.status != 503:
            self.troubles.append(f"POST got {reply.status}")
        return None

    def _follow(self, stream: str) -> bool:
        """Read one response; return whether it was the last."""
        self.url, self.status = self._place() + stream, 0
        cut_after = next(self._cuts, None)
        try:
            self.read(cut_after=cut_after)
        except OSError:
            return False
        if self.status not in (0, 200, 204):
            self.troubles.append(f"GET got {self.status}")
        if self.has_ended or self.status not in (0, 200):
            return True
        if cut_after is not None:
            self._leave()
        return False

    def _leave(self) -> None:
        self.made["reader cut"] += 1
        self.left_at.add(len(self.frames))
        if self.question.away_s:
            self.made["reader away"] += 1
            gevent.sleep(self.question.away_s)

    def _place(self) -> str:
        return self._dice.choice(self.farm.webs).url

    def _pause(self, seconds: float) -> None:
        gevent.sleep(seconds * self._dice.uniform(*JITTER))

    def _dispatch(self, block: str) -> None:
        if told := re.search(r"^retry: ?([0-9]+)$", block, re.MULTILINE):
            self.retry_s = int(told[1]) / 1000
        if not block.startswith("event: ping"):
            super()._dispatch(block)
            self.moments += [time.monotonic()] * (len(self.frames) - len(self.moments))
