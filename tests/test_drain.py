"""A process that is told to stop: its readers and its unfinished answers go elsewhere, and it is gone."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import gevent
import pytest
from client import TIMEOUT_S, Reader, ask, call
from gevent import monkey
from processes import DEADLINE_S, TREE, App, Process, Redis, Worker, free_port, until
from standin import Silence, StandIn, Wait
from story import tale, telling
from test_answerer import LONG_LEASE_S, Parts, calls_of

from chatsse.event import parse_id
from chatsse.journal import log_key
from chatsse.views.stream import RETRY_SOON_MS
from chatsse.work import WORK

# What a process has from SIGTERM on, less than hosts give it.
GONE_S = 25
# Enough for their turns to take as long as they may, so that a slow machine too has some of them left.
READERS = 250
# How many answers are under way, and how often the process that gives them is replaced.
STREAMS, RESTARTS = 200, 5


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server for a test that takes too long to be run on several, or ends it."""
    with Redis("valkey", tmp_path_factory.mktemp("valkey")) as server:
        yield server


class Leaving:
    """A process that was told to stop as hosts do it: all of them at once, so that workers hear it twice."""

    def __init__(self, process: Process) -> None:
        self.pids = [process.pid, *children(process)]
        self._by = time.monotonic() + GONE_S
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)

    def is_gone_in_time(self) -> bool:
        """Wait for the end, but not longer than there is time for it."""
        while not all(map(is_gone, self.pids)) and time.monotonic() < self._by:
            gevent.sleep(0.05)
        return all(map(is_gone, self.pids))


def children(process: Process) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, whether or not its parent knows."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def ended_by_itself(app: App) -> bool:
    """Return whether gunicorn's worker ended before gunicorn lost its patience."""
    return "Worker exiting" in app.log.read_text()


class Response:
    """A response that is read piece by piece, down to whether its body ends as it should."""

    def __init__(self, method: str, url: str, body: str | None = None) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
        self._connection.request(method, parts.path, body, {"Content-Type": "application/json"})
        self._response = self._connection.getresponse()
        self.headers = self._response.headers

    def read_up_to(self, text: bytes) -> "Response":
        read = b""
        while text not in read:
            read += self._response.read1()
        return self

    def rest(self) -> bytes:
        """Return the rest of the body.

        :raises http.client.IncompleteRead: the connection was cut before the last chunk
        """
        try:
            return self._response.read()
        finally:
            self._connection.close()


class Page(Reader):
    """What a browser does: it connects again, to whichever process is there, until the answer has ended."""

    def follow(self, living: list[App], path: str) -> "Page":
        while not self.frames or self.end.event not in ("done", "failed"):
            self.url = living[-1].url + path
            with contextlib.suppress(OSError):
                self.read()
            gevent.sleep(self.retry_ms / 1000)
        return self


def subscribers(redis: Redis, answer_id: str) -> bytes:
    return redis.ask("PUBSUB", "NUMSUB", log_key(answer_id)).split()[-1]


def test_a_reload_ends_each_response_cleanly_and_loses_nothing(
    redis: Redis, redis_url: str, model: StandIn, tmp_path: Path, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} streamed", ["a", Wait(gate), "b"])
    model.answer(f"{word} fetched", ["c", Wait(gate), "d"])
    model.answer(f"{word} polled", [Wait(gate), "e"])
    with App(redis_url, model.url, tmp_path) as app:
        streamed = ask(app.url, f"{word} streamed")
        readers = [Response("GET", app.url + streamed["stream"]).read_up_to(b'"a"') for _ in range(5)]
        fetching = Response("POST", f"{app.url}/chat/stream", f'{{"message": "{word} fetched"}}')
        fetching.read_up_to(b'"c"')
        polled = ask(app.url, f"{word} polled")
        waiting = f"{app.url}{polled['stream']}?wait=25"
        polling = gevent.spawn(call, "GET", waiting, headers={"Accept": "application/json"})
        until(lambda: subscribers(redis, polled["id"]) == b":1", "the poll waits")
        (old,) = children(app)
        os.kill(app.pid, signal.SIGHUP)
        last_frames = [reader.rest() for reader in readers]
        assert all(re.fullmatch(rb"retry: [0-9]+\n\n", frame) for frame in last_frames), last_frames
        retries = {int(frame.split()[1]) for frame in last_frames}
        assert len(retries) > 1
        assert RETRY_SOON_MS[0] <= min(retries) <= max(retries) <= RETRY_SOON_MS[1]
        assert fetching.rest() == b""
        polled_early = polling.get().json
        assert (polled_early["events"], polled_early["ended"]) == ([], False)
        gate.set()
        assert Page("").follow([app], streamed["stream"]).text == "ab"
        assert Page("").follow([app], fetching.headers["Chatsse-Stream"]).text == "cd"
        assert Page("").follow([app], polled["stream"]).text == "e"
        until(lambda: is_gone(old), "the old process is gone")
    assert calls_of(model, word) == 3


