"""Compares what readers got with what was taken, what Redis holds and what the model had to tell. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from json import loads

from client import Frame
from plan import Question

from chatsse.event import TERMINAL, Event, EventId, cut, parse_id
from chatsse.telling import MAX_ATTEMPTS

WRONGS = ("lost", "duplicated", "out of order", "without an end")
# What a `failed` may say for each fault of the model.
CODES = {
    "model cut": "model_interrupted",
    "model reset": "model_interrupted",
    "model without an end": "model_interrupted",
    "model overloaded": "model_overloaded",
    "model garbage": "model_garbled",
    429: "model_rate_limited",
    500: "model_unavailable",
    529: "model_overloaded",
}


@dataclass(frozen=True)
class Case:
    """One question, and what came of it.

    :param answer_id: empty where it was never taken
    :param taken_at: when it was, on the clock of `moments`
    :param frames: what its reader was told, pings left out
    :param moments: when each frame came
    :param left_at: how many frames there were each time that the reader went by itself
    :param troubles: replies that a client should never get
    :param log: the answer's log at the end of the run
    :param kept: the finished text that the conversation shows
    """

    question: Question
    answer_id: str = ""
    taken_at: float = 0.0
    frames: list[Frame] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    left_at: frozenset[int] = frozenset()
    troubles: tuple[str, ...] = ()
    log: list[Event] = field(default_factory=list)
    kept: str = ""

    @property
    def end(self) -> Frame | None:
        return next((frame for frame in self.frames if frame.event in TERMINAL), None)

    @property
    def shown(self) -> str:
        """The text on the reader's page."""
        text = ""
        for frame in self.frames:
            if frame.event == "message":
                text += frame.data["token"]
            elif frame.event == "rewind":
                text = cut(text, frame.data["length"])
        return text

    @property
    def silences(self) -> int:
        """How often whoever had the question fell silent; the first time maybe before it had begun."""
        return sum(self._claims)

    @property
    def hand_overs(self) -> int:
        """How often it was handed back and taken up again."""
        return self._claims[1:].count(False)

    @property
    def _claims(self) -> list[bool]:
        return [loads(event.data)["is_takeover"] for event in self.log if event.kind == "claim"]

    @property
    def pause_s(self) -> float:
        """The longest time that its reader waited for an event, its own absences left out."""
        told = pairwise([self.taken_at, *self.moments])
        return max(
            (after - before for n, (before, after) in enumerate(told) if n not in self.left_at), default=0
        )


def wrongs(case: Case) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a case: one of `WRONGS`, and what exactly."""
    yield from (("lost", trouble) for trouble in case.troubles)
    yield from _wrong_order(case)
    yield from _wrong_log(case)
    match case.end:
        case None:
            yield "without an end", f"{case.answer_id and 'taken, '}{len(case.frames)} events"
        case Frame(event="done", data=data):
            yield from _wrong_text(case, case.question.truth)
            if data != {"stop_reason": "end_turn"}:
                yield "lost", f"done says {data}"
        case Frame(data=data):
            yield from _wrong_text(case, case.question.truth[: len(case.shown)])
            if data["code"] not in _codes(case):
                yield "lost", f"failed without a reason: {data['code']}"


def _wrong_order(case: Case) -> Iterator[tuple[str, str]]:
    for before, after in pairwise(map(_id, case.frames)):
        if after == before:
            yield "duplicated", f"{after} came twice"
        elif after < before:
            yield "out of order", f"{after} came after {before}"
    ends = [str(_id(frame)) for frame in case.frames if frame.event in TERMINAL]
    if len(ends) > 1:
        yield "duplicated", f"ends at {', '.join(ends)}"


def _wrong_log(case: Case) -> Iterator[tuple[str, str]]:
    stored = {event.id for event in case.log}
    if missing := [str(_id(frame)) for frame in case.frames if _id(frame) not in stored]:
        yield "lost", f"shown and not in the log: {', '.join(missing)}"
    if case.end and case.log and case.log[-1].id != _id(case.end):
        yield "duplicated", f"the log goes on after the end, up to {case.log[-1].id}"
    if case.end and case.kept != case.shown:
        yield "lost", f"the conversation keeps {_difference(case.kept, case.shown)}"


def _wrong_text(case: Case, truth: str) -> Iterator[tuple[str, str]]:
    """Compare the page with the truth, in which no two sentences are alike."""
    sentences = Counter(re.findall(r"Sentence [0-9]+ of", case.shown))
    if again := [sentence for sentence, times in sentences.items() if times > 1]:
        yield "duplicated", f"said again: {', '.join(again)}"
    elif case.shown != truth:
        yield "lost", f"the reader has {_difference(case.shown, truth)}"


def _codes(case: Case) -> set[str]:
    """Return the codes that the answer may have failed with."""
    codes = {CODES[name] for name, _ in case.question.spoils} | {
        CODES[each] for each in case.question.refusals
    }
    return codes | {"model_interrupted"} if case.silences >= MAX_ATTEMPTS else codes


def _difference(text: str, truth: str) -> str:
    at = next(
        (n for n, (a, b) in enumerate(zip(text, truth, strict=False)) if a != b), min(len(text), len(truth))
    )
    here, there = text[at : at + 30], truth[at : at + 30]
    return f"{len(text)} characters of {len(truth)}, from {at} on {here!r} for {there!r}"


def _id(frame: Frame) -> EventId:
    event_id = parse_id(frame.id)
    if event_id is None:
        raise ValueError(f"an event without an id: {frame}")
    return event_id
