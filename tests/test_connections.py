"""The connections to Redis: shared by all, lost and made again, with and without TLS."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer
from hiredis import ReplyError
from processes import Redis, TlsRedis, free_port, until

from chatsse import connections as connections_module
from chatsse.connections import TIMEOUT_S, Connections
from chatsse.errors import ConfigError, RedisAway

WAIT_S = 30
# Longer than a command may take: what blocks ends by what the test does.
BLOCK_S = 60


@pytest.fixture
def kind(request: pytest.FixtureRequest, redis: Redis) -> str:
    """What `Redis` calls the server that the test is run on."""
    kind: str = request.node.callspec.params["redis"]
    return kind


@pytest.fixture
def others(redis_url: str) -> Iterator[Connections]:
    """Connections of somebody else."""
    others = Connections(redis_url)
    yield others
    others.close()


def echo(connections: Connections, *words: str) -> list[Any]:
    return connections.commands.execute(*(("ECHO", word) for word in words))


def is_blocked(others: Connections, client: int) -> bool:
    (line,) = others.commands.execute(("CLIENT", "LIST", "ID", client))
    return b"cmd=blpop" in line and b"flags=b" in line


def let_run() -> None:
    """Let the other greenlets run until all of them wait for something from outside."""
    for _ in range(5):
        gevent.sleep(0)


def wait_for_all(greenlets: list["gevent.Greenlet[..., Any]"]) -> list[Any]:
    gevent.joinall(greenlets, timeout=WAIT_S, raise_error=True)
    return [greenlet.get(block=False) for greenlet in greenlets]


def test_replies_go_to_those_who_asked(connections: Connections) -> None:
    def ask_often(name: str) -> None:
        for n in range(20):
            words = [f"{name} {n} {m}" for m in range(n % 4)]
            assert echo(connections, *words) == [word.encode() for word in words]

    wait_for_all([gevent.spawn(ask_often, f"reader {n}") for n in range(200)])


def test_all_greenlets_share_one_connection(connections: Connections) -> None:
    asking = [gevent.spawn(connections.commands.execute, ("CLIENT", "ID")) for _ in range(200)]
    assert len({client for (client,) in wait_for_all(asking)}) == 1


def test_an_error_is_told_only_to_whoever_caused_it(connections: Connections) -> None:
    connections.commands.execute(("SET", "text", "x", "EX", 60))

    def ask_wrongly() -> None:
        with pytest.raises(RedisAway) as raised:
            connections.commands.execute(("ECHO", "before"), ("LPUSH", "text", "x"), ("ECHO", "after"))
        assert isinstance(raised.value.__cause__, ReplyError)

    right = [(gevent.spawn(echo, connections, str(n)), gevent.spawn(ask_wrongly)) for n in range(50)]
    wait_for_all([wrong for _, wrong in right])
    assert wait_for_all([asking for asking, _ in right]) == [[str(n).encode()] for n in range(50)]


def test_a_line_that_is_closed_fails_what_waits_for_it(connections: Connections) -> None:
    blocked = gevent.spawn(connections.commands.execute, ("XREAD", "BLOCK", 0, "STREAMS", "nothing", "$"))
    let_run()
    waiting = gevent.spawn(connections.commands.execute, ("PING",))
    let_run()
    connections.commands.close()
    for each in (blocked, waiting):
        with pytest.raises(RedisAway):
            each.get(timeout=WAIT_S)


@pytest.mark.parametrize("options", ["ssl_cert_reqs=none", "db=abc", "nonsense=1"])
def test_options_that_can_not_be_used_are_named(options: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL"):
        Connections(f"redis://127.0.0.1/0?{options}")


def test_a_line_returns_errors_among_the_replies(connections: Connections) -> None:
    first, error, last = connections.work.round_trip([("ECHO", "a"), ("NO SUCH COMMAND",), ("ECHO", "b")])
    assert (first, last) == (b"a", b"b")
    assert isinstance(error, ReplyError)


def test_what_is_asked_on_a_lost_connection_is_asked_again(
    connections: Connections, others: Connections
) -> None:
    (lost,) = connections.commands.execute(("CLIENT", "ID"))
    others.commands.execute(("CLIENT", "KILL", "ID", lost))
    reply, again = connections.commands.execute(("ECHO", "a"), ("CLIENT", "ID"))
    assert reply == b"a"
    assert again != lost


def test_a_line_that_was_lost_says_so_and_is_made_again(
    connections: Connections, others: Connections
) -> None:
    (lost,) = connections.appends.round_trip([("CLIENT", "ID")])
    others.commands.execute(("CLIENT", "KILL", "ID", lost))
    with pytest.raises(RedisAway):
        connections.appends.round_trip([("ECHO", "a")])
    assert connections.appends.round_trip([("ECHO", "b")]) == [b"b"]


def test_who_is_lost_while_waiting_with_others_is_asked_again_for_all(
    connections: Connections, others: Connections
) -> None:
    (client,) = connections.commands.execute(("CLIENT", "ID"))
    waiting = [gevent.spawn(connections.commands.execute, ("BLPOP", "list", BLOCK_S), ("ECHO", "first"))]
    waiting += [gevent.spawn(echo, connections, str(n)) for n in range(20)]
    until(lambda: is_blocked(others, client), "the connection waits")
    others.commands.execute(("CLIENT", "KILL", "ID", client))
    others.commands.execute(("RPUSH", "list", "x"), ("EXPIRE", "list", 60))
    first, *rest = wait_for_all(waiting)
    assert first == [[b"list", b"x"], b"first"]
    assert rest == [[str(n).encode()] for n in range(20)]


def test_one_who_is_killed_while_waiting_does_not_shift_the_others_replies(
    connections: Connections, others: Connections
) -> None:
    (client,) = connections.commands.execute(("CLIENT", "ID"))
    killed = gevent.spawn(connections.commands.execute, ("BLPOP", "list", BLOCK_S))
    until(lambda: is_blocked(others, client), "the connection waits")
    waiting = [gevent.spawn(echo, connections, str(n)) for n in range(20)]
    gevent.idle()
    waiting[7].kill()
    killed.kill()
    others.commands.execute(("RPUSH", "list", "x"), ("EXPIRE", "list", 60))
    del waiting[7]
    assert wait_for_all(waiting) == [[str(n).encode()] for n in range(20) if n != 7]
    assert echo(connections, "after") == [b"after"]


def test_a_line_whose_greenlet_is_killed_does_not_give_its_reply_to_the_next(
    connections: Connections, others: Connections
) -> None:
    (client,) = connections.work.round_trip([("CLIENT", "ID")])
    killed = gevent.spawn(connections.work.round_trip, [("BLPOP", "list", BLOCK_S)])
    until(lambda: is_blocked(others, client), "the connection waits")
    killed.kill()
    others.commands.execute(("RPUSH", "list", "x"), ("EXPIRE", "list", 60))
    assert connections.work.round_trip([("ECHO", "mine")]) == [b"mine"]


def test_a_server_that_is_away_is_found_when_it_is_back(kind: str, tmp_path: Path) -> None:
    with Redis(kind, tmp_path) as server:
        connections = Connections(server.url(0))
        asks: list[Callable[[], list[Any]]] = [
            lambda: connections.commands.execute(("ECHO", "a")),
            lambda: connections.work.round_trip([("ECHO", "a")]),
        ]
        for ask_again in asks:
            assert ask_again() == [b"a"]
        server.kill()
        for ask_again in asks * 2:
            with pytest.raises(RedisAway) as raised:
                ask_again()
            assert raised.value.__cause__
        server.start()
        for ask_again in asks:
            assert ask_again() == [b"a"]
        connections.close()


def test_what_waits_for_a_server_that_dies_is_told(kind: str, tmp_path: Path) -> None:
    with Redis(kind, tmp_path) as server:
        connections, others = Connections(server.url(0)), Connections(server.url(0))
        (client,) = connections.commands.execute(("CLIENT", "ID"))
        waiting = [gevent.spawn(connections.commands.execute, ("BLPOP", "list", BLOCK_S)) for _ in range(3)]
        until(lambda: is_blocked(others, client), "the connection waits")
        server.kill()
        gevent.joinall(waiting, timeout=WAIT_S)
        assert [type(each.exception) for each in waiting] == [RedisAway] * 3
        connections.close()
        others.close()


def test_who_comes_while_redis_hangs_is_told_with_those_who_wait(
    connections: Connections, others: Connections, redis: Redis
) -> None:
    connections.commands.execute(("PING",))
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        first = gevent.spawn(connections.commands.execute, ("SET", "first", 1, "EX", 60))
        let_run()
        second = gevent.spawn(connections.commands.execute, ("SET", "second", 1, "EX", 60))
        first.join(timeout=WAIT_S)
        # Sooner than another timeout.
        second.join(timeout=TIMEOUT_S / 2)
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert [type(each.exception) for each in (first, second)] == [RedisAway] * 2
    # Redis carries out what it had received; the second was not sent at all.
    assert others.commands.execute(("EXISTS", "first"), ("EXISTS", "second")) == [1, 0]


@pytest.mark.parametrize("name", ["commands", "work"])
def test_who_is_told_that_a_server_is_read_only_looks_for_another(
    connections: Connections, others: Connections, redis: Redis, name: str
) -> None:
    ask: dict[str, Callable[[str, str], list[Any]]] = {
        "commands": lambda *words: connections.commands.execute(words),
        "work": lambda *words: connections.work.round_trip([words]),
    }
    (before,) = ask[name]("CLIENT", "ID")
    redis.ask("REPLICAOF", "127.0.0.1", str(free_port()))
    try:
        with suppress(RedisAway):
            ask[name]("SET", "text", "x")
    finally:
        redis.ask("REPLICAOF", "NO", "ONE")
    assert ask[name]("CLIENT", "ID") != [before]


def test_a_peer_that_does_not_get_done_with_its_greeting_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "TIMEOUT_S", 0.5)

    def drip(client: gevent.socket.socket, _: object) -> None:
        with suppress(OSError):
            while True:
                client.sendall(b"+")
                gevent.sleep(0.05)

    server = StreamServer(("127.0.0.1", 0), drip)
    server.start()
    connections = Connections(f"redis://127.0.0.1:{server.server_port}")
    with gevent.Timeout(WAIT_S), pytest.raises(RedisAway):
        connections.commands.execute(("PING",))
    connections.close()
    server.stop(timeout=0)


def test_a_peer_that_does_not_speak_redis_counts_as_away(redis: Redis) -> None:
    def greet(client: gevent.socket.socket, _: object) -> None:
        carried = socket.create_connection(("127.0.0.1", redis.port))
        while request := client.recv(1 << 16):
            carried.sendall(request)
            client.sendall(b"HTTP/1.1 400\r\n" if b"ECHO" in request else carried.recv(1 << 16))

    server = StreamServer(("127.0.0.1", 0), greet)
    server.start()
    connections = Connections(f"redis://127.0.0.1:{server.server_port}")
    with pytest.raises(RedisAway):
        echo(connections, "a")
    connections.close()
    server.stop(timeout=0)


@pytest.fixture
def tls_redis(kind: str, tmp_path: Path) -> Iterator[TlsRedis]:
    server = TlsRedis(kind, tmp_path)
    try:
        server.start()
    except RuntimeError as error:
        if "Failed finding TLS support" not in str(error):
            raise
        pytest.skip(f"{kind} was built without TLS")
    yield server
    server.kill()


def test_a_certificate_that_the_server_signed_itself_will_do(tls_redis: TlsRedis) -> None:
    connections = Connections(tls_redis.url(0))
    assert echo(connections, "Grüße") == ["Grüße".encode()]
    assert connections.work.round_trip([("ECHO", "a")]) == [b"a"]
    connections.close()


def test_an_owner_can_ask_for_a_real_certificate(tls_redis: TlsRedis) -> None:
    connections = Connections(f"{tls_redis.url(0)}?ssl_cert_reqs=required")
    with pytest.raises(RedisAway) as raised:
        echo(connections, "a")
    assert "certificate" in str(raised.value.__cause__).lower()
    connections.close()
