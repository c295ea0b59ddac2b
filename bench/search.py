#!/usr/bin/env python3
"""Measure what the search costs: an index of 5,000 passages of Python's documentation, made and searched.

    build       CPU, user and system, from the pages as they are read to the finished file
    keep        the same where another index has the pages already
    file        as it lies on a disk, and as it goes through Redis
    open        CPU, once a process
    search      CPU and time of each question of `questions.json`, p50 and p99, asked for the first time
    memory      growth of the proportional set size: of the search's code beside the app's, and of the index
                with what it remembers

CPU holds on a noisy machine; times do not.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

QUESTIONS = Path(__file__).with_name("questions.json")
PASSAGES = 5_000
MB = 1 << 20


def pss_mb() -> float:
    """Return the memory of this process."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@contextmanager
def clocked(label: str) -> Iterator[None]:
    """Print what the block takes of the CPU."""
    begun = time.process_time()
    yield
    print(f"{label:<12}{time.process_time() - begun:.2f} s CPU")


def make(path: Path) -> None:
    """Write the index, twice, and print what it took."""
    from python_docs import read_pages

    from chatsse.knowledge.index import Builder, Index

    pages = read_pages()
    random.Random(0).shuffle(pages)
    some, passages = [], 0
    for receipt, page in pages:
        if passages + len(page.passages) <= PASSAGES:
            some.append((receipt, page))
            passages += len(page.passages)
    print(f"{len(some)} pages, {passages} passages")
    with clocked("build"):
        builder = Builder(path)
        for receipt, page in some:
            builder.add(receipt, page)
        builder.finish()
    index = Index(path)
    with clocked("keep"):
        builder = Builder(path.with_suffix(".kept"))
        for location in index.receipts():
            builder.add(*index.read(location))
        builder.finish()
    content = path.read_bytes()
    print(f"{'file':<12}{len(content) / MB:.1f} MB, {len(zlib.compress(content)) / MB:.1f} MB compressed")


def ask(path: Path) -> None:
    """Open the index, ask it everything and print what it took."""
    questions = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    import chatsse  # noqa: F401 - what a process has anyway

    before = pss_mb()
    from chatsse.knowledge.index import Index

    loaded = pss_mb()
    with clocked("open"):
        index = Index(path)
    clocks: tuple[Callable[[], float], ...] = (time.process_time, time.perf_counter)
    took: list[list[float]] = []
    for question in questions:
        begun = [clock() for clock in clocks]
        index.search(question["asked"], before=question.get("before", ""))
        took.append([clock() - then for clock, then in zip(clocks, begun, strict=True)])
    for name, each in zip(("CPU", "time"), zip(*took, strict=True), strict=True):
        ms = sorted(1000 * s for s in each)
        print(f"{'search':<12}{ms[len(ms) // 2]:.1f} ms {name} p50, {ms[len(ms) * 99 // 100]:.1f} ms p99")
    print(f"{'memory':<12}{loaded - before:.1f} MB of code, {pss_mb() - loaded:.1f} MB of the index")


def main() -> None:
    """Make the index and search it, each in a process of its own."""
    if len(sys.argv) > 2:
        {"make": make, "ask": ask}[sys.argv[1]](Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for step in ("make", "ask"):
            subprocess.run([sys.executable, __file__, step, f"{folder}/index"], check=True)


if __name__ == "__main__":
    main()
