"""Keeping the index fresh, with real processes: at the start, by the clock, by a publish hook."""

import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from blog_server import BlogServer, Silence
from client import Reader, ask, call
from posts import POSTS, serve_post, serve_posts
from processes import App, Redis, tree, until
from standin import StandIn

from chatsse.connections import Connections
from chatsse.knowledge.editions import TURN_TTL_S, Editions, State
from chatsse.knowledge.index import FORMAT
from chatsse.knowledge.lock import HASH
from chatsse.knowledge.refresher import RESTORE_S, ROLLOUT_S, Refresher

TOKEN = "correct-horse-battery"
MANY = 40


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    with BlogServer() as blog:
        serve_posts(blog)
        yield blog


class Farm:
    """Processes that answer from one blog, on a Redis of their own."""

    def __init__(
        self, redis_url: str, model: StandIn, blog: BlogServer, folder: Path, stack: ExitStack
    ) -> None:
        self._redis_url = redis_url
        self._model = model
        self._blog = blog
        self._folder = folder
        self._stack = stack
        self.apps: list[App] = []

    def start(self, **env: str) -> App:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        content = {"CHATSSE_CONTENT": f"{self._blog.url}/sitemap.xml", "CHATSSE_INDEX_TOKEN": TOKEN}
        # Each question is asked of the model once: none takes another for dead that is only held up.
        content |= {"CHATSSE_LEASE_S": "60"}
        app = App(self._redis_url, self._model.url, folder, content | env)
        self.apps.append(self._stack.enter_context(app))
        return app

    def found(self, question: str) -> list[str]:
        """Return what the model gets with a question: the passages' texts."""
        reader = Reader(self.apps[0].url + ask(self.apps[0].url, question)["stream"]).read()
        assert reader.end.event == "done"
        (call,) = [call for call in self._model.calls if call.prompt == question]
        content: list[dict[str, Any]] = call.body["messages"][-1]["content"]
        return [block["content"][0]["text"] for block in content if block["type"] == "search_result"]


@pytest.fixture
def farm(redis: Redis, redis_url: str, model: StandIn, blog: BlogServer, tmp_path: Path) -> Iterator[Farm]:
    with ExitStack() as stack:
        yield Farm(redis_url, model, blog, tmp_path, stack)


def publish(app: App, token: str = TOKEN) -> int:
    return call("POST", f"{app.url}/index", headers={"Authorization": f"Bearer {token}"}).status


def longest_turn_s(connections: Connections) -> int:
    (keys,) = connections.commands.execute(("KEYS", f"{HASH}:turn:*"))
    return max([connections.commands.execute(("TTL", key))[0] for key in keys], default=0)


def took(app: App) -> int:
    """Return how many editions a process has taken into use."""
    return app.log.read_text().count("answers come from")


def fail_to_read(farm: Farm, blog: BlogServer) -> App:
    """Return a process that has an index, and has just failed to read the blog again."""
    app = farm.start()
    until(lambda: took(app), "the index")
    blog.serve("/sitemap.xml", status=500)
    publish(app)
    until(lambda: "could not be read" in app.log.read_text(), "the log says so")
    return app


def test_a_server_that_starts_reads_the_blog_and_a_question_waits_for_it(farm: Farm, word: str) -> None:
    farm.start()
    assert farm.found(f"{word} What does bread need?") == [POSTS["bread"]]


def test_a_publish_hook_has_all_processes_answer_from_the_new_pages_and_none_fails_meanwhile(
    farm: Farm, blog: BlogServer, word: str
) -> None:
    apps = [farm.start(), farm.start()]
    until(lambda: all(took(app) for app in apps), "both have the index")
    texts: list[list[str]] = []
    stopped = threading.Event()

    def keep_asking() -> None:
        while not stopped.is_set():
            texts.append(farm.found(f"{word} {len(texts)} tea?"))

    asking = gevent.spawn(keep_asking)
    until(lambda: texts, "a first answer")
    serve_post(blog, "tea", "Black tea likes it hotter.")
    assert publish(apps[0]) == 202
    until(lambda: all(took(app) == 2 for app in apps), "both have the new one")
    begun = len(texts)
    until(lambda: len(texts) > begun + MANY, "many more answers")
    stopped.set()
    asking.get(timeout=60)
    assert set(map(tuple, texts[begun + 1 :])) == {("Black tea likes it hotter.",)}
    assert set(map(tuple, texts)) == {(POSTS["tea"],), ("Black tea likes it hotter.",)}


def test_an_old_index_is_read_again_by_the_clock(farm: Farm, blog: BlogServer) -> None:
    apps = [farm.start(CHATSSE_REFRESH_S="1") for _ in range(2)]
    until(lambda: all(took(app) for app in apps), "both have the index")
    serve_post(blog, "tea", "Black tea likes it hotter.")
    until(lambda: all(took(app) == 2 for app in apps), "both have the new one")


def test_who_does_not_know_the_token_has_nothing_read(farm: Farm) -> None:
    app = farm.start()
    until(lambda: took(app), "the index")
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        reply = call("POST", f"{app.url}/index", headers=header)
        assert (reply.status, reply.code) == (401, "token_wrong")
    assert "pages read, 3 unchanged" not in app.log.read_text()


