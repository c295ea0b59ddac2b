"""Takes questions from the queue and has them answered, each answer in a greenlet of its own.

An answer goes on when its readers leave. It stops when its log says that somebody else has taken over,
or that it was stopped: both are a claim of the next attempt, found with the next append or, in silence,
with the next probe.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

import gevent
from gevent.event import Event as Signal
from gevent.pool import Pool

from chatsse.briefing import Briefing, pack
from chatsse.errors import ChatsseError, Fenced, ModelError, NotFound, RedisAway, failure
from chatsse.journal import Journal
from chatsse.loops import spawn_for_ever
from chatsse.providers import Provider
from chatsse.questions import Questions, ending
from chatsse.telling import Telling
from chatsse.work import Job, Work
from chatsse.writer import Writer

log = logging.getLogger(__name__)

# How many questions one read of the queue may bring, so that a burst spreads over the processes.
BATCH = 16
TURN_S = 0.02
# A producer in silence looks this often whether it is still the one.
PROBE_S = 0.5
# How long a process that must stop waits for its own greenlets to end.
KILL_S = 1
# How long it waits for Redis; what it can't hand back is taken over.
HAND_BACK_S = 2


@dataclass(slots=True)
class Live:
    """A question in this process's hands, and its writer from the claim on."""

    job: Job
    writer: Writer | None = None


