"""Readers and askers that are slow, silent, rude or gone: what they are told, and that they are let go."""

import os
import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import gevent
import gevent.socket
import pytest
from client import TIMEOUT_S, Reader, ask, call
from processes import DEADLINE_S, App, Redis, until
from standin import StandIn, Wait

from chatsse import sockets
from chatsse.journal import log_key
from chatsse.sockets import SEND_BUFFER_BYTES, VANISHED_S, Client, bound

# The one of impatient.py.
RECEIVE_S = 1
# More than the kernel keeps for both ends.
ENDLESS = 12_000_000
# Two ends of a link, from the network that is kept for tests of devices.
HERE, AWAY = "198.18.77.1", "198.18.77.2"
ABORT = struct.pack("ii", 1, 0)
HOST = "Host: blog.example\r\n"
POST = f"POST /chat HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"


class Impatient(App):
    """chatsse with deadlines of a second."""

    def __init__(self, redis_url: str, model_url: str | None, directory: Path) -> None:
        super().__init__(redis_url, model_url, directory)
        self._command += ["--config", str(Path(__file__).with_name("impatient.py"))]


@pytest.fixture(scope="module")
def impatient(redis: Redis, model: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with Impatient(redis.url(1), model.url, tmp_path_factory.mktemp("impatient")) as app:
        yield app


@pytest.fixture(autouse=True)
def no_traceback(impatient: App) -> Iterator[None]:
    """What clients do is no news for the owner."""
    yield
    log = impatient.log.read_text()
    assert "Traceback" not in log
    assert not re.search(r"\[(ERROR|CRITICAL)\]", log)


def connect(app: App) -> socket.socket:
    return socket.create_connection(("127.0.0.1", app.port), timeout=TIMEOUT_S)


def rest(sock: socket.socket) -> bytes:
    """Return all that still comes; a reset counts as an end."""
    received = b""
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def until_seen(sock: socket.socket, end: bytes) -> bytes:
    """Return what comes until `end` is among it."""
    received = b""
    while end not in received:
        data = sock.recv(65536)
        assert data, received
        received += data
    return received


def head_of(sock: socket.socket) -> bytes:
    return until_seen(sock, b"\r\n\r\n")


def trickle(sock: socket.socket, data: bytes) -> None:
    """Send byte by byte, never long silent, for as long as there is somebody to take it."""
    try:
        for byte in data:
            sock.sendall(bytes([byte]))
            time.sleep(RECEIVE_S / 10)
    except OSError:
        pass


def outwait(app: App) -> None:
    """Wait for longer than the app waits for a request: until it has let go of one who never sends any."""
    with connect(app) as silent:
        assert rest(silent) == b""


def subscribers(app: App, redis: Redis, asked: dict[str, str]) -> int:
    return int(redis.ask("PUBSUB", "NUMSUB", log_key(asked["id"])).split()[-1].lstrip(b":"))


def test_a_body_that_trickles_in_is_given_up_with_a_word(impatient: App) -> None:
    with connect(impatient) as sock:
        sock.sendall(f"{POST}Content-Length: 500\r\n\r\n".encode())
        sender = threading.Thread(target=trickle, args=(sock, b'{"prompt": "' + b"x" * 400))
        sender.start()
        reply = rest(sock)
        sender.join()
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in reply


@pytest.mark.parametrize("head", ["", f"GET /healthz HTTP/1.1\r\n{HOST}X-Slow: {'x' * 400}"])
def test_a_head_that_trickles_in_or_never_comes_is_given_up(impatient: App, head: str) -> None:
    with connect(impatient) as sock:
        sender = threading.Thread(target=trickle, args=(sock, head.encode()))
        sender.start()
        assert rest(sock) == b""
        sender.join()


def test_a_client_may_be_silent_between_requests_for_longer_than_a_request_may_take(impatient: App) -> None:
    with connect(impatient) as sock:
        for _ in range(3):
            sock.sendall(f"HEAD /healthz HTTP/1.1\r\n{HOST}\r\n".encode())
            assert head_of(sock).startswith(b"HTTP/1.1 200 ")
            outwait(impatient)


def test_a_response_may_take_longer_than_a_request_and_another_may_follow(
    impatient: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate), "b"])
    stream = ask(impatient.url, word)["stream"]
    with connect(impatient) as sock:
        sock.sendall(f"GET {stream} HTTP/1.1\r\n{HOST}\r\n".encode())
        head_of(sock)
        outwait(impatient)
        gate.set()
        assert b"event: done" in until_seen(sock, b"\r\n0\r\n\r\n")
        sock.sendall(f"HEAD /healthz HTTP/1.1\r\n{HOST}\r\n".encode())
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")


def test_many_slow_senders_keep_nobody_from_being_served(impatient: App) -> None:
    slow = [connect(impatient) for _ in range(300)]
    for n, sock in enumerate(slow):
        sock.sendall((f"{POST}Content-Length: 99\r\n\r\n{{" if n % 2 else "GET /heal").encode())
    assert call("GET", f"{impatient.url}/readyz").status == 200
    for sock in slow:
        rest(sock)
        sock.close()


