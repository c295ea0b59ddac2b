"""Pages of the web: those that an owner's word leads to, fetched, and read if new or changed.

A page that can't be read, or says next to nothing, is read from its entry in the feed that lists it, if that
holds the text.

| the page | its entry is read |
|---|---|
| is refused by robots.txt, says `noindex`, leads on, lists posts, or is gone for good (410) | no |
| says no (401, 403, 404), or is elsewhere for a while, as at a log-in | yes |
| is none, is too large, or has next to no text: a script makes it | yes |
| fails to answer (5xx, 429, silence) | yes, unless the page itself was read before |
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from hashlib import sha256
from http import HTTPStatus
from itertools import islice
from typing import TypeAlias
from urllib.parse import urlsplit

from gevent.pool import Pool

from chatsse.errors import ContentError, Unreadable
from chatsse.knowledge.addresses import normal
from chatsse.knowledge.feeds import Entry
from chatsse.knowledge.fetcher import PAGES, Fetched, Fetcher, Limits
from chatsse.knowledge.listing import Lister
from chatsse.knowledge.page import Outcome, Page, Read, Receipt, Skipped, Unchanged
from chatsse.knowledge.page_entry import is_scant, read_entry
from chatsse.knowledge.page_html import FOR_GOOD, NOINDEX
from chatsse.knowledge.refusals import Refused, Unanswered
from chatsse.knowledge.robots import Robots
from chatsse.knowledge.sitemaps import MOST_PAGES, Listing

log = logging.getLogger(__name__)

DIGEST_CHARS = 32
# Pages that wait for those that they are copies of.
MOST_COPIES = 500
# The statuses of a page that is not there any more.
GONE = (404, 410)
# In `X-Robots-Tag`, with no other robot's name before it.
_NOINDEX = re.compile(r"(?:^|,)\s*(?:chatsse:\s*)?(?:noindex|none)\b", re.IGNORECASE)

Reader: TypeAlias = Callable[[bytes, str, str | None], Page]


class Web:
    """Reads what is on the web, a few pages at once.

    :param known: how pages were got before, by their addresses
    :param read: makes a page of its bytes, its address and the charset that the server names, or raises
        `Unreadable`, of a page that wants not to be found with `NOINDEX`
    :ivar total: how many outcomes there are to be, for all words so far
    """

    def __init__(
        self, known: Mapping[str, Receipt], read: Reader, *, at_once: int = 4, limits: Limits | None = None
    ) -> None:
        self.total = 0
        self._known = known
        self._read = read
        self._at_once = at_once
        self._limits = limits or Limits()
        self._seen: set[str] = set()

    def pages(self, word: str) -> Iterator[Outcome]:
        """Yield what became of each page that an address leads to, as they come; no page comes twice.

        Only so many bodies are held as are fetched at once, however slowly this is iterated.

        :raises ContentError: what is there can't be read at all; raised before anything is yielded
        """
        try:
            url = normal(word)
            fetcher = Fetcher(url, self._at_once, self._limits)
            robots = Robots(fetcher)
            listing = self._listing(word, url, Lister(fetcher, robots))
        except Unreadable as error:
            raise ContentError(word, error.why) from error
        pages = [page for page in self._with_known(listing, word) if page not in self._seen]
        self._seen.update(pages)
        self.total += len(pages) + len(listing.left_out)
        visit = _Visit(word, self._known, self._read, self._seen, fetcher, robots, listing.entries)
        with closing(fetcher):
            yield from (Skipped(place, word, why, is_gone=False) for place, why in listing.left_out.items())
            yield from self._outcomes(visit, pages)

    def _listing(self, word: str, url: str, lister: Lister) -> Listing:
        known = self._known.get(url)
        if known and known.source == word and not url.endswith("/"):
            return Listing({url: None})
        listing = lister.pages(url)
        if not listing.pages:
            first = next((f" ({place}: {why})" for place, why in listing.left_out.items()), "")
            raise Unreadable(f"lists no pages{first}")
        return listing

    def _with_known(self, listing: Listing, word: str) -> Iterable[str]:
        """Return the pages of a listing; of one that may lack some, with those that were found before.

        A feed lists its newest posts only, and a sitemap may be broken: an older page stays for as long as it
        is there.
        """
        if listing.is_whole:
            return listing.pages
        before = (place for place, receipt in self._known.items() if receipt.source == word)
        return dict.fromkeys([*listing.pages, *islice(before, MOST_PAGES)])

    def _outcomes(self, visit: "_Visit", pages: Iterable[str]) -> Iterator[Outcome]:
        pool = Pool(self._at_once)
        outcomes = pool.imap_unordered(visit.outcome, pages, maxsize=self._at_once)
        copies: list[Outcome] = []
        try:
            for outcome in outcomes:
                if len(copies) < MOST_COPIES and self._is_copy(outcome):
                    copies.append(outcome)
                else:
                    yield outcome
            yield from copies
        finally:
            outcomes.kill()
            pool.kill()

    def _is_copy(self, outcome: Outcome) -> bool:
        """Tell whether a page gives the address of another one that is listed, which comes first for it."""
        if not isinstance(outcome, Read):
            return False
        return outcome.page.url != outcome.receipt.location and outcome.page.url in self._seen


class _Visit:
    """The reading of the pages under one word."""

    def __init__(
        self,
        word: str,
        known: Mapping[str, Receipt],
        read: Reader,
        seen: set[str],
        fetcher: Fetcher,
        robots: Robots,
        entries: Mapping[str, Entry],
    ) -> None:
        self._word = word
        self._known = known
        self._read = read
        self._seen = seen
        self._fetcher = fetcher
        self._robots = robots
        self._entries = entries

    def outcome(self, url: str) -> Outcome:
        """Return what became of a page, whatever that is."""
        try:
            return self._tried(url)
        except Unreadable as error:
            return self._skipped(url, error.why, is_gone=_is_gone(error))
        except Exception:
            log.exception("%s can't be read", url)
            return self._skipped(url, "failed to be read")

    def _tried(self, url: str) -> Outcome:
        if not self._robots.allow(url):
            return self._skipped(url, "robots.txt says no", is_gone=True)
        known = self._known.get(url)
        try:
            fetched = self._fetcher.fetch(url, known, kinds=PAGES)
        except Unreadable as error:
            return self._by_entry(url, error)
        if fetched.url != url and (outcome := self._moved(url, fetched)):
            return outcome
        if _NOINDEX.search(fetched.robots):
            return self._skipped(url, NOINDEX, is_gone=True)
        if known and fetched.is_unchanged:
            return Unchanged(self._receipt(url, fetched, known.digest))
        receipt = self._receipt(url, fetched, _digest(fetched.body))
        return Unchanged(receipt) if known and known.digest == receipt.digest else self._new(fetched, receipt)

    def _moved(self, url: str, fetched: Fetched) -> Outcome | None:
        """Return what became of a page that is not where it was listed; None: it is read where it is."""
        if _is_elsewhere(fetched, url) and (outcome := self._rather_by_entry(url, "is elsewhere for now")):
            return outcome
        if fetched.url in self._seen:
            return self._skipped(url, f"is at {fetched.url}", is_gone=fetched.is_lasting)
        self._seen.add(fetched.url)
        if not self._robots.allow(fetched.url):
            return self._skipped(url, "robots.txt says no", is_gone=True)
        return None

    def _new(self, fetched: Fetched, receipt: Receipt) -> Outcome:
        url = receipt.location
        try:
            read = Read(receipt, self._read(fetched.body, fetched.url, fetched.charset))
        except Unreadable as error:
            if error.why in FOR_GOOD:
                return self._skipped(url, error.why, is_gone=True)
            # A page without text may be there again tomorrow.
            return self._by_entry(url, error)
        return (is_scant(read.page) and self._rather_by_entry(url, "next to no text")) or read

    def _rather_by_entry(self, url: str, why: str) -> Outcome | None:
        """Return what became of a page's entry in the feed; None: there is none that says more.

        :param why: not to take the page itself
        """
        known = self._known.get(url)
        outcome: Outcome = self._skipped(url, why)
        with suppress(Unreadable):
            outcome = self._by_entry(url, Unreadable(why))
        # What the feed said once stays, though it says it no longer.
        was_entry = known is not None and known.is_entry
        return outcome if was_entry or not isinstance(outcome, Skipped) else None

    def _by_entry(self, url: str, error: Unreadable) -> Outcome:
        """Return what became of a page's entry in the feed, of which more may be had than of the page.

        :param error: why the page itself can't be read; raised where no entry stands in for it
        """
        entry, known = self._entries.get(url), self._known.get(url)
        was_read = known is not None and not known.is_entry
        if entry is None or _is_final(error) or (was_read and isinstance(error, Unanswered)):
            raise error
        receipt = Receipt(url, self._word, "", "", _digest(repr(entry).encode()), is_entry=True)
        if known and known.is_entry and known.digest == receipt.digest:
            return Unchanged(receipt, error.why)
        try:
            return Read(receipt, read_entry(entry, url), error.why)
        except Unreadable as fault:
            return self._skipped(url, f"{error.why}, and {fault.why}", is_gone=_is_gone(error))

    def _receipt(self, url: str, fetched: Fetched, digest: str) -> Receipt:
        return Receipt(url, self._word, fetched.etag, fetched.last_modified, digest)

    def _skipped(self, url: str, why: str, *, is_gone: bool = False) -> Skipped:
        return Skipped(url, self._word, why, is_gone)


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:DIGEST_CHARS]


def _is_gone(error: Unreadable) -> bool:
    return isinstance(error, Refused) and error.status in GONE


def _is_final(error: Unreadable) -> bool:
    """Tell whether the server means that nobody is to find the page again (RFC 9110, 15.5.11)."""
    return isinstance(error, Refused) and error.status == HTTPStatus.GONE


def _is_elsewhere(fetched: Fetched, url: str) -> bool:
    """Tell whether another page is shown in the place of that at `url`, for as long as it lasts."""
    there, here = urlsplit(fetched.url).path, urlsplit(url).path
    return not fetched.is_lasting and there.rstrip("/") != here.rstrip("/")
