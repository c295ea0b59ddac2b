"""The work queue: questions that wait for an answerer, or are held by one.

| key | type | holds |
|---|---|---|
| `chatsse:work` | stream, group `answerers` | questions: `id`, `conversation`, `attempt`, maybe `held` |

An answerer that dies leaves its entries pending; another takes them once they have been idle for a lease.
A live one keeps its entries fresh, and takes back what the queue has lost: the log says whose an answer is.

An entry may be there twice. One that was put back by whoever works on it has the field `held`: an answerer
that it is delivered to leaves it alone, and when nobody keeps it, it is taken over like any other.
"""

import logging
import math
import secrets
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import NamedTuple, TypeAlias

from hiredis import ReplyError

from chatsse.connections import WORK_BLOCK_MS, Command, Line, SharedLine, fields_of
from chatsse.errors import RedisAway

log = logging.getLogger(__name__)

WORK = "chatsse:work"
GROUP = "answerers"
GONE_MS = 24 * 3600 * 1000

Entry: TypeAlias = tuple[bytes, list[bytes]]

# KEYS: the queue. ARGV: the group, the consumer, the entries. Returns those that the consumer does not hold:
# another one has taken them over, or they are lost, maybe with the group.
KEEP = """
local gone = {}
for i = 3, #ARGV do
  local held = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if held.err or #held == 0 then
    table.insert(gone, ARGV[i])
  else
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
return gone
"""
# KEYS: the queue. ARGV: the group, the consumer, the entry, the queue's TTL, then fields and values.
# Returns the entry that the consumer holds now: the old one, or where that is lost, a new one.
HOLD = """
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
local entry = ARGV[3]
if #redis.call('XRANGE', KEYS[1], entry, entry) == 0 then
  entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 5))
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry, 'FORCE', 'JUSTID')
return entry
"""
# KEYS: the queue. ARGV: the group, the consumer, the entry.
DONE = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[1], ARGV[3])
end
"""

# KEYS: the queue. ARGV: the group, the consumer, the entry, the lease.
LET_GO = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) > 0 then
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[4], 'JUSTID')
end
"""

# KEYS: the queue. ARGV: the group, the consumer, the idle time of one that is gone. A consumer that still
# holds an entry stays, for its entries would be lost with it.
LEAVE = """
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
  local is_gone = consumer.name == ARGV[2] or consumer.idle > tonumber(ARGV[3])
  if is_gone and consumer.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
  end
end
"""


class Job(NamedTuple):
    """One question in this process's hands.

    :param attempt: the attempt it waits for
    :param is_taken_over: whether another answerer held it before and fell silent
    """

    entry_id: bytes
    answer_id: str
    conversation: str
    attempt: int
    is_taken_over: bool


