"""The index on its way through Redis."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatsse.connections import Connections
from chatsse.errors import IndexBusy, RedisAway
from chatsse.knowledge.editions import (
    BY_OWNER,
    PART_BYTES,
    TTL_S,
    UNUSED_TTL_S,
    Editions,
    State,
)
from chatsse.knowledge.lock import HASH, LOCK, LOCK_TTL_S, WANTED, Lock


@pytest.fixture
def editions(connections: Connections) -> Editions:
    return Editions(connections.commands)


@pytest.fixture
def lock(editions: Editions) -> Iterator[Lock]:
    with editions.lock() as lock:
        yield lock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that takes several parts, for nothing in it can be compressed."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2 * PART_BYTES + 1000))
    return path


def execute(connections: Connections, *words: str | int) -> object:
    (reply,) = connections.commands.execute(words)
    return reply


def ttl_s(connections: Connections, key: str) -> int:
    (ttl,) = connections.commands.execute(("TTL", key))
    return int(ttl)


def parts(state: State) -> list[str]:
    return [f"{HASH}:{state.version}:{n}" for n in range(state.parts)]


def fetched(editions: Editions, path: Path) -> bytes:
    assert editions.fetch(editions.state(), path)
    return path.read_bytes()


def test_what_is_published_is_fetched_as_it_was(
    editions: Editions, lock: Lock, file: Path, tmp_path: Path
) -> None:
    assert editions.publish(file, "https://blog.example/", lock)
    assert editions.state().parts == 3
    assert editions.state().content == "https://blog.example/"
    assert fetched(editions, tmp_path / "copy") == file.read_bytes()


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, 40 * PART_BYTES])
def test_files_of_any_size_make_the_journey(
    editions: Editions, lock: Lock, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\0" * size)
    assert editions.publish(file, "", lock)
    assert fetched(editions, tmp_path / "copy") == file.read_bytes()


def test_before_anything_is_published_there_is_no_version(editions: Editions) -> None:
    assert editions.state() == State("", 0, 0, "", 0, is_wanted=False)


def test_everything_expires(editions: Editions, connections: Connections, lock: Lock, file: Path) -> None:
    editions.publish(file, "", lock)
    for key in (HASH, *parts(editions.state())):
        assert TTL_S - 60 < ttl_s(connections, key) <= TTL_S
    assert 0 < ttl_s(connections, LOCK) <= LOCK_TTL_S


def test_a_new_edition_takes_the_place_of_the_old_and_lets_it_expire(
    editions: Editions, connections: Connections, lock: Lock, file: Path, tmp_path: Path
) -> None:
    editions.publish(file, "", lock)
    old = editions.state()
    file.write_bytes(b"new")
    editions.publish(file, "", lock)
    assert editions.state().version != old.version
    assert fetched(editions, tmp_path / "copy") == b"new"
    assert all(0 < ttl_s(connections, key) <= UNUSED_TTL_S for key in parts(old))
    # Who was just loading it can go on.
    assert editions.fetch(old, tmp_path / "late")


def test_who_dies_on_the_way_leaves_the_old_edition_and_parts_that_expire(
    editions: Editions, connections: Connections, lock: Lock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editions.publish(file, "", lock)
    old = editions.state()
    before = set(parts(old))
    sets = 0

    def dying(*commands: tuple[str | bytes | int, ...]) -> list[object]:
        nonlocal sets
        sets += commands[0][0] == "SET"
        if sets > 1:
            raise RedisAway
        return execute(*commands)

    execute = connections.commands.execute
    monkeypatch.setattr(connections.commands, "execute", dying)
    with pytest.raises(RedisAway):
        editions.publish(file, "", lock)
    monkeypatch.undo()
    assert editions.state() == old
    (keys,) = connections.commands.execute(("KEYS", f"{HASH}:*:[0-9]"))
    (left,) = {key.decode() for key in keys} - before
    assert 0 < ttl_s(connections, left) <= UNUSED_TTL_S


def test_one_reads_the_blog_at_a_time(
    editions: Editions, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatsse.knowledge.lock.WAIT_S", 0)
    with pytest.raises(IndexBusy), editions.lock():
        pytest.fail("two have it")


def test_the_lock_of_a_dead_process_is_waited_for(editions: Editions, connections: Connections) -> None:
    execute(connections, "SET", LOCK, "a dead one's", "PX", 300)
    with editions.lock() as lock:
        assert execute(connections, "GET", LOCK) == lock.word.encode()


def test_the_lock_is_free_when_its_holder_is_done(editions: Editions, connections: Connections) -> None:
    for _ in range(2):
        with editions.lock():
            pass
    assert execute(connections, "GET", LOCK) is None


def test_who_lost_the_lock_publishes_nothing(
    editions: Editions, connections: Connections, lock: Lock, file: Path
) -> None:
    execute(connections, "SET", LOCK, "another's", "EX", 60)
    assert not editions.publish(file, "", lock)
    assert editions.state().version == ""
    lock.release()
    assert execute(connections, "GET", LOCK) == b"another's"


def test_a_kept_lock_does_not_run_out(connections: Connections, lock: Lock) -> None:
    execute(connections, "EXPIRE", LOCK, 5)
    lock.renew()
    assert ttl_s(connections, LOCK) > LOCK_TTL_S - 5


def test_an_edition_with_a_part_missing_is_not_fetched(
    editions: Editions, connections: Connections, lock: Lock, file: Path, tmp_path: Path
) -> None:
    editions.publish(file, "", lock)
    execute(connections, "DEL", parts(editions.state())[1])
    assert not editions.fetch(editions.state(), tmp_path / "copy")


def test_an_edition_with_the_wrong_bytes_is_not_fetched(
    editions: Editions, connections: Connections, lock: Lock, file: Path, tmp_path: Path
) -> None:
    editions.publish(file, "", lock)
    execute(connections, "SET", parts(editions.state())[0], "junk")
    with pytest.raises(zlib.error):
        editions.fetch(editions.state(), tmp_path / "copy")


def test_what_redis_lost_is_restored_under_its_name(
    editions: Editions, connections: Connections, lock: Lock, file: Path, tmp_path: Path
) -> None:
    editions.publish(file, "a", lock)
    state = editions.state()
    execute(connections, "FLUSHDB")
    assert editions.restore(file, state)
    assert editions.state() == state
    assert fetched(editions, tmp_path / "copy") == file.read_bytes()


def test_nothing_is_restored_over_an_edition_that_is_in_use(
    editions: Editions, lock: Lock, file: Path
) -> None:
    editions.publish(file, "a", lock)
    old = editions.state()
    editions.publish(file, "b", lock)
    assert not editions.restore(file, old)
    assert editions.state().content == "b"


def test_a_note_of_a_check_is_no_edition(editions: Editions, lock: Lock, file: Path) -> None:
    assert editions.checked("a", lock)
    assert editions.state().content == "a"
    assert editions.state().version == ""
    assert editions.restore(file, State("version", 1, 1, "a", 0, is_wanted=False))


def test_what_is_wanted_is_wanted_until_somebody_has_done_it(
    editions: Editions, connections: Connections, file: Path
) -> None:
    assert editions.take_turn(BY_OWNER)
    assert not editions.take_turn(BY_OWNER)
    editions.want()
    assert editions.take_turn(BY_OWNER)
    with editions.lock():
        pass
    # Whoever began with it was killed.
    assert editions.state().is_wanted
    with editions.lock() as lock:
        assert editions.publish(file, "", lock)
        assert not editions.state().is_wanted
        editions.want()
        # It may have come too late for the reading that was under way.
        assert editions.checked("", lock)
    assert editions.state().is_wanted
    assert ttl_s(connections, WANTED) > 0
    assert editions.take_turn(BY_OWNER)


def test_a_turn_is_somebodys_once_a_while_for_each_content(
    editions: Editions, lock: Lock, file: Path
) -> None:
    assert editions.take_turn("a")
    assert not editions.take_turn("a")
    assert editions.take_turn("b")
    editions.publish(file, "a", lock)
    assert editions.take_turn("a")
    assert not editions.take_turn("b")


def test_who_lost_the_lock_notes_nothing(editions: Editions, connections: Connections, lock: Lock) -> None:
    execute(connections, "SET", LOCK, "another's", "EX", 60)
    assert not editions.checked("a", lock)
    assert editions.state().content == ""


def test_what_a_full_redis_could_not_take_whole_leaves_room_for_questions(
    editions: Editions, connections: Connections, lock: Lock, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(os.urandom(40 * PART_BYTES))
    info = execute(connections, "INFO", "memory")
    assert isinstance(info, bytes)
    (used,) = (int(line[12:]) for line in info.decode().splitlines() if line.startswith("used_memory:"))
    try:
        execute(connections, "CONFIG", "SET", "maxmemory", used + 8 * PART_BYTES)
        with pytest.raises(RedisAway):
            editions.publish(tmp_path / "large", "", lock)
        execute(connections, "SET", "chatsse:{q}", "a question", "EX", 60)
    finally:
        execute(connections, "CONFIG", "SET", "maxmemory", 0)
    assert execute(connections, "KEYS", f"{HASH}:*:[0-9]*") == []
