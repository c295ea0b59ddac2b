"""What an answer rests on: numbered, kept with it, and exact whoever goes on with it."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from blog_server import BlogServer
from client import Reader, ask, call
from posts import POSTS, serve_post, serve_posts
from processes import DEADLINE_S, App, Redis, Worker, until
from standin import Block, Citation, StandIn, Wait

from chatsse.connections import Connections
from chatsse.knowledge.editions import Editions
from chatsse.knowledge.indexing import index
from chatsse.providers import Citation as Cited
from chatsse.sources import Sources

QUESTION = "bread, tea and cake?"
NUMBERED = ((1, "bread"), (2, "tea"), (3, "tea, too,"), (4, "cake"))


def cited(n: int) -> Cited:
    return Cited(f"/{n}", f"Title {n}", "quote")


def test_sources_are_numbered_from_1_in_the_order_of_their_first_citation() -> None:
    sources = Sources()
    assert [sources.add(cited(n)) for n in (7, 3, 7)] == [True, True, False]
    assert [sources.number(cited(n)) for n in (7, 3)] == [1, 2]
    assert sources.listed() == [
        {"n": 1, "title": "Title 7", "url": "/7"},
        {"n": 2, "title": "Title 3", "url": "/3"},
    ]


def test_sources_that_were_told_before_keep_their_numbers() -> None:
    sources = Sources([{"n": 1, "title": "Title 3", "url": "/3"}])
    assert not sources.add(cited(3))
    assert sources.add(cited(7))
    assert [source["url"] for source in sources.listed()] == ["/3", "/7"]


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    with BlogServer() as blog:
        serve_posts(blog)
        yield blog


def test_an_answer_that_another_process_goes_on_with_rests_on_the_same_sources(
    redis: Redis, redis_url: str, model: StandIn, blog: BlogServer, tmp_path_factory: pytest.TempPathFactory,
    word: str, gate: threading.Event,
) -> None:  # fmt: skip
    sitemap = f"{blog.url}/sitemap.xml"
    bread, tea, cake = (f"{blog.url}/{name}" for name in POSTS)
    length = "to be worth keeping when it is interrupted, " * 3
    one, two, three, four = (
        f"Sentence {n} says what {name} needs, {length}and ends. " for n, name in NUMBERED
    )
    begun = [one, Citation(bread, "a"), Block(), two, Citation(tea, "b"), Block(), three[:20], Wait(gate)]
    model.answer(word, begun, times=1)
    model.answer(word, [three, Citation(tea, "c"), Block(), four, Citation(cake, "d")])
    connections = Connections(redis_url)
    folder = tmp_path_factory.mktemp
    with contextlib.ExitStack() as stack:
        index([sitemap], Editions(connections.commands), lambda *_: None)
        web = stack.enter_context(App(redis_url, model.url, folder("web"), {"CHATSSE_ANSWERERS": "0"}))
        killed = stack.enter_context(Worker(redis_url, model.url, folder("one")))
        until(lambda: "answers come from 3 passages" in killed.log.read_text(), "the index")
        asked = ask(web.url, f"{word} {QUESTION}")
        reader = Reader(web.url + asked["stream"])
        reading = gevent.spawn(reader.read)
        until(lambda: reader.text == one + two + three[:20], "half of it")
        killed.kill()
        for name in POSTS:
            serve_post(blog, name, "All of it is new.")
        index([sitemap], Editions(connections.commands), lambda *_: None)
        stack.enter_context(Worker(redis_url, model.url, folder("two")))
        reading.get(timeout=DEADLINE_S)
        late = Reader(reader.url).read()
        (turn,) = call("GET", f"{web.url}/conversations/{asked['conversation']}").json["turns"]
    connections.close()
    first, second = (each.body["messages"][0]["content"] for each in model.calls if word in each.prompt)
    assert {block["content"][0]["text"] for block in first[:-1]} == set(POSTS.values())
    assert second == first
    assert reader.text == late.text == one + two + three + four
    for seen in (reader, late):
        assert [f.data["n"] for f in seen.frames if f.event == "citation"] == [1, 2, 2, 3]
        lists = [[s["url"] for s in f.data["sources"]] for f in seen.frames if f.event == "sources"]
        assert lists == [[bread], [bread, tea], [bread, tea, cake]]
    assert [source["url"] for source in turn["sources"]] == [bread, tea, cake]


def test_who_searches_the_blog_says_so_before_the_first_word(
    redis_url: str, model: StandIn, blog: BlogServer, tmp_path: Path, word: str
) -> None:
    with App(redis_url, model.url, tmp_path, {"CHATSSE_CONTENT": f"{blog.url}/sitemap.xml"}) as app:
        reader = Reader(app.url + ask(app.url, f"{word} {QUESTION}")["stream"]).read()
    assert (reader.frames[0].event, reader.frames[0].data) == ("status", {"stage": "searching"})
    assert reader.end.event == "done"


def test_where_nothing_is_found_the_model_is_not_asked(
    redis_url: str, model: StandIn, blog: BlogServer, tmp_path: Path, word: str
) -> None:
    with App(redis_url, model.url, tmp_path, {"CHATSSE_CONTENT": f"{blog.url}/sitemap.xml"}) as app:
        reader = Reader(app.url + ask(app.url, f"{word}?")["stream"]).read()
    assert reader.text.startswith("I found nothing about that on this blog.")
    assert f"]({blog.url}/" in reader.text
    assert reader.end.data == {"stop_reason": "end_turn"}
    assert not [each for each in model.calls if word in each.prompt]
