"""Pages of the web: those that an owner's word leads to, fetched, and read if new or changed."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from itertools import islice
from typing import TypeAlias

from gevent.pool import Pool

from chatsse.errors import ContentError, Unreadable
from chatsse.knowledge.addresses import normal
from chatsse.knowledge.fetcher import PAGES, Fetched, Fetcher, Limits
from chatsse.knowledge.listing import Lister
from chatsse.knowledge.page import Outcome, Page, Read, Receipt, Skipped, Unchanged
from chatsse.knowledge.page_html import FOR_GOOD, NOINDEX
from chatsse.knowledge.refusals import Refused
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
        visit = _Visit(word, self._known, self._read, self._seen, fetcher, robots)
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
    ) -> None:
        self._word = word
        self._known = known
        self._read = read
        self._seen = seen
        self._fetcher = fetcher
        self._robots = robots

    def outcome(self, url: str) -> Outcome:
        """Return what became of a page, whatever that is."""
        try:
            return self._tried(url)
        except Refused as error:
            return self._skipped(url, error.why, is_gone=error.status in GONE)
        except Unreadable as error:
            return self._skipped(url, error.why)
        except Exception:
            log.exception("%s can't be read", url)
            return self._skipped(url, "failed to be read")

    def _tried(self, url: str) -> Outcome:
        if not self._robots.allow(url):
            return self._skipped(url, "robots.txt says no", is_gone=True)
        known = self._known.get(url)
        fetched = self._fetcher.fetch(url, known, kinds=PAGES)
        if fetched.url != url:
            if fetched.url in self._seen:
                return self._skipped(url, f"is at {fetched.url}", is_gone=fetched.is_lasting)
            self._seen.add(fetched.url)
            if not self._robots.allow(fetched.url):
                return self._skipped(url, "robots.txt says no", is_gone=True)
        if _NOINDEX.search(fetched.robots):
            return self._skipped(url, NOINDEX, is_gone=True)
        if known and fetched.is_unchanged:
            return Unchanged(self._receipt(url, fetched, known.digest))
        digest = sha256(fetched.body).hexdigest()[:DIGEST_CHARS]
        receipt = self._receipt(url, fetched, digest)
        return Unchanged(receipt) if known and known.digest == digest else self._new(fetched, receipt)

    def _new(self, fetched: Fetched, receipt: Receipt) -> Outcome:
        try:
            return Read(receipt, self._read(fetched.body, fetched.url, fetched.charset))
        except Unreadable as error:
            # A page without text may be there again tomorrow.
            return self._skipped(receipt.location, error.why, is_gone=error.why in FOR_GOOD)

    def _receipt(self, url: str, fetched: Fetched, digest: str) -> Receipt:
        return Receipt(url, self._word, fetched.etag, fetched.last_modified, digest)

    def _skipped(self, url: str, why: str, *, is_gone: bool = False) -> Skipped:
        return Skipped(url, self._word, why, is_gone)
