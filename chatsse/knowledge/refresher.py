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
from time import monotonic

import gevent
from gevent.subprocess import Popen

from chatsse.errors import RedisAway
from chatsse.knowledge.editions import BY_OWNER, Editions, State, content_line
from chatsse.knowledge.index import FORMAT
from chatsse.loops import spawn_for_ever

log = logging.getLogger(__name__)

LOOK_S = 2
# How long a reading that was told to stop may take for it.
KILL_S = 2
# The status of a reading that did what it could; others were killed.
FAILED = 1
# After one that failed, where there is something to answer from until then.
PAUSE_S = 600
# No blog takes so long, even if it has us wait between its pages.
READ_S = 6 * 3600
# By then an index that Redis has lost is back, if any process has it.
RESTORE_S = 10
# For so long there may be processes of two releases. An index of a newer one's format that is there for
# longer was left behind: this release has come back.
ROLLOUT_S = 300


class Refresher:
    """One process's share in keeping the index fresh.

    :param words: what the owner named as content
    :param refresh_s: how old the index may become; 0: as old as it likes
    """

    def __init__(self, editions: Editions, words: Sequence[str], refresh_s: int) -> None:
        self._editions = editions
        self._content = content_line(words)
        self._refresh_s = refresh_s
        self._newer_since: float | None = None
        self._lost_since: float | None = None
        # Once it was in use, who replaces it was told of something newer: processes with two settings would
        # have the blog read for ever, in turn.
        self._was_used = False
        self._process: Popen | None = None
        self._looking: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Begin to look whether it is time."""
        self._looking = spawn_for_ever(self._look)

    def stop(self) -> None:
        """Look no more, and end a reading that is under way; another process begins it anew."""
        if self._looking:
            self._looking.kill()
        # It may have gone before us: hosts tell all processes at once.
        if self._process and self._process.poll() != 0:
            self._end(self._process)
            with suppress(RedisAway):
                self._editions.give_turn(self._content)

    def _look(self) -> None:
        state = self._editions.state()
        if self._is_due(state) and self._editions.take_turn(BY_OWNER if state.is_wanted else self._content):
            self._read()
        # Not all processes at the same moment.
        gevent.sleep(LOOK_S * uniform(0.8, 1.2))

    def _is_due(self, state: State) -> bool:
        if state.is_being_read or self._is_about_to_be_restored(state):
            return False
        is_usable = bool(state.version) and state.format >= FORMAT and not self._is_left_behind(state)
        is_old = bool(self._refresh_s) and time.time() - state.checked_at > self._refresh_s
        self._was_used = self._was_used or state.content == self._content
        return state.is_wanted or not is_usable or not self._was_used or is_old

    def _is_about_to_be_restored(self, state: State) -> bool:
        """Return whether Redis has just lost the index, which a process that has it will bring back."""
        if state.version or not self._was_used:
            self._lost_since = None
            return False
        self._lost_since = self._lost_since or monotonic()
        return monotonic() - self._lost_since < RESTORE_S

    def _is_left_behind(self, state: State) -> bool:
        """Return whether an index of a newer release's format has no processes any more that see to it."""
        if state.format <= FORMAT:
            self._newer_since = None
            return False
        self._newer_since = self._newer_since or monotonic()
        return monotonic() - self._newer_since > ROLLOUT_S

    def _read(self) -> None:
        # The words are in the environment, which it shares.
        self._process = Popen([sys.executable, "-m", "chatsse.cli", "index"], stdin=subprocess.DEVNULL)
        try:
            status = self._process.wait(READ_S)
        except subprocess.TimeoutExpired:
            status = self._end(self._process)
        self._was_used = self._was_used or not status
        if status:
            log.warning(
                "the blog could not be read (status %d); what was read before stays in use, if anything",
                status,
            )
            if status == FAILED and self._editions.state().version:
                self._editions.pause(self._content, PAUSE_S)

    def _end(self, process: Popen) -> int:
        """End a reading, and return its status."""
        process.terminate()
        try:
            status: int = process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        return status
