"""The command line: `chatsse run`, `worker`, `index`, `ask`."""

import argparse
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

import gevent
from gevent import monkey

from chatsse import embedded, host
from chatsse.config import Config, content_problem, misnamed
from chatsse.errors import ChatsseError, ConfigError, ModelError, RedisAway

# By its name: as a program, this module is `__main__`.
log = logging.getLogger("chatsse")

# As gunicorn's own lines look.
LOG_FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
Command = Callable[[argparse.Namespace], int]


def main(words: list[str] | None = None) -> int:
    """Do what the words say, by default those of the command line; return the exit status."""
    words = sys.argv[1:] if words is None else words
    arguments = _parser().parse_args(words)
    command: Command = arguments.command
    if command is not run and not monkey.is_module_patched("socket"):
        # Too late for this process: the libraries are imported.
        _become("gevent.monkey", "--module", "chatsse.cli", *words)
    try:
        return command(arguments)
    except ConfigError as error:
        print(f"chatsse: {error}", file=sys.stderr)
        return 2
    except ModelError as error:
        print(f"\nchatsse: {error}", file=sys.stderr)
    except RedisAway as error:
        print(f"chatsse: redis does not take it: {error.__cause__}", file=sys.stderr)
    except ChatsseError as error:
        print(f"chatsse: {error}", file=sys.stderr)
    except BrokenPipeError:
        # Whoever read has seen enough; Python itself would complain when it closes the output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, sqlite3.Error) as error:
        print(f"chatsse: {error}{_kept(command)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nchatsse: stopped{_kept(command)}", file=sys.stderr)
    return 1


def _kept(command: Command) -> str:
    return ". What was read before stays in use." if command is index else ""


def run(_: argparse.Namespace) -> NoReturn:
    """Become gunicorn, with the settings of `serving.py`.

    :raises ConfigError: a setting can't be used
    """
    Config.from_env(os.environ)
    host.bind(os.environ)
    # gunicorn would meet a bad WEB_CONCURRENCY with a traceback, before it reads any settings.
    host.workers(os.environ)
    settings = Path(__file__).with_name("serving.py")
    _become("gunicorn", "--config", str(settings), "chatsse:create_app()")


def work(_: argparse.Namespace) -> int:
    """Answer questions until a signal says to stop; serve nothing.

    :raises ConfigError: a setting can't be used
    """
    from chatsse import Services

    _log(logging.INFO)
    Services(_config()).run_worker()
    return 0


def index(arguments: argparse.Namespace) -> int:
    """Read the blog, and have all processes on this Redis answer from it.

    :raises ConfigError: a setting can't be used, or nothing says what to read
    """
    from chatsse.connections import Connections
    from chatsse.knowledge.editions import Editions
    from chatsse.knowledge.indexing import index as read
    from chatsse.terminal import Progress

    is_seen = sys.stderr.isatty()
    _log(logging.WARNING if is_seen else logging.INFO)
    config = _config()
    words = arguments.source or config.content
    if not words:
        raise ConfigError(
            "CHATSSE_CONTENT", "not set: name what to read, e.g. https://blog.example/sitemap.xml"
        )
    for word in words:
        if problem := content_problem(word):
            raise ConfigError(word, problem)
    # As an exception: what lies on the disk is cleared away. Python's own handler for Ctrl-C raises in
    # whichever greenlet runs just then, and one that fetches a page would print it.
    main_greenlet = gevent.getcurrent()
    gevent.signal_handler(signal.SIGTERM, main_greenlet.throw, SystemExit(128 + signal.SIGTERM))
    gevent.signal_handler(signal.SIGINT, main_greenlet.throw, KeyboardInterrupt())
    progress = Progress(sys.stderr)
    log.info("reading %s", " ".join(words))
    with closing(Connections(config.redis_url or "")) as redis:
        try:
            report = read(words, Editions(redis.commands), progress.told)
        finally:
            progress.clear()
    if is_seen:
        print("\n".join(report.lines()))
    for line in report.log_lines():
        log.info("%s", line)
    return 1 if report.lost or report.is_empty else 0


def ask(arguments: argparse.Namespace) -> int:
    """Print the answer to a question, made in this process.

    :raises ConfigError: a setting can't be used
    """
    from chatsse import library, provider
    from chatsse.assets import templates_dir
    from chatsse.briefing import Briefing
    from chatsse.connections import Connections
    from chatsse.knowledge.editions import Editions
    from chatsse.knowledge.sample import Sample
    from chatsse.questions import Question, new_id
    from chatsse.telling import parts_of
    from chatsse.terminal import print_answer, print_hits

    _log(logging.WARNING)
    if not arguments.question.strip():
        raise ConfigError("question", "it is empty")
    config = _config()
    question = Question(new_id(), new_id(), arguments.question, arguments.page, at_ms=0)
    with closing(Connections(config.redis_url or "")) as redis:
        known = library(config, Editions(redis.commands), Sample.read(templates_dir()))
        known.look()
        if config.content and not known.index:
            raise ConfigError("CHATSSE_CONTENT", "not read yet: `chatsse index` reads it")
        if known.is_sample:
            print("chatsse: nothing was read yet, so this is the sample blog's answer", file=sys.stderr)
        briefing = Briefing(known, config.max_output_tokens)
        if arguments.passages:
            print_hits(briefing.find(question))
        print_answer(parts_of(provider(config), briefing.request(question)))
    return 0


def _config() -> Config:
    """Return the settings, with a Redis: the embedded one where no other is named."""
    Config.from_env(os.environ)
    for line in misnamed(os.environ):
        log.warning("%s", line)
    embedded.ensure(os.environ)
    return Config.from_env(os.environ)


def _log(level: int) -> None:
    logging.basicConfig(format=LOG_FORMAT, datefmt="[%Y-%m-%d %H:%M:%S %z]", level=logging.WARNING)
    logging.getLogger("chatsse").setLevel(level)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chatsse", description="A chat for a blog, streamed over SSE.")
    parser.add_argument("--version", action="version", version=f"chatsse {_version()}")
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("run", help="serve the chat, and answer").set_defaults(command=run)
    commands.add_parser("worker", help="answer only, beside processes that serve").set_defaults(command=work)
    reading = commands.add_parser("index", help="read the blog, for answers to come from it")
    reading.add_argument(
        "source",
        nargs="*",
        help="a blog's address, its sitemap or feed, a page, or FOLDER=ADDRESS; by default CHATSSE_CONTENT",
    )
    reading.set_defaults(command=index)
    asking = commands.add_parser("ask", help="ask the blog, here in the terminal")
    asking.add_argument("question")
    asking.add_argument("--page", help="the address of the page to be asked on")
    asking.add_argument("--passages", action="store_true", help="show what is found, with scores")
    asking.set_defaults(command=ask)
    return parser


def _version() -> str:
    try:
        return version("chatsse")
    except PackageNotFoundError:
        return "(not installed)"


def _become(*words: str) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *words])


if __name__ == "__main__":
    sys.exit(main())
