"""What is asked: each question with its answer, and the conversations they make up.

| key | type | holds |
|---|---|---|
| `chatsse:{<id>}` | hash | a question and its answer, see below |
| `chatsse:{<conversation>}:turns` | list | ids of the conversation's questions, oldest first |
| `chatsse:{<digest>}:once` | string | the id of what was asked under an `Idempotency-Key` |
| `chatsse:{<digest>}:asked:<minute>` | string | how many questions an address asked in that minute |

The hash holds `prompt`, `conversation`, `page`, `after` (id of the question that it follows, if those since
were cut), `at` (ms since 1970), `body` (digest of the POST's body), `queued` once it is in the work queue,
`request` (JSON) while the model is asked, and from the answer's end on `ended` (`done` or `failed`), `answer`
and `sources` (JSON); `rating` (`up`, `down`, empty) once it was rated.
"""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json import loads
from typing import Any

from chatsse.connections import Command, SharedLine, fields_of, flat
from chatsse.errors import BadRequest, ChatsseError, Fenced, NotFound, RateLimited, failure
from chatsse.event import START, Event, json_line, sources_of, text_of
from chatsse.journal import Journal, hash_key, turns_key
from chatsse.work import Work
from chatsse.writer import WRITING_TTL_S

# What goes to the model with a question of the conversation before it: the newest turns, up to both.
CONTEXT_TURNS = 10
CONTEXT_CHARS = 24_000
# Of a longer conversation the newest turns are shown.
SHOWN_TURNS = 200
# An erased answer leaves a mark for as long as an attempt may last: its producer, cut off from Redis all the
# while, would take an empty log for a loss and write it again.
ERASED_TTL_S = WRITING_TTL_S
# In one step: a hash that expired or was erased in between would come back, and without an end.
RATE = """
if redis.call('HEXISTS', KEYS[1], 'prompt') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'rating', ARGV[1])
return 1
"""


def new_id() -> str:
    """Return a new id: 128 random bits, URL-safe."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was asked.

    :param page: the address of the page it was asked on
    :param at_ms: when, in milliseconds since 1970
    :param request: what the model was asked, in JSON; None: nothing yet
    """

    id: str
    conversation: str
    prompt: str
    page: str | None
    at_ms: int
    request: str | None = None