def test_readers_are_dismissed_one_after_the_other_and_served_until_then(
    redis_url: str, model: StandIn, tmp_path: Path, word: str, gate: threading.Event
) -> None:
    late = threading.Event()
    model.answer(word, ["early", Wait(late), " late", Wait(gate)])
    with App(redis_url, model.url, tmp_path) as app:
        stream = app.url + ask(app.url, word)["stream"]
        readers = [Reader(stream) for _ in range(READERS)]
        reading = [gevent.spawn(reader.read) for reader in readers]
        until(lambda: all(reader.text for reader in readers), "all have read something")
        leaving = Leaving(app)
        until(lambda: any(greenlet.ready() for greenlet in reading), "the first is dismissed")
        late.set()
        gevent.joinall(reading, raise_error=True)
        assert {reader.text for reader in readers} == {"early", "early late"}
        gate.set()
        assert leaving.is_gone_in_time()


def test_what_a_model_in_silence_leaves_unfinished_another_process_finishes(
    valkey: Redis, model: StandIn, tmp_path_factory: pytest.TempPathFactory, word: str
) -> None:
    text = tale(6, word)
    model.answer(word, telling(text, faults=[[Silence()]]))
    # Nothing is taken from a dead process: it has to be handed over.
    lease = {"CHATSSE_LEASE_S": str(LONG_LEASE_S)}
    no_answerers = {"CHATSSE_ANSWERERS": "0"}
    with (
        App(valkey.url(0), model.url, tmp_path_factory.mktemp("web"), no_answerers) as web,
        Worker(valkey.url(0), model.url, tmp_path_factory.mktemp("old"), lease) as old,
    ):
        reader = Reader(web.url + ask(web.url, word)["stream"])
        reading = gevent.spawn(reader.read)
        until(lambda: reader.text, "the first words")
        leaving = Leaving(old)
        with Worker(valkey.url(0), model.url, tmp_path_factory.mktemp("new"), lease):
            reading.get()
            assert leaving.is_gone_in_time()
            assert old.returncode() == 0
    assert (reader.text, reader.end.event) == (text, "done")
    first, _ = (each for each in model.calls if word in each.prompt)
    assert first.closed.wait(DEADLINE_S)


