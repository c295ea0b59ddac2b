"""One process's readers: subscribe, catch up, follow, and never a gap."""

import socket

import gevent
import pytest
from processes import DEADLINE_S, Redis, until
from relay import Relay

from chatsse import hub as hub_module
from chatsse import reader as reader_module
from chatsse.connections import Connections
from chatsse.errors import NotFound
from chatsse.event import PING, START, EventId, decode, text_of
from chatsse.hub import Hub
from chatsse.journal import Journal, hash_key, log_key
from chatsse.questions import new_id
from chatsse.reader import Reader
from chatsse.writer import Writer


@pytest.fixture
def answer_id(connections: Connections) -> str:
    answer_id = new_id()
    connections.commands.execute(("HSET", hash_key(answer_id), "prompt", "?"))
    return answer_id


@pytest.fixture
def writer(journal: Journal, answer_id: str) -> Writer:
    return journal.claim(answer_id, 0, lambda: None)


def said(frames: bytes) -> str:
    return text_of(decode(frames))


def rest(reader: Reader) -> str:
    """Return the text of all that comes, up to the end."""
    with gevent.Timeout(DEADLINE_S):
        return said(b"".join(frames for frames in reader if frames != PING))


def finish(writer: Writer) -> None:
    writer.finish("done", {"stop_reason": "end_turn"}, {})
    writer.wait()


def test_a_reader_gets_what_was_said_before_it_came_and_what_is_said_after(
    hub: Hub, writer: Writer, answer_id: str
) -> None:
    writer.token("before ")
    writer.wait()
    reader = hub.read(answer_id, START)
    assert said(reader.catch_up()) == "before "
    writer.token("after")
    finish(writer)
    assert rest(reader) == "after"


def test_a_reader_may_come_before_anybody_answers(hub: Hub, journal: Journal, answer_id: str) -> None:
    reader = hub.read(answer_id, START)
    assert reader.catch_up() == b""
    writer = journal.claim(answer_id, 0, lambda: None)
    writer.token("first")
    finish(writer)
    assert rest(reader) == "first"


def test_a_reader_goes_on_from_its_cursor(hub: Hub, writer: Writer, answer_id: str) -> None:
    for n in range(4):
        writer.token(str(n))
        writer.wait()
    reader = hub.read(answer_id, EventId(1, 2))
    assert said(reader.catch_up()) == "23"
    assert reader.cursor == EventId(1, 4)


def test_all_readers_of_an_answer_hold_the_same_text(hub: Hub, writer: Writer, answer_id: str) -> None:
    readers = [hub.read(answer_id, START) for _ in range(5)]
    texts = [gevent.spawn(rest, reader) for reader in readers]
    for n in range(50):
        writer.token(f"{n} ")
        gevent.sleep(0)
    late = hub.read(answer_id, START)
    texts.append(gevent.spawn(rest, late))
    finish(writer)
    assert {text.get(timeout=DEADLINE_S) for text in texts} == {"".join(f"{n} " for n in range(50))}


def test_a_reader_at_the_end_of_an_ended_log_has_ended(hub: Hub, writer: Writer, answer_id: str) -> None:
    finish(writer)
    reader = hub.read(answer_id, EventId(1, 1))
    assert reader.catch_up() == b""
    assert reader.has_ended


