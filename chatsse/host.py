"""What a host tells each of its programs: where to listen, how many processes to run, when to be gone."""

import faulthandler
from collections.abc import Mapping

from chatsse.errors import ConfigError

# Hosts kill 30 s after their SIGTERM. A process that is still here by then could not do what it has to do,
# and is better gone while its host watches.
GONE_S = 24


def bind(env: Mapping[str, str]) -> str:
    """Return where to listen: on all sides where a host has set `PORT`, else for this machine only.

    :raises ConfigError: `PORT` is no port
    """
    side = "0.0.0.0" if env.get("PORT", "").strip() else "127.0.0.1"  # noqa: S104
    return f"{side}:{_number(env, 'PORT', 8000, 65535)}"


def workers(env: Mapping[str, str]) -> int:
    """Return how many processes serve.

    :raises ConfigError: `WEB_CONCURRENCY` is no such number
    """
    return _number(env, "WEB_CONCURRENCY", 1, 1000)


def be_gone_in_time() -> None:
    """Have this process end before its host loses patience, whatever keeps it, and print where that was."""
    faulthandler.dump_traceback_later(GONE_S, exit=True)


def _number(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = env.get(name, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise ConfigError(name, f"{value!r} is not a number from 1 to {most}")
    return int(value)
