"""The log: what has been said of an answer, in order, each event once.

| key | type | holds |
|---|---|---|
| `chatsse:{<id>}:log` | stream | the answer's events: entry id = event id, fields `kind` and `data` |

The key's name is also the pub/sub channel on which each append is told as it is stored:
`<previous top> <new top> <1 if ended, else 0> <frames>`, the frames as readers get them.

Append is compare-and-append: Redis adds entries only if the log's top is the one that the producer
believes in, so a claim of the next attempt shuts every earlier producer out. The log is the lock.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from hashlib import sha1
from itertools import repeat
from typing import TypeAlias

import gevent
from gevent.event import Event as Signal

from chatsse.connections import Command, Line, SharedLine, fields_of
from chatsse.errors import Fenced, NotFound, RedisAway
from chatsse.event import (
    START,
    TERMINAL,
    Event,
    EventId,
    json_line,
    parse_id,
)
from chatsse.loops import spawn_for_ever
from chatsse.writer import WRITING_TTL_S, Writer, append_arguments

Ending: TypeAlias = Callable[[str, list[Event]], Mapping[str, str]]

log = logging.getLogger(__name__)

RETRY_S = (0.02, 1.0)
# Commits follow each other at a distance, which grows with the answers that the last one carried. A few never
# wait, for their tokens come further apart; of many, each round trip carries what all of them said meanwhile.
# The most is less than an eye sees.
PACE_S = (0.010, 0.040)
PACE_PER_ANSWER_S = 0.0004
# A Redis that was away may have lost its data. By this time those who write answers have written them again.
RESTORED_S = 5
# What the hash of an erased answer holds as `ended`.
ERASED = "erased"

# KEYS: the log, the answer's hash. ARGV: the top as the producer knows it, the id and data of the claim that
# this top belongs to, the log's TTL (0: as it is), the message, the number of entries, each entry's id, kind
# and data, then fields and values for the hash, whose request is not needed any more with them. Returns
# nothing when added, else the real top and its kind, or `taken` where the claim was lost and its number given
# to another.
APPEND = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local top, kind = '0-0', ''
if last then top, kind = last[1], last[2][2] end
local claim = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if claim and claim[2][4] ~= ARGV[3] then return {top, 'taken'} end
if top ~= ARGV[1] then return {top, kind} end
local count = tonumber(ARGV[6])
if count == 0 then return end
for i = 7, 6 + 3 * count, 3 do
  redis.call('XADD', KEYS[1], ARGV[i], 'kind', ARGV[i + 1], 'data', ARGV[i + 2])
end
if ARGV[4] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
if #ARGV > 6 + 3 * count then
  redis.call('HSET', KEYS[2], unpack(ARGV, 7 + 3 * count))
  redis.call('HDEL', KEYS[2], 'request')
  if redis.call('TTL', KEYS[2]) == -1 then redis.call('EXPIRE', KEYS[2], ARGV[4]) end
end
redis.call('PUBLISH', KEYS[1], ARGV[5])
"""
# KEYS: the log, the answer's hash. ARGV: the claim's data, the log's TTL, the number of attempts there must
# have been, or '', the request to the model, or ''. Sent again after a lost reply, it finds its own claim.
CLAIM = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local top, kind, data = '0-0', '', ''
if last then top, kind, data = last[1], last[2][2], last[2][4] end
if data == ARGV[1] then return 'claimed' end
if kind == 'done' or kind == 'failed' then return 'ended' end
local attempts = string.match(top, '^%d+')
if ARGV[3] ~= '' and attempts ~= ARGV[3] then return 'taken' end
local claim = string.format('%d-0', attempts + 1)
redis.call('XADD', KEYS[1], claim, 'kind', 'claim', 'data', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSETNX', KEYS[2], 'request', ARGV[4])
end
redis.call('PUBLISH', KEYS[1], top .. ' ' .. claim .. ' 0 ')
return 'claimed'
"""
APPEND_SHA = sha1(APPEND.encode(), usedforsecurity=False).hexdigest()


def log_key(answer_id: str) -> str:
    """Return the name of the answer's log, which is that of its channel."""
    return f"chatsse:{{{answer_id}}}:log"


def hash_key(answer_id: str) -> str:
    """Return the name of the answer's hash (see questions.py)."""
    return f"chatsse:{{{answer_id}}}"


def turns_key(conversation: str) -> str:
    """Return the name of the list of a conversation's questions (see questions.py)."""
    return f"chatsse:{{{conversation}}}:turns"


def reading(answer_id: str, cursor: EventId) -> Command:
    """Return the command that reads the events after `cursor`; `read` takes its reply."""
    return ("XRANGE", log_key(answer_id), f"({cursor}", "+")


def read(entries: list[tuple[bytes, list[bytes]]]) -> list[Event]:
    """Return the events of a stream's entries."""
    return [_event(*entry) for entry in entries]


class Journal:
    """The logs, as one process reads and writes them.

    :param commands: for reads and claims
    :param appends: for the group commits
    :param stream_ttl_s: how long a log is kept after its end
    """

    def __init__(self, commands: SharedLine, appends: Line, stream_ttl_s: int) -> None:
        self._commands = commands
        self._appends = appends
        self._stream_ttl_s = stream_ttl_s
        self._waiting: dict[Writer, None] = {}
        self._wake = Signal()
        self._retry_s = RETRY_S[0]
        self._is_away = False
        self._committer: gevent.Greenlet[..., None] | None = None

    def after(self, answer_id: str, cursor: EventId) -> list[Event]:
        """Return the stored events that follow `cursor`, oldest first; none for a log that isn't there.

        :raises RedisAway:
        """
        (entries,) = self._commands.execute(reading(answer_id, cursor))
        return read(entries)

    def missed(self, answer_id: str, cursor: EventId) -> tuple[list[Event], bool]:
        """Return the events after `cursor` and whether the log ends with them.

        :raises NotFound: no such question was asked, or its log has expired
        :raises RedisAway: or it was just now, and the answer may be about to be written again
        """
        key = log_key(answer_id)
        missed, newest, (prompt, ended) = self._commands.execute(
            reading(answer_id, cursor),
            ("XREVRANGE", key, "+", "-", "COUNT", 1),
            ("HMGET", hash_key(answer_id), "prompt", "ended"),
        )
        if not newest and prompt is None and self._commands.unbroken_s < RESTORED_S:
            raise RedisAway
        if ended == ERASED.encode() or (not newest and (prompt is None or ended)):
            raise NotFound
        events = read(missed)
        # The newest may have come after the range was read: it counts only for a reader who has it.
        last = events[-1] if events else _event(*newest[0]) if newest else None
        return events, bool(last and last.kind in TERMINAL and (events or last.id <= cursor))

    def claim(
        self,
        answer_id: str,
        attempts: int | None,
        on_fenced: Callable[[], None],
        request: str = "",
        *,
        is_takeover: bool = False,
    ) -> Writer | None:
        """Return the writer of the answer's next attempt, every earlier one shut out from now on.

        None where the answer has ended.

        :param attempts: how many attempts there must have been so far; None: any number
        :param on_fenced: called once when a later claim shuts this writer out
        :param request: what the model is asked; kept in the answer's hash unless one is kept there already
        :param is_takeover: whether the attempt before fell silent
        :raises Fenced: there have been other attempts than `attempts`
        :raises RedisAway:
        """
        log, question = self._take(answer_id, attempts, is_takeover, request)
        keys = (log_key(answer_id), hash_key(answer_id))
        return Writer(self.commit, keys, log, on_fenced, question) if log[-1].kind == "claim" else None

    def end(self, answer_id: str, kind: str, value: object, ending: Ending) -> bool:
        """End an answer at once, whoever writes it; return False where it has ended already.

        :param ending: makes of the log so far what the answer's hash gets
        :raises Fenced: somebody else has claimed it at the same moment
        :raises RedisAway:

        The claim comes first: from then on nobody adds to the log, however fast its producer was.
        """
        log, _ = self._take(answer_id, None, False, "")
        if log[-1].kind in TERMINAL:
            return False
        last = Event(EventId(log[-1].id.attempt, 1), kind, json_line(value))
        arguments = append_arguments(log[-1].id, log[-1].data, [last], self._stream_ttl_s, ending(kind, log))
        keys = (log_key(answer_id), hash_key(answer_id))
        (reply,) = self._commands.execute(("EVAL", APPEND, 2, *keys, *arguments))
        if reply and parse_id(reply[0]) != last.id:
            raise Fenced(keys[0], reply[0].decode())
        return True

    def erase(self, answer_id: str, ttl_s: int) -> None:
        """Erase an ended answer; for `ttl_s` the bare end stays, lest a producer take it for a loss.

        :raises RedisAway:
        """
        key, fields_key = log_key(answer_id), hash_key(answer_id)
        self._commands.execute(
            ("XTRIM", key, "MAXLEN", 1),
            ("EXPIRE", key, ttl_s),
            ("DEL", fields_key),
            ("HSET", fields_key, "ended", ERASED),
            ("EXPIRE", fields_key, ttl_s),
        )

    def commit(self, writer: Writer) -> None:
        """Have what the writer holds stored with the next group commit."""
        self._waiting[writer] = None
        self._wake.set()
        if not self._committer:
            self._committer = spawn_for_ever(self._commit_next)

    def _take(
        self, answer_id: str, attempts: int | None, is_takeover: bool, request: str
    ) -> tuple[list[Event], bytes]:
        """Claim the answer unless it has ended.

        Return its log, which the claim or the end is the last of, and its question, packed.
        """
        key, fields_key = log_key(answer_id), hash_key(answer_id)
        claim = json_line({"by": secrets.token_urlsafe(9), "is_takeover": is_takeover})
        expected = "" if attempts is None else attempts
        state, entries, fields, ttl_s = self._commands.execute(
            ("EVAL", CLAIM, 2, key, fields_key, claim, WRITING_TTL_S, expected, request),
            reading(answer_id, START),
            ("HGETALL", fields_key),
            ("TTL", fields_key),
        )
        log = read(entries)
        if state == b"taken" or (state == b"claimed" and log[-1].data != claim):
            raise Fenced(key, str(log[-1].id))
        return log, _packed(answer_id, fields, ttl_s)

    def _commit_next(self) -> None:
        self._wake.wait()
        self._wake.clear()
        writers, self._waiting = list(self._waiting), {}
        if self._commit_group(writers):
            self._retry_s = RETRY_S[0]
            gevent.sleep(min(max(PACE_S[0], len(writers) * PACE_PER_ANSWER_S), PACE_S[1]))
        else:
            gevent.sleep(self._retry_s)
            self._retry_s = min(2 * self._retry_s, RETRY_S[1])

    def _commit_group(self, writers: list[Writer]) -> bool:
        """Send what the writers hold in one round trip; return False where Redis did not take it all."""
        commits = [(writer, commands) for writer in writers if (commands := self._commands_of(writer))]
        try:
            replies = iter(self._appends.round_trip([each for _, commands in commits for each in commands]))
        except RedisAway as error:
            replies = repeat(error.__cause__)
        troubles: list[Exception] = []
        for writer, commands in commits:
            *_, last = told = [next(replies) for _ in commands]
            refused = [reply for reply in told if isinstance(reply, Exception)]
            troubles += refused
            if refused or not writer.settle(last):
                self.commit(writer)
        return self._taken(troubles)

    def _commands_of(self, writer: Writer) -> tuple[Command, ...]:
        """Return what stores what the writer holds; nothing where that fails, for the others go on."""
        try:
            append = writer.next_append(self._stream_ttl_s)
        except Exception as error:
            log.exception("can't store what was said: %s", writer.keys[0])
            writer.give_up(error)
            return ()
        return (*_storing_again(writer.lost_question()), ("EVALSHA", APPEND_SHA, 2, *writer.keys, *append))

    def _taken(self, troubles: list[Exception]) -> bool:
        trouble = next(iter(troubles), None)
        if trouble is None:
            self._is_away = False
            return True
        if str(trouble).startswith("NOSCRIPT"):
            return self._load_script()
        if not self._is_away:
            log.warning("redis does not take appends, trying until it does: %s", trouble)
        self._is_away = True
        return False

    def _load_script(self) -> bool:
        try:
            self._appends.round_trip([("SCRIPT", "LOAD", APPEND)])
        except RedisAway:
            return False
        return True


def _packed(answer_id: str, named: list[bytes], ttl_s: int) -> bytes:
    """Return a question in the least room, for `_storing_again`; empty where there is none.

    :param named: the fields of its hash, names and values in turn, which hold no NUL
    """
    return b"\0".join((answer_id.encode(), b"%d" % ttl_s, *named)) if b"conversation" in named[::2] else b""


def _storing_again(question: bytes) -> tuple[Command, ...]:
    """Return what stores a packed question again, with its place in its conversation."""
    if not question:
        return ()
    answer_id, ttl_s, *named = question.split(b"\0")
    turns = turns_key(fields_of(named)[b"conversation"].decode())
    key = hash_key(answer_id.decode())
    return (
        ("HSET", key, *named),
        ("EXPIRE", key, ttl_s),
        ("LREM", turns, 0, answer_id),
        ("RPUSH", turns, answer_id),
        ("EXPIRE", turns, ttl_s),
    )


def _event(entry_id: bytes, entry: list[bytes]) -> Event:
    attempt, seq = entry_id.split(b"-")
    fields = fields_of(entry)
    return Event(
        EventId(int(attempt), int(seq)), fields[b"kind"].decode("ascii"), fields[b"data"].decode("ascii")
    )
