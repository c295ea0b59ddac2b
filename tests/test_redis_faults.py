"""What goes wrong with Redis, as readers, askers and the model see it: nothing that was said is lost."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest
from client import Reader, ask, call
from processes import App, KeptRedis, Redis, Worker, free_port, until
from relay import Relay, RepliesLost
from standin import Pause, StandIn, Step, Wait
from story import tale, tokens

from chatsse import Services
from chatsse.config import Config
from chatsse.connections import Connections, fields_of
from chatsse.errors import RedisAway
from chatsse.event import START, decode, text_of
from chatsse.journal import hash_key, log_key, turns_key
from chatsse.questions import Question
from chatsse.work import GROUP, WORK

# The limit of questions is asked first, and where it can't count nothing is asked. The test's own address is
# exempt from it.
VISITOR = {"X-Forwarded-For": "203.0.113.7"}
AS_JSON = {"Accept": "application/json"}
WAIT_S = 120
STREAMS = 200
RESTARTS = 10


@dataclass
class Asked:
    """A question under way, whose reader holds its first words."""

    id: str
    conversation: str
    reader: Reader
    reading: "gevent.Greenlet[..., Any]"


def ask_and_read(app: App, prompt: str, first: str) -> Asked:
    asked = ask(app.url, prompt)
    reader = Reader(app.url + asked["stream"])
    reading = gevent.spawn(reader.read)
    until(lambda: reader.text == first, "the first words")
    return Asked(asked["id"], asked["conversation"], reader, reading)


def calls_of(model: StandIn, word: str) -> int:
    return sum(word in call.prompt for call in model.calls)


@contextmanager
def dead(server: Redis) -> Iterator[None]:
    server.kill()
    yield
    server.start()


@contextmanager
def hanging(server: Redis) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    yield
    os.kill(server.pid, signal.SIGCONT)


@contextmanager
def full(server: Redis) -> Iterator[None]:
    server.ask("CONFIG", "SET", "maxmemory", "1")
    yield
    server.ask("CONFIG", "SET", "maxmemory", "0")


@contextmanager
def demoted(server: Redis) -> Iterator[None]:
    server.ask("REPLICAOF", "127.0.0.1", str(free_port()))
    yield
    server.ask("REPLICAOF", "NO", "ONE")


@contextmanager
def without_a_disk(server: Redis) -> Iterator[None]:
    # The snapshot's name is taken by a folder: it can't be put in its place, not even by root.
    folder = server.log.parent / "dump.rdb"
    folder.mkdir()
    server.ask("CONFIG", "SET", "save", '"3600 1"')
    server.ask("BGSAVE")
    until(lambda: b"rdb_last_bgsave_status:err" in server.ask("INFO", "persistence"), "a snapshot failed")
    yield
    folder.rmdir()
    server.ask("BGSAVE")
    until(lambda: b"rdb_last_bgsave_status:ok" in server.ask("INFO", "persistence"), "a snapshot succeeded")


@contextmanager
def crowded(server: Redis) -> Iterator[None]:
    only = Connections(server.url(0))
    only.commands.execute(("CONFIG", "SET", "maxclients", 1))
    only.commands.execute(("CLIENT", "KILL", "TYPE", "normal"), ("CLIENT", "KILL", "TYPE", "pubsub"))
    yield
    only.commands.execute(("CONFIG", "SET", "maxclients", 1000))
    only.close()


# What becomes of a server, and whether it can be read meanwhile.
AWAY: dict[str, tuple[Callable[[Redis], AbstractContextManager[None]], bool]] = {
    "dead": (dead, False),
    "hanging": (hanging, False),
    "full": (full, True),
    "a replica": (demoted, True),
    "without a disk": (without_a_disk, True),
    "crowded": (crowded, False),
}


@pytest.fixture(scope="module")
def kept(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptRedis]:
    """A server of the tests' own, that has its data again after a kill."""
    with KeptRedis(redis.kind, tmp_path_factory.mktemp("kept")) as server:
        yield server


