"""gunicorn's settings, and what happens in its processes when.

`gunicorn.conf.py` at the top of the tree takes everything from here; `chatsse run` names this file
itself as the configuration, since an installed package has no other. gunicorn runs a named file before
it imports the app, so the patch comes first either way.

    master   settings checked, the embedded Valkey started where `REDIS_URL` is unset
    worker   forked, the app's own modules imported anew, the app made, its answerers started
    SIGTERM  the worker takes no more connections and drains; who is still connected then is cut off

The master keeps the libraries for its workers to share, but not the app: after `HUP`, and with
`--reload`, they serve the code as it lies on disk.
"""

from gevent import monkey

monkey.patch_all()

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import gevent.socket
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.ggevent import GeventWorker
from werkzeug.exceptions import RequestTimeout

from chatsse import embedded, host
from chatsse.config import Config, misnamed
from chatsse.connections import Connections
from chatsse.errors import ConfigError
from chatsse.sockets import Client, bound

# New objects, less those that went, before the collector looks; Python's own 700 costs a busy worker a tenth
# of its time.
GC_THRESHOLD = 50_000
# How long the responses have that were told to end, once everything else is done.
LAST_WORDS_S = 2
MOST_CLIENTS = 10_000
# What may be left of a body for the connection to serve more requests.
UNREAD_BYTES = 64 * 1024


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn and gevent come without types
    """gevent's worker, that lets go: of clients that do not keep up, and on SIGTERM of all of them.

    gunicorn waits for those on which no request is under way as long as it keeps them alive, which behind a
    router is longer than a shutdown may take. For those whose client neither sends nor reads it waits until
    it kills whatever is still running.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.serving: set[gevent.Greenlet] = set()
        self.waiting: set[gevent.Greenlet] = set()
        self.quit_by: set[int] = set()
        self.has_hung_up = False

    def run(self) -> None:
        """Serve until told to stop."""
        for listener in self.sockets:
            bound(listener)
        super().run()

    def handle(self, listener: Any, client: gevent.socket.socket, addr: Any) -> None:
        """Serve one connection."""
        greenlet = gevent.getcurrent()
        self.serving.add(greenlet)
        try:
            super().handle(listener, Client(client), addr)
        finally:
            self.serving.discard(greenlet)

    def handle_request(self, listener_name: Any, req: Any, sock: Client, addr: Any) -> None:
        """Serve one request, then take what the app has left of its body; if that is much, hang up.

        :raises StopIteration: the connection serves no more requests
        """
        is_last = False
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            is_last = True
        if self.has_hung_up:  # The worker class passes over what killed the request.
            raise StopIteration
        if len(req.body.read(UNREAD_BYTES)) == UNREAD_BYTES:
            sock.linger()
            is_last = True
        if is_last:
            raise StopIteration
        sock.whole_by = None

    def handle_error(self, req: Any, client: Client, addr: Any, exc: BaseException) -> None:
        """Answer what could not be served; who was too slow for an answer, or for the process, gets none."""
        if not isinstance(exc, (RequestTimeout, gevent.GreenletExit)):
            super().handle_error(req, client, addr, exc)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Bound the wait for a connection's next request."""
        greenlet = gevent.getcurrent()
        self.waiting.add(greenlet)
        try:
            with gevent.Timeout(self.cfg.keepalive if self.alive else 1, False):
                yield
        finally:
            self.waiting.discard(greenlet)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to leave, once: the master and the host may both say so, and more than once."""
        if self.alive:
            host.be_gone_in_time()
            gevent.spawn(self._leave)
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Leave without waiting for requests.

        Ctrl-C comes as INT from the terminal and as QUIT from the master: the second would end
        `worker_exit` halfway. The same signal again is a person who insists.
        """
        is_news = not self.quit_by or sig in self.quit_by
        self.quit_by.add(sig)
        if is_news:
            super().handle_quit(sig, frame)

    def _leave(self) -> None:
        for greenlet in list(self.waiting):
            # What gunicorn takes for the client's own hanging up.
            greenlet.kill(NoMoreData, block=False)
        # It has no app yet when it is told while it starts.
        if hasattr(self, "wsgi"):
            self.wsgi.extensions["chatsse"].drain()
            gevent.sleep(LAST_WORDS_S)
        self.has_hung_up = True
        gevent.killall(list(self.serving), block=False)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the process with the one line that says which setting to change, not with a traceback."""
    try:
        yield
    except ConfigError as error:
        print(f"chatsse: {error}", file=sys.stderr)
        sys.exit(2)


def on_starting(server: Any) -> None:
    """Have a Redis; here, so that a worker that dies does not take it along."""
    with one_line_errors():
        embedded.ensure(os.environ)
        Connections(os.environ["REDIS_URL"])


def when_ready(server: Any) -> None:
    """Tell a person where to look, and who will answer."""
    server.log.info("chatsse: http://localhost:%s, answers by %s", bind.rpartition(":")[2], _who(settings))
    server.log.info("chatsse: content: %s", _what(settings))
    for line in misnamed(os.environ):
        server.log.warning("chatsse: %s", line)


def post_fork(server: Any, worker: Worker) -> None:
    """Forget the app's modules that the master has imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "chatsse"]:
        del sys.modules[name]