def test_an_end_that_arrives_while_the_log_is_read_is_not_missed(
    hub: Hub, journal: Journal, writer: Writer, answer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = journal.missed

    def end_first(answer_id: str, cursor: EventId) -> object:
        found = missed(answer_id, cursor)
        if not found[0][-1:] or found[0][-1].kind != "done":
            writer.token("late")
            finish(writer)
        return found

    reader = hub.read(answer_id, START)
    monkeypatch.setattr(journal, "missed", end_first)
    assert rest(reader) == "late"


def test_a_message_that_skips_one_has_the_log_read_again(
    hub: Hub, connections: Connections, writer: Writer, answer_id: str
) -> None:
    reader = hub.read(answer_id, START)
    reader.catch_up()
    # Stored, but its message is lost on the way.
    lost = ("XADD", log_key(answer_id), "1-1", "kind", "token", "data", '{"token": "lost "}')
    connections.commands.execute(lost)
    writer.token("lost ")
    writer.wait()
    writer.token("found")
    finish(writer)
    assert rest(reader) == "lost found"


def test_messages_that_are_in_the_range_too_are_given_out_once(
    hub: Hub, writer: Writer, answer_id: str
) -> None:
    first = hub.read(answer_id, START)
    first.catch_up()
    second = hub.read(answer_id, START)
    for n in range(10):
        writer.token(str(n))
        writer.wait()
    until(lambda: second._messages, "the live messages are in")
    finish(writer)
    assert rest(second) == "0123456789"
    assert rest(first) == "0123456789"


def test_a_new_connection_reads_what_was_published_while_there_was_none(
    hub: Hub, connections: Connections, writer: Writer, answer_id: str
) -> None:
    reader = hub.read(answer_id, START)
    reader.catch_up()
    text = gevent.spawn(rest, reader)
    for n in range(10):
        connections.commands.execute(("CLIENT", "KILL", "TYPE", "pubsub"))
        writer.token(str(n))
        writer.wait()
        gevent.sleep(0)
    finish(writer)
    assert text.get(timeout=DEADLINE_S) == "0123456789"


def test_a_connection_that_is_up_but_deaf_is_replaced(
    hub: Hub, connections: Connections, writer: Writer, answer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.1)
    # Not before the test has seen that it is deaf.
    monkeypatch.setattr(hub_module, "DEAF_S", 1000)
    reader = hub.read(answer_id, START)
    reader.catch_up()
    assert hub._wire
    # As if a proxy had lost the subscriptions: the connection answers, and nothing is delivered.
    hub._wire.send(("UNSUBSCRIBE",))
    until(lambda: clients_subscribed(connections, answer_id) == 0, "the connection is deaf")
    monkeypatch.setattr(hub_module, "DEAF_S", 0.5)
    writer.token("heard")
    finish(writer)
    assert rest(reader) == "heard"


def test_a_connection_that_is_never_answered_is_given_up(
    connections: Connections,
    journal: Journal,
    writer: Writer,
    answer_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        lost = Connections(f"redis://127.0.0.1:{black_hole.getsockname()[1]}")
        makers = iter([lost.make])
        hub = Hub(lambda timeout_s: next(makers, connections.make)(timeout_s), connections.commands, journal)
        reader = hub.read(answer_id, START)
        writer.token("heard")
        finish(writer)
        assert rest(reader) == "heard"
        hub.close()


def test_a_reader_that_could_not_catch_up_tries_again_though_nothing_comes(
    redis: Redis, redis_url: str, writer: Writer, answer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "PING_S", 1000)  # A ping would have it look again, too.
    writer.token("said")
    finish(writer)
    with Relay(redis.port) as relay:
        connections = Connections(relay.url(int(redis_url.rpartition("/")[2])))
        hub = Hub(
            connections.make, connections.commands, Journal(connections.commands, connections.appends, 60)
        )
        connections.commands.execute(("ECHO", "alive"))
        assert relay.fall_silent(b"alive")
        assert rest(hub.read(answer_id, START)) == "said"
        hub.close()
        connections.close()


def test_a_reader_that_does_not_read_costs_bounded_memory_and_loses_nothing(
    hub: Hub, writer: Writer, answer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "MAX_WAITING_BYTES", 1000)
    reader = hub.read(answer_id, START)
    reader.catch_up()
    most = 0
    for _ in range(100):
        writer.token("x" * 100)
        writer.wait()
        gevent.sleep(0)
        most = max(most, sum(len(message.frames) for message in reader._messages))
    assert most <= 1000
    finish(writer)
    assert rest(reader) == "x" * 10_000


def test_silence_is_broken_by_pings(
    hub: Hub, writer: Writer, answer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "PING_S", 0)
    monkeypatch.setattr(hub_module, "TICK_S", 0.01)
    reader = hub.read(answer_id, START)
    reader.catch_up()
    with gevent.Timeout(DEADLINE_S):
        assert next(iter(reader)) == PING


def test_readers_end_when_the_process_closes(hub: Hub, writer: Writer, answer_id: str) -> None:
    reader = hub.read(answer_id, START)
    reader.catch_up()
    text = gevent.spawn(rest, reader)
    gevent.sleep(0)
    hub.close()
    assert text.get(timeout=DEADLINE_S) == ""
    assert not reader.has_ended


def test_who_comes_while_the_process_leaves_gets_what_it_missed_and_the_end(
    hub: Hub, writer: Writer, answer_id: str
) -> None:
    writer.token("missed")
    writer.wait()
    hub.drain()
    reader = hub.read(answer_id, START)
    reader.last = b"retry: 1000\n\n"
    assert said(reader.catch_up()) == "missed"
    assert list(reader) == [reader.last]


def test_the_last_reader_that_leaves_takes_the_subscription_along(
    hub: Hub, connections: Connections, answer_id: str
) -> None:
    readers = [hub.read(answer_id, START) for _ in range(2)]
    for reader in readers:
        reader.catch_up()
    assert clients_subscribed(connections, answer_id) == 1
    readers[0].close()
    readers[0].close()
    assert clients_subscribed(connections, answer_id) == 1
    readers[1].close()
    until(lambda: clients_subscribed(connections, answer_id) == 0, "unsubscribed")


def test_an_answer_that_is_not_there_is_not_found(hub: Hub) -> None:
    with pytest.raises(NotFound):
        hub.read(new_id(), START).catch_up()


def test_a_cursor_beyond_the_log_waits_and_ends_with_it(hub: Hub, writer: Writer, answer_id: str) -> None:
    reader = hub.read(answer_id, EventId(7, 7))
    assert reader.catch_up() == b""
    text = gevent.spawn(rest, reader)
    writer.token("said")
    finish(writer)
    assert text.get(timeout=DEADLINE_S) == ""


def test_thousands_of_readers_share_one_connection(
    hub: Hub, connections: Connections, writer: Writer
) -> None:
    before = len(pubsub_clients(connections))
    readers = [hub.read(new_id(), START) for _ in range(2000)]
    until(lambda: all(channel.is_open.is_set() for channel in hub._channels.values()), "all subscribed")
    assert len(pubsub_clients(connections)) <= before + 1
    for reader in readers:
        reader.close()


def clients_subscribed(connections: Connections, answer_id: str) -> int:
    (reply,) = connections.commands.execute(("PUBSUB", "NUMSUB", log_key(answer_id)))
    count: int = reply[1]
    return count


def pubsub_clients(connections: Connections) -> list[bytes]:
    (clients,) = connections.commands.execute(("CLIENT", "LIST", "TYPE", "pubsub"))
    lines: list[bytes] = clients.splitlines()
    return lines
