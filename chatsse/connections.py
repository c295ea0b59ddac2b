"""A process's connections to Redis: four, whatever the load.

| client | connections | carries |
|---|---|---|
| `commands` | 1 | all that is short: questions, range reads, probes |
| `appends` | 1 | the journal's group commits |
| `work` | 1 | the blocking read of the work queue |
| `pubsub` | 1 | every live event of every stream of the process |
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from redis import BlockingConnectionPool, ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from chatsse.errors import RedisAway

# redis-py types a reply for all protocols and decodings at once, and a pipeline's commands as if they had
# been sent: no use where every reply is bytes.
Client: TypeAlias = Any

TIMEOUT_S = 3
# How long a read of the work queue blocks in Redis; the connection waits longer than that, for redis-py
# takes a block that outlasts its timeout for a dead connection.
WORK_BLOCK_MS = 2000


@dataclass(frozen=True, slots=True)
class Connections:
    """The clients of one process, one connection each."""

    commands: Client
    appends: Client
    work: Client
    pubsub: ConnectionPool

    def close(self) -> None:
        """Close all of them."""
        for client in (self.commands, self.appends, self.work):
            client.connection_pool.disconnect()
        self.pubsub.disconnect()


def connect(url: str) -> Connections:
    """Return the process's clients; nothing is sent yet."""
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_connect_timeout": TIMEOUT_S,
        "client_name": "chatsse",
    }
    if not url.startswith("unix:"):
        options |= {"socket_keepalive": True}
    if url.startswith("rediss:") and "ssl_cert_reqs" not in url:
        # Hosts such as Heroku sign their Redis servers' certificates themselves; an owner who has a
        # real one adds `?ssl_cert_reqs=required` to the address.
        options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}

    def client(timeout_s: float, retries: int) -> Client:
        pool = BlockingConnectionPool.from_url(
            url, **options, max_connections=1, timeout=TIMEOUT_S, socket_timeout=timeout_s,
            retry=Retry(NoBackoff(), retries),
        )  # fmt: skip
        return Redis(connection_pool=pool)

    return Connections(
        commands=client(TIMEOUT_S, 1),
        appends=client(TIMEOUT_S, 0),
        work=client(TIMEOUT_S + WORK_BLOCK_MS / 1000, 0),
        pubsub=ConnectionPool.from_url(url, **options, socket_timeout=None, retry=Retry(NoBackoff(), 0)),
    )


@contextmanager
def reaching_redis() -> Iterator[None]:
    """Turn the library's errors into `RedisAway`."""
    try:
        yield
    except RedisError as error:
        raise RedisAway from error
