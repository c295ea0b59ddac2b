"""The command line: `chatsse run`, `chatsse worker`."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

from gevent import monkey

from chatsse import embedded, host
from chatsse.config import Config
from chatsse.errors import ConfigError

# As gunicorn's own lines look.
LOG_FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"


def main(words: list[str] | None = None) -> int:
    """Do what the words say, by default those of the command line; return the exit status."""
    arguments = _parser().parse_args(words)
    command: Callable[[], int] = arguments.command
    try:
        return command()
    except ConfigError as error:
        print(f"chatsse: {error}", file=sys.stderr)
        return 2


def run() -> NoReturn:
    """Become gunicorn, with the settings of `serving.py`.

    :raises ConfigError: a setting can't be used
    """
    Config.from_env(os.environ)
    host.bind(os.environ)
    # gunicorn would meet a bad WEB_CONCURRENCY with a traceback, before it reads any settings.
    host.workers(os.environ)
    settings = Path(__file__).with_name("serving.py")
    _become("gunicorn", "--config", str(settings), "chatsse:create_app()")


def work() -> int:
    """Answer questions until a signal says to stop; serve nothing.

    :raises ConfigError: a setting can't be used
    """
    if not monkey.is_module_patched("socket"):
        # Too late for this process: the libraries are imported.
        _become("gevent.monkey", "--module", "chatsse.cli", "worker")
    from chatsse import Services

    logging.basicConfig(format=LOG_FORMAT, datefmt="[%Y-%m-%d %H:%M:%S %z]", level=logging.WARNING)
    logging.getLogger("chatsse").setLevel(logging.INFO)
    Config.from_env(os.environ)
    embedded.ensure(os.environ)
    Services(Config.from_env(os.environ)).run_worker()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chatsse", description="A chat for a blog, streamed over SSE.")
    parser.add_argument("--version", action="version", version=f"chatsse {_version()}")
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("run", help="serve the chat, and answer").set_defaults(command=run)
    commands.add_parser("worker", help="answer only, beside processes that serve").set_defaults(command=work)
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
