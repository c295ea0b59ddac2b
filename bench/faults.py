#!/usr/bin/env python3
"""Make every fault there is while answers are on their way, and look whether each reader got all of its own.

Two web processes and two workers answer, on one Redis. Questions are asked and faults made at times that the
seed decides, and so are the faults of the model and of the readers. The seed does not decide how far an
answer is when a fault strikes, nor which process has it: that is for the machine, so two runs of a seed are
alike and not the same.

    lost             done with another text than the model's, failed without a reason, a reply of 404 or
                     5xx, or shown and not in Redis
    duplicated       an event twice, or text twice
    out of order     an id below the one before
    without an end   no `done` or `failed`, a while after the last fault
    recovery         the longest pause of each reader whose answer changed hands

Ends with status 1 where anything is wrong; the processes' logs are then kept.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gevent
from gevent.event import Event as Signal
from gevent.pool import Group

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from farm import Farm
from mischief import Mischief
from model import Model
from plan import Fault, Question, faults, questions
from verdict import WRONGS, Case, wrongs
from visitor import Visitor

from chatsse.connections import Connections, SharedLine
from chatsse.event import START
from chatsse.journal import hash_key, read, reading

# After the last fault, all that can still end has ended by then.
SETTLE_S = 60


@dataclass(frozen=True)
class Outcome:
    """What a run has come to.

    :param made: how often each fault was made
    :param late: how many processes, told to stop, had to be killed
    """

    cases: list[Case]
    made: Counter[str]
    late: int


class Run:
    """One run of the bench."""

    def __init__(self, seed: int, farm: Farm, model: Model) -> None:
        self._seed = seed
        self._farm = farm
        self._model = model
        self._mischief = Mischief(farm)
        self._visitors: list[Visitor] = []
        self._visiting = Group()
        self._making = Group()

    def play(self, plan: Sequence[Question | Fault]) -> Outcome:
        """Do each thing of the plan at its time, wait for the answers to end, and return what came of it."""
        try:
            self._do(plan)
        finally:
            # Lest a process be started when all others have been ended.
            self._making.kill()
            self._visiting.kill()
        made = sum((visitor.made for visitor in self._visitors), self._mischief.made + self._model.made)
        return Outcome(self._cases(), made, self._farm.late)

    def progress(self) -> str:
        """Return where the run is, in a few words."""
        ended = sum(visitor.has_ended for visitor in self._visitors)
        made = sum(self._mischief.made.values())
        return f"{len(self._visitors)} asked, {ended} answered, {made} faults of processes"

    def _do(self, plan: Sequence[Question | Fault]) -> None:
        begun = time.monotonic()
        for step in sorted(plan, key=lambda step: step.at_s):
            gevent.sleep(max(begun + step.at_s - time.monotonic(), 0))
            self._begin(step)
        self._making.join(raise_error=True)
        self._visiting.join(SETTLE_S)
        self._farm.join()

    def _begin(self, step: Question | Fault) -> None:
        if isinstance(step, Fault):
            self._making.spawn(self._mischief.make, step)
            return
        visitor = Visitor(question=step, farm=self._farm, seed=self._seed)
        self._visitors.append(visitor)
        self._visiting.spawn(visitor.visit)

    def _cases(self) -> list[Case]:
        connections = Connections(self._farm.redis.url(0))
        try:
            return [_case(visitor, connections.commands) for visitor in self._visitors]
        finally:
            connections.close()


def _case(visitor: Visitor, commands: SharedLine) -> Case:
    answer_id = visitor.answer_id
    entries, (kept,) = commands.execute(reading(answer_id, START), ("HMGET", hash_key(answer_id), "answer"))
    return Case(
        visitor.question,
        answer_id,
        visitor.taken_at,
        visitor.frames,
        visitor.moments,
        frozenset(visitor.left_at),
        tuple(visitor.troubles),
        read(entries),
        (kept or b"").decode(),
    )


def rows(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    """Yield the table: a name, a figure, a remark; nothing but a name begins a part."""
    yield "faults made", "", ""
    for name, times in sorted(outcome.made.items()):
        yield f"  {name}", str(times), ""
    yield "  stopped late", str(outcome.late), "not within 30 s, so killed"
    yield from _answer_rows(outcome.cases)
    yield "wrong", "", ""
    wrong = Counter(kind for case in outcome.cases for kind in {kind for kind, _ in wrongs(case)})
    for kind in WRONGS:
        yield f"  {kind}", str(wrong[kind]), ""
    yield from _recovery_rows(outcome.cases)


def _answer_rows(cases: Sequence[Case]) -> Iterator[tuple[str, str, str]]:
    ends = Counter(case.end.event for case in cases if case.end)
    codes = Counter(case.end.data["code"] for case in cases if case.end and case.end.event == "failed")
    silences, hand_overs = sum(case.silences for case in cases), sum(case.hand_overs for case in cases)
    yield "answers", "", ""
    yield "  asked", str(len(cases)), ""
    yield "  done", str(ends["done"]), ""
    yield (
        "  failed",
        str(ends["failed"]),
        ", ".join(f"{code} {times}" for code, times in sorted(codes.items())),
    )
    yield "  taken over", str(silences), "after a lease of silence"
    yield "  handed back", str(hand_overs), "and taken up again"


def _recovery_rows(cases: Sequence[Case]) -> Iterator[tuple[str, str, str]]:
    changed_hands = [case for case in cases if case.silences or case.hand_overs]
    waited = sorted((case.pause_s, case.question.number) for case in changed_hands)
    yield "recovery", "", ""
    if waited:
        yield "  median", f"{waited[len(waited) // 2][0]:.1f} s", ""
        yield "  p99", f"{waited[len(waited) * 99 // 100][0]:.1f} s", ""
        yield "  slowest", f"{waited[-1][0]:.1f} s", f"question {waited[-1][1]}"


def report(outcome: Outcome) -> bool:
    """Print the table, and what exactly is wrong; return whether nothing is."""
    table = list(rows(outcome))
    width = max(len(name) for name, _, _ in table)
    for name, figure, remark in table:
        print(f"{name:{width}}  {figure:>7}  {remark}".rstrip())
    all_wrong = [(case, *wrong) for case in outcome.cases for wrong in wrongs(case)]
    for case, kind, what in all_wrong:
        print(f"{kind}: question {case.question.number}, {case.answer_id or 'never taken'}: {what}")
    return not all_wrong


@contextmanager
def told(run: Run) -> Iterator[None]:
    """Show the progress of a run on one line, where somebody is looking."""
    if not sys.stderr.isatty():
        yield
        return
    telling = gevent.spawn(_tell, run)
    try:
        yield
    finally:
        telling.kill()
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _tell(run: Run) -> None:
    begun = time.monotonic()
    while True:
        print(
            f"\r\033[K{time.monotonic() - begun:4.0f} s  {run.progress()}",
            end="",
            file=sys.stderr,
            flush=True,
        )
        gevent.sleep(0.5)


def end_on_signals() -> None:
    """Have Ctrl-C, and SIGTERM, end the main greenlet in order, whichever greenlet runs."""
    main, is_told = gevent.getcurrent(), Signal()

    def end() -> None:
        # A second Ctrl-C must not end the ending.
        if not is_told.is_set():
            is_told.set()
            gevent.kill(main, KeyboardInterrupt)

    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, end)


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of an earlier run")
    parser.add_argument("--answers", type=int, default=600)
    parser.add_argument("--faults", type=int, default=150, help="of processes and of Redis")
    parser.add_argument("--minutes", type=float, default=4, help="over which both are spread")
    parser.add_argument("--longest", type=int, default=50, help="sentences of the longest answer")
    chosen = parser.parse_args()
    print(
        f"seed {chosen.seed}: {chosen.answers} answers, {chosen.faults} faults in {chosen.minutes:g} minutes",
        flush=True,
    )
    end_on_signals()
    asked = questions(chosen.seed, chosen.answers, 60 * chosen.minutes, chosen.longest)
    made = faults(chosen.seed, chosen.faults, 60 * chosen.minutes)
    directory = Path(tempfile.mkdtemp(prefix="chatsse-faults-"))
    is_right = False
    try:
        with Model(asked) as model, Farm(model.url, directory) as farm:
            run = Run(chosen.seed, farm, model)
            with told(run):
                outcome = run.play([*asked, *made])
        is_right = report(outcome)
    except KeyboardInterrupt:
        is_right = True  # Nothing was found.
        return 130
    finally:
        if is_right:
            shutil.rmtree(directory)
        else:
            print(f"logs in {directory}")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