class Work:
    """The queue, as one process sees it.

    :param reading: reads block on it
    :param lease_s: the silence after which an answerer counts as dead
    :param ttl_s: how long the queue is kept after the last question
    """

    def __init__(self, commands: SharedLine, reading: Line, lease_s: float, ttl_s: int) -> None:
        self._commands = commands
        self._reading = reading
        self._lease_ms = int(lease_s * 1000)
        self._ttl_s = ttl_s
        self._consumer = secrets.token_urlsafe(9)
        self._hung_at = -math.inf

    def adding(self, answer_id: str, conversation: str, attempt: int = 1) -> tuple[Command, ...]:
        """Return the commands that put a question into the queue."""
        fields = _fields(answer_id, conversation, attempt)
        return ("XADD", WORK, "*", *fields), ("EXPIRE", WORK, self._ttl_s)

    def take(self, most: int) -> list[Job]:
        """Return new questions, at most `most`; waits a while for the first.

        :raises RedisAway:
        """
        command = (
            "XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", most, "BLOCK", WORK_BLOCK_MS,
            "STREAMS", WORK, ">",
        )  # fmt: skip
        (reply,) = self._reading.round_trip([command])
        if isinstance(reply, ReplyError):
            self._make_group(reply)
            return []
        return [
            job
            for _, entries in reply or ()
            for job, is_held in self._jobs(entries, is_taken_over=False)
            if not is_held
        ]

    def take_over(self, most: int) -> list[Job]:
        """Return questions whose answerer has been silent for a lease, at most `most`.

        None for a lease after Redis was away: who could not be heard has not fallen silent.

        :raises RedisAway:
        """
        jobs: list[Job] = []
        if not self._could_hear():
            return jobs
        cursor = b"0-0"
        while True:
            # It looks at ten times as many as it may take, then says where to go on.
            command = ("XAUTOCLAIM", WORK, GROUP, self._consumer, self._lease_ms, cursor, "COUNT", most)
            ((cursor, entries, *_),) = self._commands.execute(command)
            # Redis 6.2 names the deleted ones too, without their fields.
            named = [entry for entry in entries if entry and entry[1]]
            jobs += [job for job, _ in self._jobs(named, is_taken_over=True)]
            if cursor == b"0-0" or len(jobs) >= most:
                return jobs

    def _could_hear(self) -> bool:
        """Return whether Redis was there for the whole of the last lease; finds out, in case it was not."""
        asked_at = monotonic()
        self._commands.execute(("PING",))
        if (monotonic() - asked_at) * 1000 > self._lease_ms / 3:
            self._hung_at = monotonic()
        heard_s = min(self._commands.unbroken_s, monotonic() - self._hung_at)
        return heard_s * 1000 >= self._lease_ms

    def keep(self, entry_ids: Iterable[bytes]) -> list[bytes]:
        """Tell the other answerers that these are being worked on; return those that are not ours any more.

        :raises RedisAway:
        """
        (gone,) = self._commands.execute(("EVAL", KEEP, 1, WORK, GROUP, self._consumer, *entry_ids))
        return list(gone)

    def hold(self, job: Job, attempt: int) -> Job:
        """Return the question under the entry by which we hold it now: its own, or a new one if that is lost.

        Only for whoever has the answer's log: it takes the entry from any other.

        :raises RedisAway:
        """
        fields = (*_fields(job.answer_id, job.conversation, attempt), "held", 1)
        (entry_id,) = self._commands.execute(
            ("EVAL", HOLD, 1, WORK, GROUP, self._consumer, job.entry_id, self._ttl_s, *fields)
        )
        return job._replace(entry_id=entry_id)

    def done(self, job: Job) -> None:
        """Take a question out of the queue, unless another answerer has it by now.

        :raises RedisAway:
        """
        self._commands.execute(self._putting_away(job))

    def hang_up(self) -> None:
        """Close the connection that `take` waits on: whoever comes after this process may need it."""
        self._reading.close()

    def leave(self) -> None:
        """Have the group forget this process, and those that have been gone for long.

        :raises RedisAway:
        """
        self._commands.execute(("EVAL", LEAVE, 1, WORK, GROUP, self._consumer, GONE_MS))

    def hand_back(self, job: Job, attempt: int) -> None:
        """Give a question to whoever is free, at once.

        :param attempt: the one it is to wait for
        :raises RedisAway:
        """
        # In one piece: an entry left behind would be taken over from a dead answerer, and with it the answer
        # from whoever is at it by then.
        self._commands.execute(
            *self.adding(job.answer_id, job.conversation, attempt), self._putting_away(job)
        )

    def let_go(self, job: Job) -> None:
        """Have a question taken over as if its lease had run out, unless another answerer has it by now.

        :raises RedisAway:
        """
        self._commands.execute(("EVAL", LET_GO, 1, WORK, GROUP, self._consumer, job.entry_id, self._lease_ms))

    def _putting_away(self, job: Job) -> Command:
        return ("EVAL", DONE, 1, WORK, GROUP, self._consumer, job.entry_id)

    def _jobs(self, entries: list[Entry], *, is_taken_over: bool) -> Iterator[tuple[Job, bool]]:
        """Yield the jobs of entries, and whether another answerer has put them back; delete what is none."""
        for entry_id, named in entries:
            fields = fields_of(named)
            try:
                answer_id, conversation = fields[b"id"].decode(), fields[b"conversation"].decode()
                job = Job(entry_id, answer_id, conversation, int(fields[b"attempt"]), is_taken_over)
            except (KeyError, ValueError):
                # Kept, it would be taken over for ever, and what comes with it never be answered.
                log.exception("deleting %r from the queue, which is no question: %r", entry_id, fields)
                self._commands.execute(("XACK", WORK, GROUP, entry_id), ("XDEL", WORK, entry_id))
            else:
                yield job, b"held" in fields

    def _make_group(self, error: ReplyError) -> None:
        if not str(error).startswith("NOGROUP"):
            raise RedisAway from error
        (reply,) = self._reading.round_trip([("XGROUP", "CREATE", WORK, GROUP, "0", "MKSTREAM")])
        if isinstance(reply, ReplyError) and not str(reply).startswith("BUSYGROUP"):
            raise RedisAway from reply
        self._reading.round_trip([("EXPIRE", WORK, self._ttl_s)])


def _fields(answer_id: str, conversation: str, attempt: int) -> tuple[str | int, ...]:
    return ("id", answer_id, "conversation", conversation, "attempt", attempt)
