"""What `chatsse index` and `chatsse ask` show in a terminal."""

import re
import sys
from collections.abc import Iterable
from textwrap import shorten
from time import monotonic
from typing import TextIO

from chatsse.briefing import title_of
from chatsse.knowledge.index import Hit
from chatsse.knowledge.report import Report
from chatsse.providers import Citation, Part, Text
from chatsse.sources import Sources

BAR = 30
# As often as an eye follows.
REDRAW_S = 0.1
SHOWN_CHARS = 200
# A backslash that is there for Markdown's sake.
_ESCAPED = re.compile(r"\\([\\`*_\[\]<>~&|#!])")


class Progress:
    """A bar that grows with the pages, where somebody looks."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_seen = out.isatty()
        self._drawn_at = 0.0

    def told(self, report: Report, total: int) -> None:
        """Show how far the reading has come.

        :param total: the pages known of, of which more may turn up
        """
        if self._is_seen and monotonic() - self._drawn_at > REDRAW_S:
            self._drawn_at = monotonic()
            done = report.read + report.unchanged + len(report.skipped)
            full = BAR * done // max(done, total)
            print(
                f"\r{'█' * full}{'░' * (BAR - full)} {done:,} of {max(done, total):,} pages",
                end="",
                file=self._out,
            )
            self._out.flush()

    def clear(self) -> None:
        """Leave the line as if nothing had been there."""
        if self._is_seen:
            print("\r\x1b[K", end="", file=self._out, flush=True)


def print_hits(hits: Iterable[Hit]) -> None:
    """Print what was found, with scores, best first."""
    for hit in hits:
        print(f"{hit.score:8.3g}  {title_of(hit)}\n          {hit.passage.url}")
        print(f"          {shorten(' '.join(hit.passage.blocks), SHOWN_CHARS, placeholder='…')}\n")


def print_answer(parts: Iterable[Part]) -> None:
    """Print an answer as it comes, with the numbers of its sources, and the sources after it."""
    sources = Sources()
    for part in parts:
        match part:
            case Text(text):
                print(_ESCAPED.sub(r"\1", text), end="")
            case Citation():
                sources.add(part)
                print(f" [{sources.number(part)}]", end="")
        sys.stdout.flush()
    print()
    for source in sources.listed():
        print(f"\n[{source['n']}] {source['title']}\n    {source['url']}", end="")
    print("\n" if sources.listed() else "", end="")
