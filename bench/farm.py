"""What the faults are made in: two web processes and two workers, all of which answer, and their Redis."""

import os
import signal
import subprocess
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import gevent
from plan import SLOTS
from processes import App, KeptRedis, Process, Worker, kill, tree
from relay import Fate, Relay

# Of as many requests the replies are lost at a time: some of each connection.
LOST_REPLIES = 12


class Farm:
    """The processes; `with` starts them and kills them all.

    :param directory: for their data and their logs
    :ivar webs: those that take requests
    :ivar workers: those that take questions
    :ivar late: how many had to be killed, having been told to stop
    """

    def __init__(self, model_url: str, directory: Path) -> None:
        self.redis = KeptRedis("valkey", directory)
        self._relay = Relay(self.redis.port, self._fate)
        self._replies_to_lose = 0
        self.webs: list[App] = []
        self.workers: list[Worker] = []
        self.late = 0
        self._model_url = model_url
        self._directory = directory
        self._numbers = count(1)
        self._started: list[Process] = []
        self._leaving: list[gevent.Greenlet] = []

    def __enter__(self) -> Self:
        try:
            self._relay.start()
            self._start(self.redis)
            self.webs = [self.start_web() for _ in range(SLOTS)]
            self.workers = [self.start_worker() for _ in range(SLOTS)]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start_web(self) -> App:
        """Return a new web process that takes requests."""
        app = App(self._relay.url(0), self._model_url, self._place("web"))
        self._start(app)
        return app

    def start_worker(self) -> Worker:
        """Return a new worker."""
        worker = Worker(self._relay.url(0), self._model_url, self._place("worker"))
        self._start(worker)
        return worker

    def lose_replies(self) -> None:
        """Have Redis do what it is asked next, and nobody hear of it."""
        self._replies_to_lose = LOST_REPLIES

    def retire(self, process: Process) -> None:
        """Tell a process to stop; one that takes longer than hosts allow is killed."""
        self._leaving.append(gevent.spawn(self._stop, process))

    def join(self) -> None:
        """Return when those that were told to stop have."""
        gevent.joinall(self._leaving, raise_error=True)

    def _stop(self, process: Process) -> None:
        try:
            process.kill(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.late += 1
            process.end()

    def _fate(self, request: bytes) -> Fate:
        if self._replies_to_lose == 0:
            return Fate.PASSED
        self._replies_to_lose -= 1
        return Fate.REPLY_LOST

    def _place(self, name: str) -> Path:
        place = self._directory / f"{name}-{next(self._numbers)}"
        place.mkdir()
        return place

    def _start(self, process: Process) -> None:
        self._started.append(process)
        process.start()

    def _end(self) -> None:
        gevent.killall(self._leaving)
        for process in self._started:
            process.end()
        # One that was just being started may not be known yet.
        kill(tree(os.getpid())[1:])
        self._relay.stop()
