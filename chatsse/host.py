"""What a host tells each of its programs: where to listen and how many processes to run."""

from collections.abc import Mapping

from chatsse.errors import ConfigError


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


def _number(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = env.get(name, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise ConfigError(name, f"{value!r} is not a number from 1 to {most}")
    return int(value)