class Questions:
    """The questions in Redis.

    :param history_ttl_s: how long a conversation is kept after its last question
    :param once_ttl_s: how long an idempotency key is remembered
    """

    def __init__(
        self,
        commands: SharedLine,
        journal: Journal,
        work: Work,
        history_ttl_s: int,
        once_ttl_s: int,
    ) -> None:
        self._commands = commands
        self._journal = journal
        self._work = work
        self._history_ttl_s = history_ttl_s
        self._once_ttl_s = once_ttl_s

    def limit(self, address: str, most_per_minute: int) -> None:
        """Count a question of `address`.

        :raises RateLimited: it was one too many
        :raises RedisAway:
        """
        minute, second = divmod(int(time.time()), 60)
        key = f"chatsse:{{{_digest(address)}}}:asked:{minute}"
        asked, _ = self._commands.execute(("INCR", key), ("EXPIRE", key, 60))
        if asked > most_per_minute:
            raise RateLimited(60 - second)

    def ask(
        self,
        prompt: str,
        conversation: str | None,
        page: str | None,
        key: str | None,
        after: str | None = None,
    ) -> Question:
        """Store a question, put it into the work queue and return it.

        :param conversation: the conversation it goes on with; None: a new one
        :param after: the question there that it follows: the turns since then are cut; None: the last
        :param key: an idempotency key: the question that was asked under it before is returned instead
        :raises BadRequest: something else was asked under the key before
        :raises RedisAway: the question may or may not be stored; asking again under the key is safe
        """
        question = Question(new_id(), conversation or new_id(), prompt, page, time.time_ns() // 1_000_000)
        body = _digest(json_line([prompt, conversation, page, *filter(None, [after])]))
        storing = self._storing(question, after or "", body)
        if key is None:
            self._commands.execute(*storing, *self._enqueuing(question))
            return question
        once = _once_key(key)
        # Stored before the key names it, so that whoever finds it there can read it.
        *_, first = self._commands.execute(
            *storing, ("SET", once, question.id, "NX", "EX", self._once_ttl_s), ("GET", once)
        )
        if first == question.id.encode():
            self._commands.execute(*self._enqueuing(question))
            return question
        return self._asked_before(first.decode(), body, question)

    def take_up(self, answer_id: str, conversation: str) -> tuple[Question, list[tuple[str, str]]]:
        """Return a question and the turns before it, as pairs of prompt and answer.

        The turns are the answered ones that are the newest and fit, oldest first.

        :raises NotFound:
        :raises RedisAway:
        """
        fields, ids = self._commands.execute(
            ("HGETALL", hash_key(answer_id)), ("LRANGE", turns_key(conversation), 0, -1)
        )
        question = _question(answer_id, fields_of(fields))
        names = [each.decode() for each in ids]
        until = names[: names.index(answer_id)] if answer_id in names else names
        *earlier, _ = self._uncut([*until[-SHOWN_TURNS:], answer_id])
        return question, self._turns(earlier[-CONTEXT_TURNS:])

    def _turns(self, ids: list[str]) -> list[tuple[str, str]]:
        turns: list[tuple[str, str]] = []
        room = CONTEXT_CHARS
        for _, fields in reversed(self._fields_of(ids)):
            prompt, answer = fields.get(b"prompt", b"").decode(), fields.get(b"answer", b"").decode()
            room -= len(prompt) + len(answer)
            if room < 0:
                break
            if answer:
                turns.append((prompt, answer))
        return turns[::-1]

    def conversation(self, conversation: str) -> list[dict[str, Any]]:
        """Return the newest turns of a conversation as the HTTP API shows them, oldest first.

        :raises NotFound:
        :raises RedisAway:
        """
        pairs = self._fields_of(self._uncut(self._ids_of(conversation)[-SHOWN_TURNS:]))
        turns = [_turn(*pair) for pair in pairs if b"prompt" in pair[1]]
        if not turns:
            raise NotFound
        return turns

    def stop(self, answer_id: str) -> bool:
        """End an answer where it is, whoever writes it; return False where it has ended already.

        :raises NotFound:
        :raises RedisAway:
        """
        return self._end(answer_id, "done", {"stop_reason": "stopped"})

    def fail(self, answer_id: str, error: ChatsseError) -> bool:
        """End an answer as failed, whoever writes it; return False where it has ended already.

        :raises NotFound:
        :raises RedisAway:
        """
        return self._end(answer_id, "failed", failure(error))

    def _end(self, answer_id: str, kind: str, value: object) -> bool:
        self._journal.missed(answer_id, START)
        while True:
            with suppress(Fenced):  # Somebody took it over at this very moment: take it from them.
                return self._journal.end(answer_id, kind, value, ending)

    def rate(self, answer_id: str, rating: str) -> None:
        """Keep what a reader thinks of an answer: `up`, `down` or nothing.

        :raises NotFound:
        :raises RedisAway:
        """
        (rated,) = self._commands.execute(("EVAL", RATE, 1, hash_key(answer_id), rating))
        if not rated:
            raise NotFound

    def erase(self, conversation: str) -> None:
        """Erase a conversation, its questions and its answers; those that are being written stop.

        :raises NotFound:
        :raises RedisAway:
        """
        pairs = self._fields_of(self._ids_of(conversation))
        if not pairs:
            raise NotFound
        for answer_id, fields in pairs:
            if b"prompt" in fields and b"ended" not in fields:
                self.stop(answer_id)
            self._journal.erase(answer_id, ERASED_TTL_S)
        self._commands.execute(("DEL", turns_key(conversation)))

    def _storing(self, question: Question, after: str, body: str) -> tuple[Command, ...]:
        key = hash_key(question.id)
        fields: dict[str, str | int] = {
            "prompt": question.prompt,
            "conversation": question.conversation,
            "page": question.page or "",
            "after": after,
            "at": question.at_ms,
            "body": body,
        }
        return ("HSET", key, *flat(fields)), ("EXPIRE", key, self._history_ttl_s)

    def _enqueuing(self, question: Question) -> tuple[Command, ...]:
        """Return what puts a stored question into its conversation and the queue; safe to do again."""
        turns = turns_key(question.conversation)
        return (
            ("LREM", turns, 0, question.id),
            ("RPUSH", turns, question.id),
            ("EXPIRE", turns, self._history_ttl_s),
            *self._work.adding(question.id, question.conversation),
            ("HSET", hash_key(question.id), "queued", 1),
        )

    def _asked_before(self, answer_id: str, body: str, again: Question) -> Question:
        _, reply = self._commands.execute(("DEL", hash_key(again.id)), ("HGETALL", hash_key(answer_id)))
        fields = fields_of(reply)
        question = _question(answer_id, fields)
        if fields[b"body"] != body.encode():
            raise BadRequest("idempotency_key_reused", "Another question was asked under this key.", 422)
        if b"queued" not in fields:
            # Whoever stored it may have died before this; the log tells doubles in the queue apart.
            self._commands.execute(*self._enqueuing(question))
        return question

    def _ids_of(self, conversation: str) -> list[str]:
        (ids,) = self._commands.execute(("LRANGE", turns_key(conversation), 0, -1))
        return [answer_id.decode() for answer_id in ids]

    def _uncut(self, ids: list[str]) -> list[str]:
        """Return the ids of a conversation's questions, but for those that a later one has cut."""
        replies = self._commands.execute(*(("HGET", hash_key(each), "after") for each in ids)) if ids else []
        left: dict[str, None] = {}
        for answer_id, after in zip(ids, replies, strict=True):
            while after and after.decode() in left and next(reversed(left)) != after.decode():
                left.popitem()
            left[answer_id] = None
        return list(left)

    def _fields_of(self, ids: list[str]) -> list[tuple[str, dict[bytes, bytes]]]:
        """Return questions' ids with their hashes."""
        replies = self._commands.execute(*(("HGETALL", hash_key(each)) for each in ids)) if ids else []
        return [(answer_id, fields_of(reply)) for answer_id, reply in zip(ids, replies, strict=True)]


def ending(kind: str, log: list[Event]) -> dict[str, str]:
    """Return the fields that an answer's hash gets when the log ends with an event of this kind."""
    return {"ended": kind, "answer": text_of(log), "sources": json_line(sources_of(log))}


def _once_key(key: str) -> str:
    return f"chatsse:{{{_digest(key)}}}:once"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


def _question(answer_id: str, fields: dict[bytes, bytes]) -> Question:
    if b"prompt" not in fields:
        raise NotFound
    text = {name.decode(): value.decode() for name, value in fields.items()}
    page, request = text["page"] or None, text.get("request")
    return Question(answer_id, text["conversation"], text["prompt"], page, int(text["at"]), request)


def _turn(answer_id: str, fields: dict[bytes, bytes]) -> dict[str, Any]:
    return {
        "prompt": fields[b"prompt"].decode(),
        "answer": fields.get(b"answer", b"").decode(),
        "stream": f"/stream/{answer_id}",
        "at": datetime.fromtimestamp(int(fields[b"at"]) / 1000, UTC).isoformat(timespec="milliseconds"),
        "sources": loads(fields.get(b"sources", b"[]")),
        "rating": fields.get(b"rating", b"").decode(),
    }
