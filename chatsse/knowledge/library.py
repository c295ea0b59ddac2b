"""What one process answers from: the newest edition of the index that Redis has.

The file lies on the machine's own disk, which need not last, without a name: nobody has to clear it away.
"""

import logging
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import gevent
from gevent.event import Event as Signal

from chatsse.errors import BadIndex
from chatsse.knowledge.editions import Editions, State
from chatsse.knowledge.index import Index
from chatsse.loops import spawn_for_ever

log = logging.getLogger(__name__)

LOOK_S = 2
# An edition that could not be used is fetched again after this long only.
RETRY_S = 60
RENEW_S = 3600
# How long a question waits for the first edition, where there is to be one: a small blog is read by then, and
# people don't wait for longer. Less than a process that leaves gives its answers.
WAIT_S = 8


class Library:
    """The index that is in use, and its replacement by newer ones.

    :param is_expected: whether there will be content: then a question waits for it
    :param index: what to answer from until Redis has something
    :ivar index: what to answer from now; None: nothing
    """

    def __init__(self, editions: Editions, *, is_expected: bool, index: Index | None = None) -> None:
        self._editions = editions
        self._is_expected = is_expected
        self.index = index
        self._state: State | None = None
        self._refused = ""
        self._retry_at = 0.0
        self._renewed_at = monotonic()
        self._is_there = Signal()
        self._looking: gevent.Greenlet[..., None] | None = None
        if index or not is_expected:
            self._is_there.set()

    def start(self) -> None:
        """Begin to look for newer editions; questions wait for the first look."""
        self._is_there.clear()
        self._looking = spawn_for_ever(self._look)

    def look(self) -> None:
        """Take the edition that Redis has, if it is another one.

        :raises RedisAway:
        """
        state = self._editions.state()
        if self._is_news(state):
            self._take(state)
        elif not state.version and self._state and self.index and monotonic() > self._retry_at:
            self._give_back(self.index, self._state)
        elif self._state and monotonic() - self._renewed_at > RENEW_S:
            self._renewed_at = monotonic()
            self._editions.renew(state)
        if self.index or not self._is_expected:
            self._is_there.set()

    def stop(self) -> None:
        """Look no more; what there is stays in use."""
        if self._looking:
            self._looking.kill()

    @property
    def is_sample(self) -> bool:
        """Whether answers come from what was there at the start, and not from an edition."""
        return self.index is not None and self._state is None

    @property
    def has_content(self) -> bool:
        """Whether answers are to come from content."""
        return self._is_expected or self.index is not None

    def wait(self) -> Index | None:
        """Return the index in use, after a while at most; None where there is none yet."""
        self._is_there.wait(WAIT_S)
        return self.index

    def _look(self) -> None:
        self.look()
        gevent.sleep(LOOK_S)

    def _is_news(self, state: State) -> bool:
        if not state.version or (self._state and state.version == self._state.version):
            return False
        return state.version != self._refused or monotonic() > self._retry_at

    def _take(self, state: State) -> None:
        try:
            with _nameless_later() as path:
                if not self._editions.fetch(state, path):
                    self._refuse(state, "redis does not have all of it")
                    return
                index = Index(path)
        except (OSError, zlib.error, BadIndex) as error:
            self._refuse(state, str(error))
            return
        if self.index:
            self.index.close()
        self.index, self._state = index, state
        log.info("answers come from %d passages of %d pages", index.passages, index.pages)

    def _refuse(self, state: State, why: str) -> None:
        if self._refused != state.version:
            log.warning("the index can't be used, the one before stays: %s", why)
        self._refused = state.version
        self._retry_at = monotonic() + RETRY_S

    def _give_back(self, index: Index, state: State) -> None:
        """Store the index again that Redis has lost."""
        # Should it fail; a Redis that is full would be filled again and again.
        self._retry_at = monotonic() + RETRY_S
        with _nameless_later() as path:
            index.write_to(path)
            if self._editions.restore(path, state):
                log.info("stored the index again, which redis had lost")


@contextmanager
def _nameless_later() -> Iterator[Path]:
    """Yield the path of a new file, whose name is gone afterwards; whoever has it open still reads it."""
    handle, name = tempfile.mkstemp(prefix="chatsse-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink()
