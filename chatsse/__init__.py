"""chatsse: a chat for blogs whose answers stream in and arrive whole, whatever happens on the way.

The map, from the browser to the model; imports point down:

| module | does |
|---|---|
| `views/` | HTTP: asking, reading, the widget's files, the sample blog |
| `hub`, `reader` | one process's readers of the logs; one of them |
| `answerer` | takes questions from the queue and has them answered |
| `briefing` | what the model is asked: the question, with what was found for it |
| `telling`, `seam` | an attempt at an answer; where one goes on after another |
| `questions`, `work` | what is asked; what waits for an answer |
| `journal`, `writer` | the log of an answer: claim, append, read; one attempt at it |
| `event` | an event and its bytes |
| `providers/` | the model services |
| `knowledge/` | the blog's pages: reading, index, search |
| `connections`, `loops`, `config`, `errors` | what all of them stand on |
"""

import logging
import os
import signal

import gevent
from flask import Flask
from gevent import monkey
from gevent.event import Event as Signal

from chatsse import host
from chatsse.answerer import Answerers
from chatsse.assets import static_dir, templates_dir
from chatsse.briefing import Briefing
from chatsse.config import ANSWERERS, Config
from chatsse.connections import Connections
from chatsse.errors import ConfigError
from chatsse.hub import Hub
from chatsse.journal import Journal
from chatsse.knowledge.editions import Editions
from chatsse.knowledge.library import Library
from chatsse.knowledge.refresher import Refresher
from chatsse.knowledge.sample import Sample
from chatsse.providers import Provider
from chatsse.questions import Questions
from chatsse.views.blog import blog
from chatsse.views.chat import chat
from chatsse.views.conversations import conversations
from chatsse.views.guard import guard_bodies, guard_origins, shape_errors
from chatsse.views.health import health
from chatsse.views.index import index
from chatsse.views.stream import stream
from chatsse.views.widget import widget
from chatsse.work import Work

__all__ = ["Services", "create_app"]

log = logging.getLogger(__name__)

# Answers that are still going on when the process is told to stop get this long before others go on
# with them.
GRACE_S = 10


class Services:
    """What one process runs beside its web server, wired up.

    :raises ConfigError: there is no Redis to use
    """

    def __init__(self, config: Config) -> None:
        if not config.redis_url:
            raise ConfigError("REDIS_URL", "not set, and the embedded Valkey is not running")
        self.config = config
        self.sample = Sample.read(templates_dir())
        self.connections = redis = Connections(config.redis_url)
        self.journal = Journal(redis.commands, redis.appends, config.stream_ttl_s)
        self.work = Work(redis.commands, redis.work, config.lease_s, config.history_ttl_s)
        self.questions = Questions(
            redis.commands, self.journal, self.work, config.history_ttl_s, config.stream_ttl_s
        )
        self.hub = Hub(redis.make, redis.commands, self.journal)
        self.editions = Editions(redis.commands)
        self._library: Library | None = None
        self._refresher: Refresher | None = None
        self._answerers: Answerers | None = None
        self._draining: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Begin what a web process does beside its requests."""
        if self.config.answerers:
            self._start_answerers(self.config.answerers)

    def run_worker(self) -> None:
        """Answer questions until SIGTERM or SIGINT, then finish or hand back what is under way."""
        told = Signal()

        def leave(*_: object) -> None:
            if not told.is_set():
                host.be_gone_in_time()
                told.set()

        # Python's own handlers run in the middle of a greenlet, too, that keeps gevent's from running.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)
        log.info("answers by %s", self.config.provider)
        # Hosts give all processes the same settings: none here is meant for the web processes.
        answerers = self.config.answerers or ANSWERERS
        host.open_files(answerers + host.OTHER_FILES)
        self._start_answerers(answerers)
        told.wait()
        self.stop()

    def drain(self) -> None:
        """Take no more questions, send the readers to other processes, finish or hand back the answers.

        Returns when that is done. Requests are served all the while, and after it.
        """
        if self._draining is None:
            self._draining = gevent.spawn(self._drain)
        self._draining.join()

    def stop(self) -> None:
        """Drain, and close what requests need."""
        self.drain()
        self.hub.close()
        self.connections.close()

    def _start_answerers(self, most: int) -> None:
        config = self.config
        self._library = library(config, self.editions, self.sample)
        self._library.start()
        if config.content:
            self._refresher = Refresher(self.editions, config.content, config.refresh_s)
            self._refresher.start()
        self._answerers = Answerers(
            provider(config),
            Briefing(self._library, config.max_output_tokens),
            self.questions,
            self.journal,
            self.work,
            most,
            config.lease_s,
        )
        self._answerers.start()

    def _drain(self) -> None:
        dismissing = gevent.spawn(self.hub.drain)
        if self._refresher:
            self._refresher.stop()
        if self._answerers:
            self._answerers.stop(GRACE_S)
        if self._library:
            self._library.stop()
        dismissing.join()


def create_app(config: Config | None = None) -> Flask:
    """Return the WSGI application of one process; its services are `app.extensions["chatsse"]`.

    :param config: None: what the environment says
    :raises ConfigError: the process can't run this way
    """
    if not monkey.is_module_patched("socket"):
        raise ConfigError("worker_class", "chatsse needs gevent's worker: start it with its gunicorn.conf.py")
    config = config or Config.from_env(os.environ)
    services = Services(config)
    app = Flask(__name__, template_folder=str(templates_dir()), static_folder=str(static_dir()))
    app.extensions["chatsse"] = services
    guard_origins(app, config)
    guard_bodies(app, config)
    shape_errors(app)
    app.register_blueprint(chat(config, services.hub, services.questions))
    app.register_blueprint(conversations(services.questions))
    app.register_blueprint(stream(services.hub, services.questions))
    app.register_blueprint(index(services.editions, config.index_token, has_content=bool(config.content)))
    app.register_blueprint(health(services.connections.commands))
    app.register_blueprint(widget(static_dir()))
    app.register_blueprint(blog(services.sample, config.content, is_demo=config.provider == "demo"))
    return app


def library(config: Config, editions: Editions, sample: Sample) -> Library:
    """Return what a process answers from: the demo, where there is nothing else, from the sample blog."""
    is_sample = config.provider == "demo" and not config.content
    return Library(editions, is_expected=bool(config.content), index=sample.index() if is_sample else None)


def provider(config: Config) -> Provider:
    """Return the model service that answers."""
    if config.provider == "demo":
        from chatsse.providers.demo import Demo

        return Demo()
    # Importing Anthropic's SDK costs half a second and 50 MB: only whoever uses it pays.
    from chatsse.providers.claude import Claude

    return Claude(config.anthropic_api_key or "", config.anthropic_base_url, config.model)