def with_files(app: App, limit: str) -> App:
    """Return the app, to be started with a limit of open files that `ulimit` sets."""
    app._command = ["bash", "-c", f'ulimit {limit}; exec "$@"', "bash", *app._command]
    return app


def test_more_clients_are_served_than_the_host_has_files_open_for_by_default(
    redis: Redis, tmp_path: Path
) -> None:
    # A patient one: the last of them has waited for all the others when it asks.
    with with_files(App(redis.url(1), None, tmp_path), "-S -n 200") as app:
        clients = [connect(app) for _ in range(300)]
        for sock in clients:
            sock.sendall(f"HEAD /readyz HTTP/1.1\r\n{HOST}\r\n".encode())
            assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        for sock in clients:
            sock.close()


def test_more_clients_than_a_process_may_have_files_open_for_wait_their_turn(
    redis: Redis, tmp_path: Path
) -> None:
    with with_files(Impatient(redis.url(1), None, tmp_path), "-n 200") as app:
        slow = [connect(app) for _ in range(300)]
        for sock in slow:
            sock.sendall(b"GET /heal")
        assert call("GET", f"{app.url}/readyz").status == 200
        for sock in slow:
            sock.close()
    assert "Traceback" not in app.log.read_text()


def test_a_body_beyond_the_limit_is_refused_in_words_however_fast_it_comes(app: App) -> None:
    with connect(app) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        body = b"x" * 900_000
        sock.sendall(f"{POST}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert b'"code":"body_too_large"' in rest(sock)


def test_a_body_without_end_is_not_taken(impatient: App) -> None:
    with connect(impatient) as sock:
        sock.sendall(f"{POST}Content-Length: {ENDLESS}\r\n\r\n".encode())
        sent = 0
        with suppress(ConnectionResetError, BrokenPipeError):
            while sent < ENDLESS:
                sent += sock.send(b"x" * 65536)
        assert sent < ENDLESS
    assert call("GET", f"{impatient.url}/healthz").status == 200


def test_a_little_body_that_nobody_wanted_does_not_end_the_connection(impatient: App) -> None:
    with connect(impatient) as sock:
        for _ in range(2):
            sock.sendall(f"POST /nowhere HTTP/1.1\r\n{HOST}Content-Length: 1000\r\n\r\n{'x' * 1000}".encode())
            assert b" 404 " in until_seen(sock, b"}}\n")


def test_a_body_is_asked_for_where_its_sender_waits_to_be_asked(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    body = b'{"prompt": "%s"}' % word.encode()
    with connect(app) as sock:
        sock.sendall(f"{POST}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert head_of(sock) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert head_of(sock).startswith(b"HTTP/1.1 201 ")


def test_garbage_behind_a_request_is_refused_after_its_answer(impatient: App) -> None:
    with connect(impatient) as sock:
        sock.sendall(f"GET /healthz HTTP/1.1\r\n{HOST}\r\n".encode() + b"\0\xff{}\r\n\r\n")
        replies = re.findall(rb"HTTP/1\.1 (\d+) ", rest(sock))
    assert replies == [b"200", b"400"]


@pytest.mark.parametrize("body", ["not a size\r\n", "5\r\nhelloworld", "0\r\nX: y\nZ\r\n\r\n", "f" * 9999])
def test_a_body_in_broken_chunks_is_a_bad_request(impatient: App, body: str) -> None:
    with connect(impatient) as sock:
        sock.sendall(f"{POST}Transfer-Encoding: chunked\r\n\r\n{body}".encode())
        reply = rest(sock)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bad_request"' in reply


def test_a_client_that_has_nothing_more_to_say_still_gets_its_stream(
    impatient: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate), "b"])
    stream = ask(impatient.url, word)["stream"]
    with connect(impatient) as sock:
        sock.sendall(f"GET {stream} HTTP/1.1\r\n{HOST}\r\n".encode())
        sock.shutdown(socket.SHUT_WR)
        assert b"200 OK" in head_of(sock)
        gate.set()
        assert b"event: done" in rest(sock)


def test_a_reader_that_resets_its_connection_is_forgotten_with_the_next_word(
    impatient: App, redis: Redis, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate), "b"])
    asked = ask(impatient.url, word)
    with connect(impatient) as sock:
        sock.sendall(f"GET {asked['stream']} HTTP/1.1\r\n{HOST}\r\n".encode())
        head_of(sock)
        assert subscribers(impatient, redis, asked) == 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    until(lambda: subscribers(impatient, redis, asked) == 0, "the reader is gone")