@pytest.fixture(scope="module")
def kept_app(kept: KeptRedis, model: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with App(kept.url(0), model.url, tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.mark.parametrize("how", AWAY)
def test_while_redis_is_away_readers_wait_and_askers_are_told_when_to_come_back(
    kept: KeptRedis, kept_app: App, model: StandIn, word: str, gate: threading.Event, how: str
) -> None:
    away, can_be_read = AWAY[how]
    model.answer(word, ["before ", Wait(gate), "and ", "after"])
    early = ask_and_read(kept_app, word, "before ")
    url = early.reader.url
    (asked_of_model,) = (call for call in model.calls if call.prompt == word)
    with away(kept):
        refused = call("POST", f"{kept_app.url}/chat", {"prompt": f"another {word}"}, VISITOR)
        assert (refused.status, refused.code) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert call("GET", f"{kept_app.url}/healthz").status == 200
        assert call("GET", f"{kept_app.url}/readyz").status == 503
        assert call("DELETE", url).status == 503
        assert call("GET", url, headers=AS_JSON).status == (200 if can_be_read else 503)
        late = Reader(url)
        reading = gevent.spawn(late.read)
        until(lambda: late.status, "the late reader has its answer's head")
        gate.set()
        assert asked_of_model.ended.wait(WAIT_S)
        if how == "hanging":
            until(lambda: early.reader.end.event == "ping", "a sign of life")
        assert early.reader.text == "before "
    gevent.joinall([early.reading, reading], timeout=WAIT_S, raise_error=True)
    until(kept_app.answers, "the app is ready again")
    for reader in (early.reader, late, Reader(url).read()):
        assert (reader.status, reader.text) == (200, "before and after")
        assert reader.end.data == {"stop_reason": "end_turn"}
    assert [call.prompt for call in model.calls if word in call.prompt] == [word]
    again = ask(kept_app.url, f"again {word}")
    assert Reader(kept_app.url + again["stream"]).read().end.event == "done"


@pytest.fixture
def empty(redis: Redis, tmp_path: Path) -> Iterator[Redis]:
    """A server of the test's own, that has nothing after a kill."""
    with Redis(redis.kind, tmp_path) as server:
        yield server


@pytest.fixture
def others(empty: Redis) -> Iterator[Connections]:
    """What the test itself asks that server by."""
    others = Connections(empty.url(0))
    yield others
    others.close()


def stored(others: Connections, asked: Asked) -> list[Any]:
    """Return what Redis has of a question under way: its log, its hash and its place in the conversation."""
    log, fields, turns = others.commands.execute(
        ("XRANGE", log_key(asked.id), "-", "+"),
        ("HGETALL", hash_key(asked.id)),
        ("LRANGE", turns_key(asked.conversation), 0, -1),
    )
    # Each server has its own order for a hash.
    return [log, fields_of(fields), turns]


def held(others: Connections) -> int:
    """Return how many questions of the queue are in answerers' hands."""
    try:
        ((pending, *_),) = others.commands.execute(("XPENDING", WORK, GROUP))
    except RedisAway:
        return 0
    return int(pending)


def test_a_redis_that_comes_back_empty_is_told_again_what_is_under_way(
    empty: Redis, others: Connections, model: StandIn, tmp_path: Path, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "and ", "after"])
    with App(empty.url(0), model.url, tmp_path) as app:
        early = ask_and_read(app, word, "before ")
        before = stored(others, early)
        empty.kill()
        empty.start()
        late, ahead = Reader(early.reader.url), Reader(early.reader.url, last_id=early.reader.last_id)
        readings = [early.reading, gevent.spawn(late.read), gevent.spawn(ahead.read)]
        until(lambda: stored(others, early) == before, "all is there again")
        until(lambda: held(others) == 1, "the question is in the queue again")
        assert all(ttl > 3600 for ttl in ttls(others, early))
        gate.set()
        gevent.joinall(readings, timeout=WAIT_S, raise_error=True)
        (turn,) = call("GET", f"{app.url}/conversations/{early.conversation}").json["turns"]
        until(lambda: held(others) == 0, "the question is put away")
    assert (early.reader.text, late.text, ahead.text) == ("before and after", "before and after", "and after")
    assert [reader.end.event for reader in (early.reader, late, ahead)] == ["done"] * 3
    assert (turn["prompt"], turn["answer"]) == (word, "before and after")
    assert calls_of(model, word) == 1


def ttls(others: Connections, asked: Asked) -> list[int]:
    return others.commands.execute(
        ("TTL", hash_key(asked.id)), ("TTL", turns_key(asked.conversation)), ("TTL", WORK)
    )


def test_an_answer_that_an_empty_redis_was_told_again_can_be_taken_over(
    empty: Redis,
    others: Connections,
    model: StandIn,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    word: str,
    gate: threading.Event,
) -> None:
    model.answer(word, ["Once upon ", Wait(gate), "never"], times=1)
    model.answer(word, ["a time"])
    web = App(empty.url(0), model.url, tmp_path, {"CHATSSE_ANSWERERS": "0"})
    killed, staying = (Worker(empty.url(0), model.url, tmp_path_factory.mktemp("worker")) for _ in range(2))
    with web, killed:
        asked = ask_and_read(web, word, "Once upon ")
        before = stored(others, asked)
        empty.kill()
        empty.start()
        until(lambda: stored(others, asked) == before, "all is there again")
        until(lambda: held(others) == 1, "the question is in the queue again")
        with staying:
            killed.kill()
            asked.reading.get(timeout=WAIT_S)
            (turn,) = call("GET", f"{web.url}/conversations/{asked.conversation}").json["turns"]
            until(lambda: held(others) == 0, "the question is put away")
    assert asked.reader.end.event == "done"
    assert {"stage": "continuing"} in [frame.data for frame in asked.reader.frames]
    assert turn["answer"].endswith("a time")
    assert calls_of(model, word) == 2


def read_to_the_end(reader: Reader) -> None:
    """Read as EventSource does: again from the cursor after a cut, and never after another status."""
    while reader.status in (0, 200) and not (reader.frames and reader.end.event == "done"):
        with suppress(OSError):
            reader.read()


def telling_up_to(parts: list[str], last: Callable[[], int]) -> Iterator[Step]:
    """Yield the steps that tell `parts` one by one, each when `last` has come to its number."""
    for n, part in enumerate(parts):
        while last() < n:
            yield Pause(0.1)
        for token in tokens(part):
            yield from (token, Pause(0.01))


def die_in_the_middle_of(part: str, server: Redis, readers: list[Reader]) -> None:
    until(lambda: any(part[:10] in reader.text for reader in readers), "it is being told")
    server.kill()
    server.start()
    until(lambda: all(part in reader.text for reader in readers), "all have it")


@pytest.mark.parametrize("make", [KeptRedis, Redis])
def test_of_many_live_answers_none_is_lost_however_often_redis_dies(
    redis: Redis, make: type[Redis], model: StandIn, tmp_path: Path, word: str
) -> None:
    if redis.kind != "valkey":
        pytest.skip("once is enough for what takes so long")
    parts = [f"{n} {tale(2, word)} " for n in range(RESTARTS + 1)]
    deaths = 0
    model.answer(word, lambda _: telling_up_to(parts, lambda: deaths))
    # Two processes answer, each of which could take the other for dead.
    lease = {"CHATSSE_LEASE_S": "3"}
    with (
        make("valkey", tmp_path) as server,
        App(server.url(0), model.url, tmp_path, lease) as app,
        Worker(server.url(0), model.url, tmp_path, lease),
    ):
        readers = [Reader(app.url + ask(app.url, word)["stream"]) for _ in range(STREAMS)]
        readings = [gevent.spawn(read_to_the_end, reader) for reader in readers]
        until(lambda: all(reader.text == parts[0] for reader in readers), "all have begun")
        for deaths in range(1, RESTARTS + 1):
            die_in_the_middle_of(parts[deaths], server, readers)
        gevent.joinall(readings, timeout=WAIT_S, raise_error=True)
        assert "Traceback" not in app.log.read_text()
    assert {(reader.status, reader.text) for reader in readers} == {(200, "".join(parts))}
    assert calls_of(model, word) == STREAMS


@pytest.fixture
def relay(redis: Redis) -> Iterator[Relay]:
    with Relay(redis.port) as relay:
        yield relay


class Inside:
    """A process's services in the test's own, on a Redis behind a relay."""

    def __init__(self, url: str, model: StandIn) -> None:
        env = {"REDIS_URL": url, "ANTHROPIC_API_KEY": "sk-test-key", "ANTHROPIC_BASE_URL": model.url}
        self.services = Services(Config.from_env(env | {"CHATSSE_LEASE_S": "1"}))
        self.services.start()

    def ask(self, prompt: str, key: str | None = None) -> Question:
        return self.services.questions.ask(prompt, None, None, key)

    def read(self, question: Question) -> str:
        """Return the text of an answer, read to its end."""
        frames = b"".join(self.services.hub.read(question.id, START))
        return text_of(decode(frames))

    def close(self) -> None:
        self.services.stop()


@pytest.fixture
def inside(redis_url: str, relay: Relay, model: StandIn) -> Iterator[Inside]:
    inside = Inside(relay.url(int(redis_url.rpartition("/")[2])), model)
    yield inside
    inside.close()


def test_a_command_whose_reply_is_lost_is_carried_out_once(
    inside: Inside, relay: Relay, model: StandIn, connections: Connections, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} first", ["once ", Wait(gate), "told"])
    model.answer(f"{word} next", ["begun ", Wait(threading.Event())])
    relay.decide = replies = RepliesLost()
    first = inside.ask(f"{word} first", key=word)
    assert inside.ask(f"{word} first", key=word).id == first.id
    following = inside.ask(f"{word} next")
    texts = [gevent.spawn(inside.read, question) for question in (first, following)]
    until(lambda: calls_of(model, word) == 2, "both are being answered")
    gate.set()
    assert texts[0].get(timeout=WAIT_S) == "once told"
    until(lambda: text_of(inside.services.journal.after(following.id, START)), "the first word")
    assert inside.services.questions.stop(following.id)
    assert texts[1].get(timeout=WAIT_S) == "begun "
    until(lambda: connections.commands.execute(("XLEN", WORK)) == [0], "both are put away")
    for question, answer in ((first, "once told"), (following, "begun ")):
        (turn,) = inside.services.questions.conversation(question.conversation)
        assert turn["answer"] == answer
    assert calls_of(model, word) == 2
    lost = b"".join(replies.lost)
    for each in (b"EVALSHA", b"is_takeover", b"RPUSH", b"XREADGROUP", b"XACK", b"XCLAIM", b"stopped"):
        assert each in lost, each


# By what is said on it: each of a process's connections.
CONNECTIONS = {
    "commands": b"is_takeover",
    "appends": b"EVALSHA",
    "work": b"XREADGROUP",
    "pub/sub": b"SUBSCRIBE",
}


def test_a_connection_that_swallows_everything_is_given_up(
    redis: Redis, redis_url: str, model: StandIn, word: str, gate: threading.Event
) -> None:
    def lose(name: str) -> None:
        prompt = f"{word} {name}"
        model.answer(prompt, ["before ", Wait(gate), "after"])
        model.answer(f"next {name} {word}", ["answered"])
        with Relay(redis.port) as relay:
            inside = Inside(relay.url(next(databases)), model)
            question = inside.ask(prompt)
            text = gevent.spawn(inside.read, question)
            until(lambda: calls_of(model, prompt) == 1, "it is being answered")
            until(lambda: text_of(inside.services.journal.after(question.id, START)), "the first word")
            assert relay.fall_silent(CONNECTIONS[name])
            gate.set()
            assert text.get(timeout=WAIT_S) == "before after"
            until(lambda: is_answered(inside, f"next {name} {word}"), "another is answered")
            inside.close()

    databases = iter(range(3000, 3000 + len(CONNECTIONS)))
    for losing in [gevent.spawn(lose, name) for name in CONNECTIONS]:
        losing.get(timeout=WAIT_S)


def is_answered(inside: Inside, prompt: str) -> bool:
    try:
        return inside.read(inside.ask(prompt, key=prompt)) == "answered"
    except RedisAway:
        return False
