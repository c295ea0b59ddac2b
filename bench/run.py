#!/usr/bin/env python3
"""Measure what a token costs: many answers at once, from the model's stand-in to their readers.

Prints, for the whole of one gunicorn with one worker:

    us/token    CPU, user and system, per token delivered; `redis` the same of its Valkey
    KB/stream   growth of the proportional set size at its peak, per stream
    ttft        time from the question to the first token, ms, p50 and p99
    lost        tokens said and not received

CPU per token holds on a noisy machine; times do not.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import gevent

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from client import ask
from processes import App, Process, Redis, free_port, tree

TICKS = os.sysconf("SC_CLK_TCK")


class Model(Process):
    """The model's stand-in, as a process of its own."""

    def __init__(self, tokens: int, rate: int, directory: Path) -> None:
        self.port = free_port()
        settings = ("--port", str(self.port), "--tokens", str(tokens), "--rate", str(rate))
        super().__init__([sys.executable, str(TESTS / "standin.py"), *settings], directory / "model.log")

    def answers(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass
class Reading:
    """What one reader got."""

    tokens: int
    ttft_s: float


def read(app: App, prompt: str) -> Reading:
    """Ask, follow the answer to its end and count its tokens, each of which ends with a space."""
    begun = time.monotonic()
    stream = ask(app.url, prompt)["stream"]
    reading, rest = Reading(0, 0.0), b""
    with socket.create_connection(("127.0.0.1", app.port)) as sock:
        sock.sendall(f"GET {stream} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        while chunk := sock.recv(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b'data: {"token"'):
                    reading.ttft_s = reading.ttft_s or time.monotonic() - begun
                    reading.tokens += len(json.loads(line[6:])["token"].split())
    return reading


def cpu_s(pids: list[int]) -> float:
    """Return the CPU time that processes have used."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS


def pss_kb(pids: list[int]) -> int:
    """Return the memory of processes, what they share counted once."""
    maps = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(line.split()[1]) for text in maps for line in text.splitlines() if line.startswith("Pss:"))


def measure(app: App, redis: Redis, streams: int, tokens: int) -> dict[str, float]:
    """Return the figures of one round."""
    gevent.joinall([gevent.spawn(read, app, f"warm up {n}") for n in range(5)])
    pids = tree(app.pid)
    memory = peak = pss_kb(pids)
    app_s, redis_s = cpu_s(pids), cpu_s([redis.pid])
    readers = [gevent.spawn_later(n / streams, read, app, f"question {n}") for n in range(streams)]
    while not all(reader.ready() for reader in readers):
        gevent.sleep(0.5)
        peak = max(peak, pss_kb(pids))
    readings = [reader.get() for reader in readers]
    got = sum(reading.tokens for reading in readings)
    ttft = sorted(reading.ttft_s * 1000 for reading in readings)
    return {
        "us/token": (cpu_s(pids) - app_s) / got * 1e6,
        "redis": (cpu_s([redis.pid]) - redis_s) / got * 1e6,
        "KB/stream": (peak - memory) / streams,
        "ttft50": ttft[len(ttft) // 2],
        "ttft99": ttft[len(ttft) * 99 // 100],
        "lost": streams * tokens - got,
    }


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=200, help="per answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens a second, per answer")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        Redis("valkey", Path(directory)) as redis,
        Model(asked.tokens, asked.rate, Path(directory)) as model,
        App(redis.url(0), f"http://127.0.0.1:{model.port}", Path(directory)) as app,
    ):
        figures = measure(app, redis, asked.streams, asked.tokens)
    print(f"{asked.streams} streams of {asked.tokens} tokens at {asked.rate}/s")
    print("  ".join(f"{name} {figure:.1f}" for name, figure in figures.items()))


if __name__ == "__main__":
    main()
