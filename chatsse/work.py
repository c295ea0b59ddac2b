"""The work queue: questions that wait for an answerer, or are held by one.

| key | type | holds |
|---|---|---|
| `chatsse:work` | stream with the group `answerers` | a question a entry: its `id`, the `attempt` it waits for |

An answerer that dies leaves its entries pending; another takes them once they have been idle for a lease.
A live one keeps its entries fresh. An entry may be there twice: the log says whose an answer is.
"""

import secrets
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from chatsse.connections import WORK_BLOCK_MS, Client, reaching_redis

WORK = "chatsse:work"
GROUP = "answerers"


class Job(NamedTuple):
    """One question in this process's hands.

    :param attempt: the attempt it waits for
    :param is_taken_over: whether another answerer held it before and fell silent
    """

    entry_id: bytes
    answer_id: str
    attempt: int
    is_taken_over: bool


class Work:
    """The queue, as one process sees it.

    :param blocking: a connection that nothing else uses; reads block on it
    :param lease_s: the silence after which an answerer counts as dead
    :param ttl_s: how long the queue is kept after the last question
    """

    def __init__(
        self, commands: Client, blocking: Client, lease_s: float, ttl_s: int
    ) -> None:
        self._commands = commands
        self._blocking = blocking
        self._lease_ms = int(lease_s * 1000)
        self._ttl_s = ttl_s
        self._consumer = secrets.token_urlsafe(9)

    def add(self, pipeline: Client, answer_id: str, attempt: int = 1) -> None:
        """Have `pipeline` put a question into the queue."""
        pipeline.xadd(WORK, {"id": answer_id, "attempt": attempt})
        pipeline.expire(WORK, self._ttl_s)

    def take(self, most: int) -> list[Job]:
        """Return new questions, at most `most`; waits a while for the first.

        :raises RedisAway:
        """
        with reaching_redis():
            try:
                reply = self._blocking.xreadgroup(
                    GROUP, self._consumer, {WORK: ">"}, count=most, block=WORK_BLOCK_MS
                )
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._make_group()
                return []
        return [_job(*entry, is_taken_over=False) for _, entries in reply or [] for entry in entries]

    def take_over(self, most: int) -> list[Job]:
        """Return questions whose answerer has been silent for a lease, at most `most`.

        :raises RedisAway:
        """
        with reaching_redis():
            try:
                reply: Any = self._commands.xautoclaim(
                    WORK, GROUP, self._consumer, self._lease_ms, count=most
                )
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                return []
        # Redis 6.2 still returns what was deleted, without fields.
        return [_job(*entry, is_taken_over=True) for entry in reply[1] if entry[1]]

    def keep(self, jobs: list[Job]) -> None:
        """Tell the other answerers that these are being worked on.

        :raises RedisAway:
        """
        with reaching_redis():
            self._commands.xclaim(WORK, GROUP, self._consumer, 0, [job.entry_id for job in jobs], justid=True)

    def done(self, job: Job) -> None:
        """Take a question out of the queue.

        :raises RedisAway:
        """
        with reaching_redis():
            pipeline = self._commands.pipeline(transaction=False)
            pipeline.xack(WORK, GROUP, job.entry_id)
            pipeline.xdel(WORK, job.entry_id)
            pipeline.execute()

    def hand_back(self, job: Job, attempt: int) -> None:
        """Give a question to whoever is free, at once.

        :raises RedisAway:
        """
        with reaching_redis():
            pipeline = self._commands.pipeline(transaction=True)
            self.add(pipeline, job.answer_id, attempt)
            pipeline.xack(WORK, GROUP, job.entry_id)
            pipeline.xdel(WORK, job.entry_id)
            pipeline.execute()

    def _make_group(self) -> None:
        try:
            self._commands.xgroup_create(WORK, GROUP, id="0", mkstream=True)
            self._commands.expire(WORK, self._ttl_s)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _job(entry_id: bytes, fields: dict[bytes, bytes], *, is_taken_over: bool) -> Job:
    return Job(entry_id, fields[b"id"].decode(), int(fields[b"attempt"]), is_taken_over)
