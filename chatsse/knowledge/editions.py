"""The index as Redis carries it, for every process on every machine: a compressed file in parts.

| key | type | holds |
|---|---|---|
| `chatsse:{index}` | hash | `version`, `format`, `parts`, `content` and `checked_at` of the edition in use |
| `chatsse:{index}:<version>:<n>` | string | the n-th part of its file, compressed with zlib |
| `chatsse:{index}:turn:<digest>` | string | that this content is being read, or was: nobody need begin yet |

`parts` is how many there are, `content` what the owner named, and `checked_at` (ms since 1970) when that was
last read through. An edition is stored part by part under a name of its own, and comes into use in one step:
whoever is killed before that leaves parts that nobody knows of, which expire.
"""

import secrets
import shlex
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from chatsse.connections import Argument, Command, SharedLine, fields_of, flat
from chatsse.errors import RedisAway
from chatsse.knowledge.index import FORMAT
from chatsse.knowledge.lock import HASH, LOCK, WANTED, Lock

# Small enough that other commands on the connection don't wait for long behind one.
PART_BYTES = 256 * 1024
# An edition is renewed while there are processes that use it.
TTL_S = 30 * 24 * 3600
# From the first part to the last.
UNUSED_TTL_S = 600
# For those who are still loading what was replaced. A small Redis has no room for two for long.
REPLACED_TTL_S = 60
TURN_TTL_S = 60
# Whose turn it is to read what the owner wants, whatever was to be read by itself.
BY_OWNER = ""

