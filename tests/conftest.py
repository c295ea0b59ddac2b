"""What the tests share: real servers, started once, and a database of its own for each test."""

from gevent import monkey

monkey.patch_all()

import itertools
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import gevent
import pytest
from processes import App, Redis
from standin import StandIn

from chatsse.connections import Connections
from chatsse.hub import Hub
from chatsse.journal import Journal
from chatsse.questions import Questions
from chatsse.work import Work

SERVERS = ("valkey", "redis-server")
_databases = itertools.count(1)


@pytest.fixture(scope="session", params=SERVERS)
def redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server of its own; the embedded Valkey, and Redis where the machine has one."""
    if request.param == "redis-server" and not shutil.which("redis-server"):
        pytest.skip("no redis-server on the PATH")
    with Redis(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """An end to a test that pings, or a server that does not answer, would keep waiting for ever."""
    with gevent.Timeout(600):
        yield


@pytest.fixture
def busy_deadline() -> Iterator[None]:
    """An end to what keeps the processor busy for ever, which gevent's deadline can't come between."""

    def end(*_: object) -> None:
        raise TimeoutError("kept busy")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to start in: words for content are paths as an owner writes them."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def word() -> str:
    """A word that no other prompt has."""
    return uuid4().hex


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What an answer waits for; open at the latest when the test ends."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def redis_url(redis: Redis) -> str:
    """The address of an empty database."""
    return redis.url(next(_databases))


@pytest.fixture
def connections(redis_url: str) -> Iterator[Connections]:
    connections = Connections(redis_url)
    yield connections
    connections.close()


@pytest.fixture
def journal(connections: Connections) -> Journal:
    return Journal(connections.commands, connections.appends, stream_ttl_s=3600)


@pytest.fixture
def work(connections: Connections) -> Work:
    return Work(connections.commands, connections.work, lease_s=3, ttl_s=3600)


@pytest.fixture
def questions(connections: Connections, journal: Journal, work: Work) -> Questions:
    return Questions(connections.commands, journal, work, history_ttl_s=7200, once_ttl_s=3600)


@pytest.fixture
def hub(connections: Connections, journal: Journal) -> Iterator[Hub]:
    hub = Hub(connections.make, connections.commands, journal)
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def model() -> Iterator[StandIn]:
    """The model's stand-in; a test scripts its answers by a word of its prompts that no other test uses."""
    with StandIn() as standin:
        yield standin


@pytest.fixture(scope="session")
def app(redis: Redis, model: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """chatsse under a real gunicorn, answering by the stand-in."""
    with App(redis.url(0), model.url, tmp_path_factory.mktemp("app")) as app:
        yield app