def test_without_a_token_there_is_no_hook(farm: Farm) -> None:
    assert publish(farm.start(CHATSSE_INDEX_TOKEN="")) == 404


def test_a_blog_that_is_away_leaves_the_index_in_use_and_the_log_says_so(
    farm: Farm, blog: BlogServer, word: str
) -> None:
    fail_to_read(farm, blog)
    assert farm.found(f"{word} bread?") == [POSTS["bread"]]


def test_a_process_that_leaves_ends_the_reading_that_it_has_begun(farm: Farm, blog: BlogServer) -> None:
    blog.serve("/tea", before=Silence())
    app = farm.start()
    until(lambda: "/tea" in blog.asked, "the reading hangs")
    pids = tree(app.pid)
    app.kill(signal.SIGTERM)
    until(lambda: not any(tree(pid) for pid in pids), "all of it is gone")


FRESH = State("version", FORMAT, 1, "https://blog.example", time.time(), is_wanted=False)


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        (FRESH, False),
        (replace(FRESH, version=""), True),
        (replace(FRESH, version="", is_being_read=True), False),
        (replace(FRESH, is_wanted=True), True),
        (replace(FRESH, content="https://blog.example /posts"), True),
        (replace(FRESH, checked_at=time.time() - 86_401), True),
        # Of an older release it can't be read; a newer one's processes see to theirs.
        (replace(FRESH, format=FORMAT - 1), True),
        (replace(FRESH, format=FORMAT + 1), False),
    ],
)
def test_the_blog_is_read_when_its_index_is_missing_old_or_not_wanted_any_more(
    connections: Connections, state: State, is_due: bool
) -> None:
    refresher = Refresher(Editions(connections.commands), ["https://blog.example"], 86_400)
    assert refresher._is_due(state) is is_due


def test_what_a_newer_release_left_behind_is_read_anew_by_the_one_that_came_back(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresher = Refresher(Editions(connections.commands), ["https://blog.example"], 0)
    newer = replace(FRESH, format=FORMAT + 1)
    assert not refresher._is_due(newer)
    monkeypatch.setattr("chatsse.knowledge.refresher.monotonic", lambda: time.monotonic() + ROLLOUT_S)
    assert refresher._is_due(newer)


def test_what_was_named_later_stays_where_processes_differ(connections: Connections) -> None:
    refresher = Refresher(Editions(connections.commands), ["https://blog.example"], 86_400)
    assert not refresher._is_due(FRESH)
    assert not refresher._is_due(replace(FRESH, content="https://other.example"))


def test_after_a_reading_that_failed_the_blog_is_left_alone_for_a_while(
    farm: Farm, blog: BlogServer, connections: Connections
) -> None:
    app = fail_to_read(farm, blog)
    until(lambda: longest_turn_s(connections) > TURN_TTL_S, "a pause")
    publish(app)
    until(lambda: app.log.read_text().count("could not be read:") == 2, "the owner's word ends it")


def test_what_redis_has_just_lost_is_not_read_again_before_it_may_be_restored(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresher = Refresher(Editions(connections.commands), ["https://blog.example"], 86_400)
    assert not refresher._is_due(FRESH)
    lost = replace(FRESH, version="")
    assert not refresher._is_due(lost)
    monkeypatch.setattr("chatsse.knowledge.refresher.monotonic", lambda: time.monotonic() + RESTORE_S)
    assert refresher._is_due(lost)


def test_a_mistaken_address_that_is_put_right_is_read_at_once(
    farm: Farm, blog: BlogServer, connections: Connections, word: str
) -> None:
    wrong = farm.start(CHATSSE_CONTENT=f"{blog.url}/wrong.xml")
    until(lambda: "could not be read" in wrong.log.read_text(), "the log says so")
    wrong.kill(signal.SIGTERM)
    farm.apps.remove(wrong)
    farm.start()
    assert farm.found(f"{word} bread?") == [POSTS["bread"]]


def test_the_servers_own_page_says_what_the_chat_answers_from(farm: Farm, blog: BlogServer) -> None:
    home = call("GET", farm.start().url).body.decode()
    assert f"The chat answers from {blog.url}/sitemap.xml." in home
    assert "data-questions" not in home
    content = "docs=https://blog.example/docs docs https://me:secret@blog.example/feed.xml?key=secret"
    folder = call("GET", farm.start(CHATSSE_CONTENT=content).url).body.decode()
    assert "The chat answers from https://blog.example/docs, docs, https://blog.example/feed.xml." in folder
    sample = call("GET", farm.start(CHATSSE_CONTENT="templates/posts=/posts").url).body.decode()
    assert "The chat answers from its posts." in sample
    assert "data-questions" in sample


def test_without_content_there_is_nothing_for_the_hook_to_read(farm: Farm) -> None:
    assert publish(farm.start(CHATSSE_CONTENT="")) == 409


def test_an_index_may_be_of_any_age_where_the_owner_says_so(connections: Connections) -> None:
    refresher = Refresher(Editions(connections.commands), ["https://blog.example"], 0)
    assert not refresher._is_due(replace(FRESH, checked_at=0))
