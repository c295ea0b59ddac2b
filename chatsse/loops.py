"""The loops of a process that nobody waits for, and so nobody would miss."""

import logging
from collections.abc import Callable

import gevent

from chatsse.errors import RedisAway

log = logging.getLogger(__name__)

RETRY_S = 0.5


def spawn_for_ever(step: Callable[[], None]) -> "gevent.Greenlet[..., None]":
    """Return a greenlet that runs `step` again and again; after one that fails, with a pause."""
    return gevent.spawn(_for_ever, step)


def _for_ever(step: Callable[[], None]) -> None:
    while True:
        try:
            step()
        except RedisAway as error:
            log.warning("redis did not take a command: %r", error.__cause__)
            gevent.sleep(RETRY_S)
        except Exception:
            log.exception("%s failed, and goes on", step.__qualname__)
            gevent.sleep(RETRY_S)