# KEYS: the hash, the lock, the parts. ARGV: the lock's word, or '' where no edition must be in use; the TTL;
# the hash's fields and values. Returns 1 when the edition is in use.
USE = """
if ARGV[1] == '' then
  if redis.call('HEXISTS', KEYS[1], 'version') == 1 then return 0 end
elseif redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for i = 3, #KEYS do
  if redis.call('EXPIRE', KEYS[i], ARGV[2]) == 0 then return 0 end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
# KEYS: the hash, the lock. ARGV: the lock's word, the TTL; the hash's fields and values. Returns 1 if noted.
NOTE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
# KEYS: what is wanted. ARGV: what was when the reading began; a later one is for another reading.
DONE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True, slots=True)
class State:
    """What Redis knows of the index.

    :param version: of the edition in use; empty for none
    :param format: that of its file
    :param content: what it was read from
    :param checked_at: when that was last read through, in seconds since 1970
    :param is_wanted: whether the owner has asked for another reading since
    :param is_being_read: whether some process reads the blog just now
    """

    version: str
    format: int
    parts: int
    content: str
    checked_at: float
    is_wanted: bool
    is_being_read: bool = field(default=False, compare=False)


class Editions:
    """The editions of the index in Redis."""

    def __init__(self, commands: SharedLine) -> None:
        self._commands = commands

    def state(self) -> State:
        """Return what Redis knows of the index.

        :raises RedisAway:
        """
        named, wanted, locked = self._commands.execute(
            ("HGETALL", HASH), ("EXISTS", WANTED), ("EXISTS", LOCK)
        )
        fields = {name.decode(): value.decode() for name, value in fields_of(named).items()}
        return State(
            fields.get("version", ""),
            int(fields.get("format", 0)),
            int(fields.get("parts", 0)),
            fields.get("content", ""),
            int(fields.get("checked_at", 0)) / 1000,
            bool(wanted),
            bool(locked),
        )

    def fetch(self, state: State, path: Path) -> bool:
        """Write the file of an edition; return False where Redis does not have all of it any more.

        :raises RedisAway:
        :raises OSError: the disk does not take it
        :raises zlib.error: it is not what was stored
        """
        inflating = zlib.decompressobj()
        with path.open("wb") as file:
            for n in range(state.parts):
                (part,) = self._commands.execute(("GET", _part(state.version, n)))
                if part is None:
                    return False
                file.write(inflating.decompress(part))
            file.write(inflating.flush())
        return inflating.eof

    def publish(self, path: Path, content: str, lock: Lock) -> bool:
        """Put a new edition in the place of the one in use; return False where the lock was lost.

        :raises RedisAway: Redis is away, or full
        """
        before = self.state()
        is_in_use = self._store(path, secrets.token_hex(8), content, lock.word)
        if is_in_use:
            self._let_expire(before)
            self._done(content, lock)
        return is_in_use

    def restore(self, path: Path, state: State) -> bool:
        """Store an edition again where Redis has lost everything; return False where there is one by now.

        :raises RedisAway:
        """
        return self._store(path, state.version, state.content, "", state.checked_at)

    def checked(self, content: str, lock: Lock) -> bool:
        """Note that the blog was read just now and is as it was; return False where the lock was lost.

        :raises RedisAway:
        """
        fields = ("content", content, "checked_at", _now_ms())
        (noted,) = self._commands.execute(("EVAL", NOTE, 2, HASH, LOCK, lock.word, TTL_S, *fields))
        if noted:
            self._done(content, lock)
        return bool(noted)

    def renew(self, state: State) -> None:
        """Have the edition in use live on.

        :raises RedisAway:
        """
        self._commands.execute(*(("EXPIRE", key, TTL_S) for key in (HASH, *_parts(state))))

    def want(self) -> None:
        """Have the blog read again soon, by whichever process comes to it.

        :raises RedisAway:
        """
        word = secrets.token_hex(8)
        self._commands.execute(("SET", WANTED, word, "EX", TTL_S), ("DEL", _turn(BY_OWNER)))

    def take_turn(self, of: str) -> bool:
        """Return whether it is this process's turn to have the blog read: once a minute it is somebody's.

        :param of: what is to be read, or `BY_OWNER`: each has turns of its own
        :raises RedisAway:
        """
        (taken,) = self._commands.execute(("SET", _turn(of), 1, "NX", "EX", TURN_TTL_S))
        return taken is not None

    def give_turn(self, of: str) -> None:
        """Let whoever comes first have the blog read when it is due, without waiting.

        :raises RedisAway:
        """
        self._commands.execute(("DEL", _turn(of), _turn(BY_OWNER)))

    def pause(self, of: str, pause_s: int) -> None:
        """Have nobody begin to read this for a while, unless the owner wants it.

        :raises RedisAway:
        """
        self._commands.execute(("SET", _turn(of), 1, "EX", pause_s))

    def lock(self) -> AbstractContextManager[Lock]:
        """Hold the lock of who reads the blog; see `Lock.held`."""
        return Lock.held(self._commands)

    def _store(
        self, path: Path, version: str, content: str, lock_word: str, checked_at: float | None = None
    ) -> bool:
        keys: list[str] = []
        try:
            for n, part in enumerate(_deflated(path)):
                keys.append(_part(version, n))
                self._commands.execute(("SET", keys[-1], part, "EX", UNUSED_TTL_S))
        except RedisAway:
            # It may be full, and then of these: until they expire nobody could ask anything. What is restored
            # others may have restored by now, under the same names.
            if lock_word:
                with suppress(RedisAway):
                    self._commands.execute(("DEL", *keys))
            raise
        checked_ms = _now_ms() if checked_at is None else int(checked_at * 1000)
        fields: dict[str, Argument] = {
            "version": version,
            "format": FORMAT,
            "parts": len(keys),
            "content": content,
            "checked_at": checked_ms,
        }
        use: Command = ("EVAL", USE, 2 + len(keys), HASH, LOCK, *keys, lock_word, TTL_S, *flat(fields))
        (is_in_use,) = self._commands.execute(use)
        return bool(is_in_use)

    def _done(self, content: str, lock: Lock) -> None:
        self._commands.execute(("EVAL", DONE, 1, WANTED, lock.wanted))
        self.give_turn(content)

    def _let_expire(self, state: State) -> None:
        if state.version:
            self._commands.execute(*(("EXPIRE", key, REPLACED_TTL_S) for key in _parts(state)))


def content_line(words: Sequence[str]) -> str:
    """Return what the owner named as content, as one line, by which an edition says what it was read from."""
    return shlex.join(words)


def _deflated(path: Path) -> Iterator[bytes]:
    """Yield a file, compressed, in parts."""
    deflating = zlib.compressobj(6)
    waiting = bytearray()
    with path.open("rb") as file:
        while chunk := file.read(PART_BYTES):
            waiting += deflating.compress(chunk)
            while len(waiting) >= PART_BYTES:
                yield bytes(waiting[:PART_BYTES])
                del waiting[:PART_BYTES]
    waiting += deflating.flush()
    yield bytes(waiting)


def _turn(of: str) -> str:
    return f"{HASH}:turn:{sha256(of.encode()).hexdigest()[:16]}"


def _part(version: str, n: int) -> str:
    return f"{HASH}:{version}:{n}"


def _parts(state: State) -> list[str]:
    return [_part(state.version, n) for n in range(state.parts)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