def test_a_reader_that_never_reads_is_let_go_and_can_go_on_later(
    impatient: App, redis: Redis, model: StandIn, word: str, gate: threading.Event
) -> None:
    tokens = [f"{n}{'x' * 1000} " for n in range(1000)]
    model.answer(word, ["first ", *tokens, Wait(gate), "last"])
    asked = ask(impatient.url, word)
    reader = Reader(impatient.url + asked["stream"]).read(until="status")
    until(lambda: subscribers(impatient, redis, asked) == 0, "the first reader is gone")
    before = subscribed(redis)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", impatient.port))
        lazy.sendall(f"GET {asked['stream']} HTTP/1.1\r\n{HOST}\r\n".encode())
        until(lambda: subscribed(redis) > before, "subscribed")
        until(lambda: subscribers(impatient, redis, asked) == 0, "let go")
    gate.set()
    assert reader.read().text == "".join(["first ", *tokens, "last"])


@pytest.fixture
def away() -> Iterator[str]:
    """A machine of its own: the name of a network namespace, linked to this one."""
    name = f"away{uuid4().hex[:8]}"
    try:
        ip("netns", "add", name)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs iproute2, and leave to make a network: {error}")
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
        ip("addr", "add", f"{HERE}/30", "dev", name)
        ip("link", "set", name, "up")
        ip("-n", name, "addr", "add", f"{AWAY}/30", "dev", "far")
        ip("-n", name, "link", "set", "far", "up")
        yield name
        # The namespace itself stays for as long as its connections do.
        ip("link", "delete", name)
    finally:
        ip("netns", "delete", name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=DEADLINE_S)


def test_a_reader_that_vanishes_without_a_word_is_forgotten(
    impatient: App, redis: Redis, model: StandIn, word: str, gate: threading.Event, away: str, tmp_path: Path
) -> None:
    model.answer(word, ["a", Wait(gate), "b"])
    asked = ask(impatient.url, word)
    heard = tmp_path / "heard"
    with heard.open("wb") as out:
        url = f"http://{HERE}:{impatient.port}{asked['stream']}"
        reader = subprocess.Popen(["ip", "netns", "exec", away, "curl", "-sN", url], stdout=out)
    try:
        until(lambda: b"token" in heard.read_bytes(), "the reader reads")
        assert subscribers(impatient, redis, asked) == 1
        ip("-n", away, "link", "set", "far", "down")
        until(lambda: subscribers(impatient, redis, asked) == 0, "the reader is gone")
    finally:
        reader.kill()
        reader.wait()
    gate.set()
    assert Reader(impatient.url + asked["stream"]).read().text == "ab"


def test_connections_inherit_what_bounds_them() -> None:
    with gevent.socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        bound(listener)
        listener.listen()
        with socket.create_connection(listener.getsockname()), Client(listener.accept()[0]) as client:
            # The kernel doubles it.
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER_BYTES
            user_timeout_ms = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert user_timeout_ms == 1000 * VANISHED_S


def test_a_write_that_nobody_takes_ends_and_one_that_is_taken_slowly_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not over TCP: there the kernel would see to it.
    send_s = 2
    monkeypatch.setattr(sockets, "SEND_S", send_s)
    ours, theirs = gevent.socket.socketpair()
    with Client(ours) as client, theirs:
        data = os.urandom(20_000_000)
        sending = gevent.spawn(client.sendall, data)
        received = b""
        slow_until = time.monotonic() + 1.5 * send_s
        while time.monotonic() < slow_until:
            gevent.sleep(send_s / 20)
            received += theirs.recv(100_000)
            assert not sending.ready()
        with pytest.raises(ConnectionResetError):
            sending.get(timeout=DEADLINE_S)
        assert data.startswith(received)


def test_a_crowd_that_is_cut_at_once_comes_back_at_once_and_misses_nothing(
    app: App, redis: Redis, model: StandIn, word: str
) -> None:
    tokens = [f"{n} " for n in range(100)]
    gates = [threading.Event() for _ in range(5)]
    asked = []
    for n, gate in enumerate(gates):
        model.answer(f"{word} {n}", [*tokens, Wait(gate), *tokens])
        asked.append(ask(app.url, f"{word} {n}"))
    so_far = "".join(tokens)
    readers = [Reader(app.url + where["stream"]) for where in asked for _ in range(100)]
    gevent.joinall([gevent.spawn(reader.read, until=so_far) for reader in readers], raise_error=True)
    before = subscribed(redis)
    for reader in readers:
        reader.status = 0
    back = [gevent.spawn(reader.read) for reader in readers]
    until(lambda: all(reader.status == 200 for reader in readers), "all are back")
    until(lambda: 1 <= len(redis.clients(0)) <= 4, "four connections at most")
    for gate in gates:
        gate.set()
    gevent.joinall(back, raise_error=True)
    assert {reader.text for reader in readers} == {2 * so_far}
    assert subscribed(redis) == before


def subscribed(redis: Redis) -> int:
    """Return how often anybody has ever subscribed to anything."""
    calls = re.search(rb"cmdstat_subscribe:calls=(\d+)", redis.ask("INFO", "commandstats"))
    assert calls
    return int(calls[1])
