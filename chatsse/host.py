"""What a host tells its programs: where to listen, how many processes and files, when to be gone."""

import faulthandler
import resource
from collections.abc import Mapping
from contextlib import suppress

from chatsse.errors import ConfigError

# Hosts kill 30 s after their SIGTERM. A process that is still here by then could not do what it has to do,
# and is better gone while its host watches.
GONE_S = 24
# What a process has open beside its clients' connections and one to the model for each answer.
OTHER_FILES = 100


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


def open_files(wanted: int) -> int:
    """Return how many files this process may have open, raised to `wanted` as far as the host lets it.

    Hosts start programs with a low limit, for the sake of those that use `select`, and leave it to them to
    raise it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < raised:
        # macOS says that there is no limit, and has one.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            return raised
    return soft


def _number(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = env.get(name, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise ConfigError(name, f"{value!r} is not a number from 1 to {most}")
    return int(value)
