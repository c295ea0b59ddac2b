"""What a process answers from, and how it gets to know of something newer."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import until

from chatsse.connections import Connections
from chatsse.knowledge.editions import Editions
from chatsse.knowledge.index import Builder, Index
from chatsse.knowledge.library import RENEW_S, RETRY_S, Library
from chatsse.knowledge.lock import HASH
from chatsse.knowledge.page import Page, Passage, Receipt

Publish = Callable[..., None]


@pytest.fixture
def editions(connections: Connections) -> Editions:
    return Editions(connections.commands)


@pytest.fixture
def publish(editions: Editions, tmp_path: Path) -> Publish:
    """Publishes an index of pages of these titles."""

    def publish(*titles: str) -> None:
        path = tmp_path / "-".join(titles)
        builder = Builder(path)
        for title in titles:
            url = f"https://blog.example/{title}"
            page = Page(url, title, "en", None, "", (Passage(url, (), (f"All about {title}.",)),))
            builder.add(Receipt(url, "", "", "", ""), page)
        builder.finish()
        with editions.lock() as lock:
            assert editions.publish(path, "", lock)

    return publish


@pytest.fixture
def library(editions: Editions) -> Iterator[Library]:
    library = Library(editions, is_expected=True)
    yield library
    library.stop()


def titles(library: Library, question: str) -> list[str]:
    assert library.index
    return [hit.title for hit in library.index.search(question)]


def test_what_is_published_is_answered_from(library: Library, publish: Publish) -> None:
    publish("bread")
    library.look()
    assert titles(library, "bread?") == ["bread"]


def test_a_newer_edition_is_picked_up_without_a_restart(
    library: Library, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatsse.knowledge.library.LOOK_S", 0.01)
    publish("bread")
    library.start()
    assert library.wait()
    publish("tea", "cake")
    until(lambda: titles(library, "tea?") == ["tea"], "the newer edition")


def test_each_process_has_the_file_open_and_nobody_has_to_clear_it_away(
    library: Library, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    publish("bread")
    library.look()
    assert list(folder.iterdir()) == []
    assert titles(library, "bread?") == ["bread"]


def test_an_edition_that_is_broken_leaves_the_old_one_in_use_and_is_told_once(
    library: Library, publish: Publish, connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    publish("bread")
    library.look()
    publish("tea")
    (parts,) = connections.commands.execute(("KEYS", f"{HASH}:*:0"))
    for part in parts:
        connections.commands.execute(("SET", part, "junk"))
    with caplog.at_level(logging.WARNING):
        library.look()
        library.look()
    assert titles(library, "bread?") == ["bread"]
    assert len(caplog.records) == 1


def test_an_edition_that_is_whole_again_is_taken_after_a_while(
    library: Library, publish: Publish, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("tea")
    (key,) = (key for (keys,) in [connections.commands.execute(("KEYS", f"{HASH}:*:0"))] for key in keys)
    whole, _ = connections.commands.execute(("GET", key), ("SET", key, "junk"))
    library.look()
    connections.commands.execute(("SET", key, whole))
    library.look()
    assert library.index is None
    monkeypatch.setattr("chatsse.knowledge.library.monotonic", lambda: time.monotonic() + RETRY_S)
    library.look()
    assert titles(library, "tea?") == ["tea"]


def test_an_edition_of_another_format_leaves_the_old_one_in_use(
    library: Library, publish: Publish, editions: Editions, tmp_path: Path
) -> None:
    publish("bread")
    library.look()
    (tmp_path / "other").write_bytes(b"SQLite format 99" + bytes(1000))
    with editions.lock() as lock:
        editions.publish(tmp_path / "other", "", lock)
    library.look()
    assert titles(library, "bread?") == ["bread"]


def test_where_redis_has_lost_the_index_a_process_that_has_it_brings_it_back(
    library: Library, publish: Publish, editions: Editions, connections: Connections
) -> None:
    publish("bread")
    library.look()
    before = editions.state()
    connections.commands.execute(("FLUSHDB",))
    library.look()
    assert editions.state() == before
    other = Library(editions, is_expected=True)
    other.look()
    assert titles(other, "bread?") == ["bread"]


def test_what_a_process_has_from_elsewhere_is_not_brought_to_redis(
    publish: Publish, editions: Editions, library: Library
) -> None:
    publish("bread")
    library.look()
    own = library.index
    sample = Library(editions, is_expected=False, index=own)
    connections = editions._commands
    connections.execute(("FLUSHDB",))
    sample.look()
    assert editions.state().version == ""


def test_an_index_that_is_in_use_does_not_expire(
    library: Library, publish: Publish, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("bread")
    library.look()
    (keys,) = connections.commands.execute(("KEYS", f"{HASH}*"))
    connections.commands.execute(*(("EXPIRE", key, 1000) for key in keys))
    monkeypatch.setattr("chatsse.knowledge.library.monotonic", lambda: time.monotonic() + RENEW_S)
    library.look()
    assert all(ttl > 1000 for ttl in connections.commands.execute(*(("TTL", key) for key in keys)))


def test_an_index_that_was_replaced_is_let_go(library: Library, publish: Publish) -> None:
    publish("bread")
    library.look()
    old = library.index
    publish("tea")
    library.look()
    assert old
    with pytest.raises(sqlite3.ProgrammingError):
        old.search("bread")


def test_a_question_waits_for_the_first_edition(
    library: Library, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatsse.knowledge.library.WAIT_S", 0)
    assert library.wait() is None
    publish("bread")
    library.look()
    assert isinstance(library.wait(), Index)


def test_a_question_that_is_there_before_the_first_look_waits_for_it(
    library: Library, publish: Publish, editions: Editions
) -> None:
    publish("sample")
    library.look()
    publish("bread")
    started = Library(editions, is_expected=False, index=library.index)
    started.start()
    started.wait()
    assert titles(started, "bread?") == ["bread"]
    started.stop()


def test_an_index_that_somebody_made_by_hand_is_content_too(editions: Editions, publish: Publish) -> None:
    library = Library(editions, is_expected=False)
    assert not library.has_content
    publish("bread")
    library.look()
    assert library.has_content