class Answerers:
    """The answerers of one process.

    :param most: how many answers at once
    :param lease_s: the silence after which another process takes over
    """

    def __init__(
        self,
        provider: Provider,
        briefing: Briefing,
        questions: Questions,
        journal: Journal,
        work: Work,
        most: int,
        lease_s: float,
    ) -> None:
        self._provider = provider
        self._briefing = briefing
        self._questions = questions
        self._journal = journal
        self._work = work
        self._lease_s = lease_s
        self._pool = Pool(most)
        self._live: dict[bytes, Live] = {}
        self._leaving = Signal()
        self._look_s = lease_s / 6
        self._taking: list[gevent.Greenlet[..., None]] = []
        self._keeping: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        """Begin to take questions."""
        self._taking = [spawn_for_ever(self._take), spawn_for_ever(self._take_over)]
        self._keeping = [spawn_for_ever(self._keep), spawn_for_ever(self._probe)]

    def stop(self, grace_s: float) -> None:
        """Take nothing more, let the answers finish for a while, and hand the rest to other processes."""
        self._leaving.set()
        with gevent.Timeout(grace_s, False):
            # Killed in the middle of a read they would lose what it brings, until its lease has run out.
            gevent.joinall(self._taking)
            self._work.hang_up()
            self._pool.join()
        # A read that is still under way would be given what is handed back.
        gevent.killall(self._taking, timeout=KILL_S)
        unfinished = list(self._live.values())
        self._pool.kill(timeout=KILL_S)
        handing_back = [gevent.spawn(self._hand_back, live) for live in unfinished]
        gevent.joinall(handing_back, timeout=HAND_BACK_S)
        gevent.killall([*handing_back, *self._keeping], timeout=KILL_S)
        with gevent.Timeout(HAND_BACK_S, False), suppress(RedisAway):
            self._work.leave()

    def _take(self) -> None:
        self._pool.wait_available()
        if self._leaving.is_set():
            raise gevent.GreenletExit
        for job in self._work.take(min(BATCH, self._pool.free_count())):
            self._begin(job)

    def _take_over(self) -> None:
        if self._leaving.wait(self._look_s):
            raise gevent.GreenletExit
        room = min(BATCH, self._pool.free_count())
        jobs = self._work.take_over(room) if room else []
        for job in jobs:
            self._begin(job)
        # After a full batch there may be more, which nobody should wait for; other processes get their turn.
        self._look_s = TURN_S if len(jobs) == BATCH else self._lease_s / 6

    def _begin(self, job: Job) -> None:
        # A process that slept, or a queue that was made anew, brings what is already under way.
        if job.entry_id in self._live:
            return
        # Both loops may have read for the last places at the same time.
        if self._leaving.is_set() or not self._pool.free_count():
            self._pass_on(job)
        else:
            live = self._live[job.entry_id] = Live(job)
            self._pool.spawn(self._run, live)

    def _pass_on(self, job: Job) -> None:
        """Give away a question of which nothing was begun."""
        if job.is_taken_over:
            # How many attempts there were is for the next one to find out, too.
            self._work.let_go(job)
        else:
            self._work.hand_back(job, job.attempt)

    def _keep(self) -> None:
        gevent.sleep(self._lease_s / 3)
        for entry_id in self._work.keep(list(self._live)) if self._live else ():
            if live := self._live.get(entry_id):
                self._hold(live)

    def _hold(self, live: Live) -> None:
        """Take back what the queue has lost or given to another, unless that one has the log by now."""
        if live.writer is None:
            return
        if monotonic() - live.writer.stored_at > self._lease_s / 2:
            # We have slept, or Redis was away: the log says whose the answer is, at the latest next time.
            live.writer.probe()
            return
        job = self._work.hold(live.job, live.writer.attempt)
        if self._live.pop(live.job.entry_id, None):
            live.job = job
            self._live[job.entry_id] = live

    def _probe(self) -> None:
        gevent.sleep(PROBE_S)
        now = monotonic()
        for live in self._live.values():
            if live.writer and now - live.writer.stored_at >= PROBE_S:
                live.writer.probe()

    def _run(self, live: Live) -> None:
        answer_id = live.job.answer_id
        try:
            self._settle(live)
        except gevent.GreenletExit:
            log.info("stopped writing %s", answer_id)
        except RedisAway as error:
            log.warning("left %s for whoever finds redis: %r", answer_id, error.__cause__)
        finally:
            del self._live[live.job.entry_id]

    def _settle(self, live: Live) -> None:
        """Answer a question and put it away; one that can't be answered ends, lest it be tried for ever."""
        answer_id = live.job.answer_id
        try:
            self._answer(live.job)
        except RedisAway:
            raise
        except Fenced:
            log.info("somebody else answers %s", answer_id)
            if live.writer:
                # The entry is for whoever has the log now to put away; ours may be the only one there is.
                return
        except Exception as error:
            if not isinstance(error, NotFound):
                log.exception("could not answer %s", answer_id)
            with suppress(NotFound):
                self._questions.fail(answer_id, ChatsseError())
        self._work.done(live.job)

    def _answer(self, job: Job) -> None:
        question, earlier = self._questions.take_up(job.answer_id, job.conversation)
        me = gevent.getcurrent()
        attempts = None if job.is_taken_over else job.attempt - 1
        # By GreenletExit, which no library takes for a fault of the network that it should try again.
        on_fenced = partial(me.kill, block=False)
        request = self._briefing.request(question, earlier)
        writer = self._journal.claim(
            job.answer_id, attempts, on_fenced, pack(request), is_takeover=job.is_taken_over
        )
        if writer is None:
            return
        self._live[job.entry_id].writer = writer
        try:
            stop = Telling(job.answer_id, self._provider, writer, request).tell()
        except ModelError as error:
            log.warning("the model failed %s: %s", job.answer_id, error)
            writer.finish("failed", failure(error), ending("failed", writer.events()))
        else:
            writer.finish("done", {"stop_reason": stop.reason}, ending("done", writer.events()))
        writer.wait()

    def _hand_back(self, live: Live) -> None:
        try:
            if live.writer:
                live.writer.wait()
                self._work.hand_back(live.job, live.writer.attempt + 1)
            else:
                # Nobody knows whether the claim has reached Redis.
                self._work.let_go(live.job)
        except ChatsseError as error:
            log.warning("%s waits for its lease to end: %r", live.job.answer_id, error)
