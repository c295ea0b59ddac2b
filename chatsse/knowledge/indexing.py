"""Reading a blog into a new edition of its index.

The new index is written aside, page by page: those that have changed are read, the others taken over from the
edition in use, and so are those that can't be read just now. Nothing is replaced before the new one is whole.
It runs in a process of its own, since reading pages keeps a processor busy that visitors wait for.
"""

import logging
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import gevent

from chatsse.errors import BadIndex, ContentError, IndexBusy
from chatsse.knowledge.editions import Editions, State, content_line
from chatsse.knowledge.folder import Folder
from chatsse.knowledge.index import Builder, Index
from chatsse.knowledge.lock import Lock
from chatsse.knowledge.page import Outcome, Read, Receipt, Skipped, Unchanged
from chatsse.knowledge.page_html import read_html
from chatsse.knowledge.report import Report
from chatsse.knowledge.web import Web

log = logging.getLogger(__name__)

Told = Callable[[Report, int], None]
_ADDRESS = re.compile("https?://", re.IGNORECASE)
_PREFIX = "chatsse-reading-"
# What has lain on the disk for longer is of no reading that is still under way.
LEFT_S = 24 * 3600


def index(words: Sequence[str], editions: Editions, told: Told) -> Report:
    """Read what the words name and have all processes answer from it; return what became of each page.

    :param words: addresses and folders, as `CHATSSE_CONTENT` has them
    :param told: called after each page with the report so far and the number of pages known of
    :raises IndexBusy: another process reads the blog just now, or has taken over
    :raises RedisAway:
    :raises OSError: the disk is full
    :raises sqlite3.Error: likewise
    """
    _clear_away()
    with (
        editions.lock() as lock,
        tempfile.TemporaryDirectory(prefix=_PREFIX) as folder,
        _in_use(editions, editions.state(), Path(folder) / "old") as old,
    ):
        return _Reading(old, Path(folder) / "new", told).run(words, editions, lock)


def _clear_away() -> None:
    """Remove what readings that were killed have left on the disk."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > LEFT_S:
                shutil.rmtree(folder)


class _Reading:
    """One reading of a blog.

    :param old: the index in use; None where there is none, or none that this release can read
    """

    def __init__(self, old: Index | None, path: Path, told: Told) -> None:
        self._old = old
        self._known: dict[str, Receipt] = old.receipts() if old else {}
        self._builder = Builder(path)
        self._web = Web(self._known, read_html)
        self._folders = Folder(self._known)
        self._path = path
        self._told = told
        self._report = Report()

    def run(self, words: Sequence[str], editions: Editions, lock: Lock) -> Report:
        """Read all, and have it used if anything is new."""
        for word in words:
            self._read(word)
        self._builder.finish()
        report = self._report
        report.remarks = self._folders.remarks
        with closing(Index(self._path)) as new:
            report.pages, report.passages = new.pages, new.passages
            # Pages that say the same in other bytes are no news.
            is_news = self._old is None or new.digest() != self._old.digest()
        content = content_line(words)
        if report.is_empty:
            return report
        if is_news:
            if not editions.publish(self._path, content, lock):
                raise IndexBusy
        elif not report.lost and not editions.checked(content, lock):
            raise IndexBusy
        return report

    def _read(self, word: str) -> None:
        try:
            for outcome in (self._web if _ADDRESS.match(word) else self._folders).pages(word):
                self._take(outcome)
                self._told(self._report, self._web.total + self._folders.total)
                # Files don't let go by themselves of what keeps the lock and hears signals.
                gevent.sleep(0)
        except ContentError as error:
            self._report.lost.append(error)
            for receipt in self._known.values():
                if receipt.source == word:
                    self._keep(receipt)

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case Read(receipt, page):
                if not self._builder.add(receipt, page):
                    outcome = Skipped(receipt.location, receipt.source, "there already", is_gone=True)
            case Unchanged(receipt):
                self._keep(receipt)
            case Skipped(location, source, why, is_gone=False):
                if known := self._known.get(location):
                    self._keep(known)
                else:
                    outcome = Skipped(location, source, why, is_gone=True)
        self._report.count(outcome)

    def _keep(self, receipt: Receipt) -> None:
        """Take over the page as it was, with how it was got now."""
        if self._old:
            self._builder.add(receipt, self._old.read(receipt.location)[1])


@contextmanager
def _in_use(editions: Editions, state: State, path: Path) -> Iterator[Index | None]:
    """Yield the index in use, if there is one that can be read."""
    index = None
    if state.version:
        try:
            index = Index(path) if editions.fetch(state, path) else None
        except (BadIndex, zlib.error) as error:
            log.warning("the index in use can't be read, so all pages are read anew: %s", error)
    try:
        yield index
    finally:
        if index:
            index.close()
