"""Makes the faults of processes and of their connections to Redis."""

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import gevent
from farm import Farm
from gevent.lock import BoundedSemaphore
from plan import Fault
from processes import App, tree, until

Action: TypeAlias = Callable[[Farm, Fault], None]


class Mischief:
    """Makes faults, those of one process in their turn.

    :ivar made: how often each fault was made
    """

    def __init__(self, farm: Farm) -> None:
        self.made: Counter[str] = Counter()
        self._farm = farm
        self._turns: defaultdict[tuple[str, int], BoundedSemaphore] = defaultdict(BoundedSemaphore)

    def make(self, fault: Fault) -> None:
        """Make a fault, and what it takes to get over it."""
        kind = fault.name.split()[0]
        with self._turns[kind, 0 if kind == "redis" else fault.slot]:
            ACTIONS[fault.name](self._farm, fault)
        self.made[fault.name] += 1


def kill_worker(farm: Farm, fault: Fault) -> None:
    """Kill a worker and start it again."""
    farm.workers[fault.slot].kill()
    farm.workers[fault.slot].start()


def stop_worker(farm: Farm, fault: Fault) -> None:
    """Start a new worker, then tell the old one to stop."""
    old, farm.workers[fault.slot] = farm.workers[fault.slot], farm.start_worker()
    farm.retire(old)


def freeze_worker(farm: Farm, fault: Fault) -> None:
    """Stop a worker's time for a while."""
    freeze(farm.workers[fault.slot].pid, fault.lasts_s)


def kill_web(farm: Farm, fault: Fault) -> None:
    """Kill the process that serves; its master starts another."""
    os.kill(serving(farm.webs[fault.slot]), signal.SIGKILL)


def stop_web(farm: Farm, fault: Fault) -> None:
    """Start a new web process, then tell the old one to stop."""
    old, farm.webs[fault.slot] = farm.webs[fault.slot], farm.start_web()
    farm.retire(old)


def reload_web(farm: Farm, fault: Fault) -> None:
    """Have a master replace the process that serves."""
    os.kill(farm.webs[fault.slot].pid, signal.SIGHUP)


def freeze_web(farm: Farm, fault: Fault) -> None:
    """Stop the time of the process that serves for a while."""
    freeze(serving(farm.webs[fault.slot]), fault.lasts_s)


def kill_redis(farm: Farm, fault: Fault) -> None:
    """Kill Redis and start it again after a while, with its data."""
    farm.redis.kill()
    gevent.sleep(fault.lasts_s)
    farm.redis.start()


def freeze_redis(farm: Farm, fault: Fault) -> None:
    """Stop Redis' time for a while."""
    freeze(farm.redis.pid, fault.lasts_s)


def hang_up(farm: Farm, fault: Fault) -> None:
    """Have Redis close all connections that ask."""
    farm.redis.ask("CLIENT KILL TYPE normal")


def hang_up_subscribers(farm: Farm, fault: Fault) -> None:
    """Have Redis close all connections that listen."""
    farm.redis.ask("CLIENT KILL TYPE pubsub")


def lose_replies(farm: Farm, fault: Fault) -> None:
    """Lose what Redis says next on each connection, and the connection."""
    farm.lose_replies()


ACTIONS: dict[str, Action] = {
    "worker killed": kill_worker,
    "worker stopped": stop_worker,
    "worker frozen": freeze_worker,
    "web killed": kill_web,
    "web stopped": stop_web,
    "web reloaded": reload_web,
    "web frozen": freeze_web,
    "redis killed": kill_redis,
    "redis frozen": freeze_redis,
    "redis hangs up": hang_up,
    "redis pub/sub hangs up": hang_up_subscribers,
    "redis replies lost": lose_replies,
}


def freeze(pid: int, lasts_s: float) -> None:
    """Stop a process' time for a while."""
    with suppress(ProcessLookupError):  # A master ends the process that it has replaced.
        os.kill(pid, signal.SIGSTOP)
        try:
            gevent.sleep(lasts_s)
        finally:
            os.kill(pid, signal.SIGCONT)


def serving(app: App) -> int:
    """Return the newest process that serves for a master; waits for one."""
    until(lambda: len(tree(app.pid)) > 1, "a process that serves")
    return tree(app.pid)[-1]
