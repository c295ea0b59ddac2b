"""The loops of a process that nobody waits for, and so nobody would miss."""

import logging
from collections.abc import Callable
from time import monotonic

import gevent

from chatsse.errors import RedisAway

log = logging.getLogger(__name__)

RETRY_S = 0.5
# A step that failed only after this long had worked until then.
LASTED_S = 10


def spawn_for_ever(step: Callable[[], None]) -> "gevent.Greenlet[..., None]":
    """Return a greenlet that runs `step` again and again; after one that fails, with a pause."""
    return gevent.spawn(_for_ever, step)


def _for_ever(step: Callable[[], None]) -> None:
    is_away = False
    while True:
        begun_at = monotonic()
        try:
            step()
            if is_away:
                log.info("redis is back")
            is_away = False
        except RedisAway as error:
            if not is_away or monotonic() - begun_at > LASTED_S:
                log.warning("redis is away, trying until it is back: %s", error.__cause__)
            is_away = True
            gevent.sleep(RETRY_S)
        except Exception:
            log.exception("%s failed, and goes on", step.__qualname__)
            gevent.sleep(RETRY_S)