def test_a_process_is_gone_whoever_hangs_on_to_it(
    valkey: Redis, model: StandIn, tmp_path: Path, word: str
) -> None:
    model.answer(word, ["x" * 100_000] * 60)
    with App(valkey.url(0), model.url, tmp_path) as app, contextlib.ExitStack() as connections:
        stream = ask(app.url, word)["stream"]
        assert Reader(app.url + stream).read().end.event == "done"

        def hang(head: str) -> socket.socket:
            sock = connections.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", app.port))
            sock.sendall(head.encode())
            return sock

        hang(
            "POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        hang(f"GET {stream} HTTP/1.1\r\nHost: x\r\n")
        assert hang(f"GET {stream} HTTP/1.1\r\nHost: x\r\n\r\n").recv(1)
        valkey.kill()
        assert Leaving(app).is_gone_in_time()
    assert ended_by_itself(app)
    assert "Traceback" not in app.log.read_text()


@pytest.fixture
def unasked() -> Iterator[StandIn]:
    """The model of a process that has nothing to ask it."""
    with StandIn() as unasked:
        yield unasked


@pytest.fixture
def pair(redis_url: str, model: StandIn, unasked: StandIn) -> Iterator[tuple[Parts, Parts]]:
    """The answerers of two processes, one that leaves and one that stays."""
    pair = Parts(redis_url, unasked), Parts(redis_url, model)
    yield pair
    for parts in pair:
        parts.answerers.stop(0)
        parts.connections.close()


def ask_at_once(redis: Redis, database: int, fields: list[str]) -> None:
    """Put a question into the queue without letting anything else in this process happen meanwhile."""
    with monkey.get_original("socket", "socket")() as sock:
        sock.connect(("127.0.0.1", redis.port))
        sock.sendall(f"SELECT {database}\r\nXADD {WORK} * {' '.join(fields)}\r\n".encode())
        while sock.recv(1 << 16).count(b"\r\n") < 2:
            pass


def test_a_question_that_is_read_at_the_last_moment_goes_to_another_at_once(
    redis: Redis,
    redis_url: str,
    pair: tuple[Parts, Parts],
    model: StandIn,
    unasked: StandIn,
    word: str,
) -> None:
    model.answer(word, ["answered"])
    leaving, staying = pair
    database = int(redis_url.rpartition("/")[2])
    question = staying.questions.ask(word, None, None, None)
    until(lambda: [staying.work.done(job) for job in staying.work.take(1)], "the queue is empty")
    leaving.answerers.start()
    until(lambda: any(b" flags=b " in each for each in redis.clients(database)), "it waits for questions")
    ask_at_once(redis, database, ["id", question.id, "conversation", question.conversation, "attempt", "1"])
    leaving.answerers.stop(grace_s=10)
    staying.answerers.start()
    until(lambda: 'token {"token": "answered"}' in staying.said(question), "the other answers")
    assert (calls_of(model, word), unasked.calls) == (1, [])


CAUGHT = """
from gevent import monkey
monkey.patch_all()
import gevent
from chatsse import host, serving
from chatsse.serving import *
host.GONE_S = 1

def get_caught():
    print("caught", flush=True)
    while True:
        pass

def post_worker_init(worker):
    serving.post_worker_init(worker)
    gevent.spawn_later(0.1, get_caught)
"""


def test_a_process_that_can_not_end_is_ended_and_says_where_it_was(tmp_path: Path) -> None:
    settings = tmp_path / "gunicorn.conf.py"
    settings.write_text(CAUGHT)
    env = {"PORT": str(free_port()), "REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    log = (tmp_path / "log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", str(settings), "wsgi:app"],
        cwd=TREE, env=os.environ | env, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        until(lambda: "caught" in (tmp_path / "log").read_text(), "it is caught")
        process.terminate()
        assert process.wait(GONE_S) == 0
    finally:
        process.kill()
        log.close()
    assert " in get_caught\n" in (tmp_path / "log").read_text()


def test_a_rolling_restart_under_many_answers_is_noticed_by_nobody(
    valkey: Redis, model: StandIn, tmp_path_factory: pytest.TempPathFactory, word: str
) -> None:
    texts = {f"{word} {n:03}.": tale(7, f"{word} {n:03}") for n in range(STREAMS)}
    for prompt, text in texts.items():
        model.answer(prompt, telling(text, pause_s=0.2))
    with contextlib.ExitStack() as stack:

        def start() -> App:
            folder = tmp_path_factory.mktemp("app")
            # Longer than a process may be held up where so many begin and end at once: none is dead.
            return stack.enter_context(App(valkey.url(0), model.url, folder, {"CHATSSE_LEASE_S": "10"}))

        living = [start()]
        pages = {prompt: Page("") for prompt in texts}
        reading = [
            gevent.spawn(page.follow, living, ask(living[0].url, prompt)["stream"])
            for prompt, page in pages.items()
        ]
        until(lambda: all(page.text for page in pages.values()), "all answers have begun")
        leaving = []
        for _ in range(RESTARTS):
            living.append(start())
            leaving.append(Leaving(living[-2]))
        assert all(process.is_gone_in_time() for process in leaving)
        assert all(map(ended_by_itself, living[:-1]))
        gevent.joinall(reading, raise_error=True)
    for prompt, page in pages.items():
        assert (page.text, page.end.event) == (texts[prompt], "done")
        ids = [parse_id(frame.id) for frame in page.frames if frame.id]
        assert all(before < after for before, after in pairwise(ids))
        assert calls_of(model, prompt) <= ids[-1].attempt
