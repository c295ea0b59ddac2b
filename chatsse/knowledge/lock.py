"""Who reads the blog: one process at a time, by a lock in Redis.

| key | type | holds |
|---|---|---|
| `chatsse:{index}:lock` | string | a random word of whoever reads the blog just now |
| `chatsse:{index}:wanted` | string | a random word for the reading that the owner wants, until it is done |
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import gevent

from chatsse.connections import SharedLine
from chatsse.errors import IndexBusy, RedisAway

HASH = "chatsse:{index}"
LOCK = f"{HASH}:lock"
WANTED = f"{HASH}:wanted"

LOCK_TTL_S = 30
# How long it is waited for, and how often looked: a dead process's runs out by then.
WAIT_S, LOOK_S = LOCK_TTL_S + 2, 0.5

# KEYS: the lock. ARGV: its word, its TTL; 0 gives it back.
RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class Lock:
    """The right to publish, for as long as it is kept.

    :ivar wanted: what was wanted when it was taken, and is done with what is published; empty: nothing
    """

    def __init__(self, commands: SharedLine) -> None:
        self._commands = commands
        self.word = secrets.token_hex(8)
        self.wanted = b""

    @classmethod
    @contextmanager
    def held(cls, commands: SharedLine) -> "Iterator[Lock]":
        """Hold the lock.

        :raises IndexBusy: another process has it, for longer than the lock of a dead one lasts
        :raises RedisAway:
        """
        lock = cls(commands)
        deadline = monotonic() + WAIT_S
        while not lock.take():
            if monotonic() > deadline:
                raise IndexBusy
            gevent.sleep(LOOK_S)
        keeping = gevent.spawn(_keep, lock)
        try:
            yield lock
        finally:
            keeping.kill()
            lock.release()

    def take(self) -> bool:
        """Take it; return False where another process has it."""
        # Sent again after a lost reply, it finds its own word.
        _, holder, wanted = self._commands.execute(
            ("SET", LOCK, self.word, "NX", "EX", LOCK_TTL_S), ("GET", LOCK), ("GET", WANTED)
        )
        self.wanted = wanted or b""
        return bool(holder == self.word.encode())

    def renew(self) -> None:
        """Keep it for another while."""
        self._expire(LOCK_TTL_S)

    def release(self) -> None:
        """Give it back."""
        self._expire(0)

    def _expire(self, ttl_s: int) -> None:
        # Where Redis is away it runs out, or is renewed the next time.
        with suppress(RedisAway):
            self._commands.execute(("EVAL", RENEW, 1, LOCK, self.word, ttl_s))


def _keep(lock: Lock) -> None:
    while True:
        gevent.sleep(LOCK_TTL_S / 3)
        lock.renew()