def post_worker_init(worker: Worker) -> None:
    """Start what works beside the requests."""
    # What is loaded by now never goes, so the collector need not look at it again. And streams make no
    # garbage that waits for it: it may come round seldom.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    worker.wsgi.extensions["chatsse"].start()


def worker_exit(server: Any, worker: Worker) -> None:
    """Stop what works beside the requests."""
    # The master calls this too, for a worker that it found gone, and nobody has loaded an app there.
    if hasattr(worker, "wsgi"):
        worker.wsgi.extensions["chatsse"].stop()


def _who(settings: Config) -> str:
    if not settings.answerers:
        return "workers (CHATSSE_ANSWERERS is 0)"
    if settings.provider == "demo" and not settings.anthropic_api_key:
        return "the demo (ANTHROPIC_API_KEY is not set)"
    return f"{settings.provider}, {settings.model}"


def _what(settings: Config) -> str:
    if settings.content:
        return " ".join(settings.content)
    unless = "CHATSSE_CONTENT is not set; `chatsse index` may have read some"
    return f"the sample blog ({unless})" if settings.provider == "demo" else f"none ({unless})"


with one_line_errors():
    settings = Config.from_env(os.environ)
    bind = host.bind(os.environ)
    workers = host.workers(os.environ)

worker_class = Worker
# Those that there is no room for wait in the backlog. A process that could open no more files would lose
# Redis and the model, too.
_files = host.open_files(MOST_CLIENTS + settings.answerers + host.OTHER_FILES)
worker_connections = min(MOST_CLIENTS, max(_files - settings.answerers - host.OTHER_FILES, _files // 2))
backlog = 4096
# A worker's heartbeat, not a request's time. Above graceful_timeout: while a worker winds up it is silent.
timeout = 60
# The master kills then, and before it goes itself; the worst drain is over by that time.
graceful_timeout = 20
# Above the 90 s of Heroku's router (60 s elsewhere), or a question now and then meets a closing connection.
keepalive = 100
# A worker that has served its share would cut all its streams.
max_requests = 0
# On a disk, a busy one can hold up the heartbeat.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# It listens in the home directory, where two apps of one user meet, on a thread of asyncio's, which is
# no friend of gevent's patches.
control_socket_disable = True
# Routers and proxies keep one, and a stream's line would come at its end.
accesslog = None
errorlog = "-"
# The rest as gunicorn has it: its own format, to standard error.
logconfig_dict = {
    "root": {"level": "WARNING", "handlers": ["error_console"]},
    "loggers": {"chatsse": {"level": "INFO"}},
}
