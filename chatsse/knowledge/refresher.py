"""Has the blog read again when it is due, by one of all the processes.

The reading itself is `chatsse index` in a process of its own: it keeps a processor busy, which here would
hold up the answers, and gives its memory back when it is done.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from random import uniform

import gevent
from gevent.subprocess import Popen

from chatsse.errors import RedisAway
from chatsse.knowledge.editions import Editions, State, content_line
from chatsse.knowledge.index import FORMAT
from chatsse.loops import spawn_for_ever

log = logging.getLogger(__name__)

LOOK_S = 2
# How long a reading that was told to stop may take for it.
KILL_S = 2


class Refresher:
    """One process's share in keeping the index fresh.

    :param words: what the owner named as content
    :param refresh_s: how old the index may become; 0: as old as it likes
    """

    def __init__(self, editions: Editions, words: Sequence[str], refresh_s: int) -> None:
        self._editions = editions
        self._content = content_line(words)
        self._refresh_s = refresh_s
        self._process: Popen | None = None
        self._looking: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Begin to look whether it is time."""
        self._looking = spawn_for_ever(self._look)

    def stop(self) -> None:
        """Look no more, and end a reading that is under way; another process begins it anew."""
        if self._looking:
            self._looking.kill()
        if self._process and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_S)
            with suppress(RedisAway):
                self._editions.give_turn()

    def _look(self) -> None:
        if self._is_due(self._editions.state()) and self._editions.take_turn():
            self._read()
        # Not all processes at the same moment.
        gevent.sleep(LOOK_S * uniform(0.8, 1.2))

    def _is_due(self, state: State) -> bool:
        # Of a newer release's format: its own processes see to it, and this one will soon be gone.
        is_readable = state.version and state.format >= FORMAT
        is_old = self._refresh_s and time.time() - state.checked_at > self._refresh_s
        return state.is_wanted or not is_readable or state.content != self._content or bool(is_old)

    def _read(self) -> None:
        # The words are in the environment, which it shares.
        self._process = Popen([sys.executable, "-m", "chatsse.cli", "index"], stdin=subprocess.DEVNULL)
        status = self._process.wait()
        if status:
            log.warning("the blog could not be read; what was known of it stays in use (status %d)", status)
