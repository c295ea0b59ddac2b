"""What a site's robots.txt lets us read, after RFC 9309."""

from gevent.lock import BoundedSemaphore
from protego import Protego

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import origin_of
from chatsse.knowledge.fetcher import Fetcher
from chatsse.knowledge.refusals import Refused

AGENT = "chatsse"
# As much as must be read of it (RFC 9309, 2.5).
FIRST_BYTES = 500 * 1024


class Robots:
    """The robots.txt of each host that is asked about, fetched once.

    Where there is none, all may be read; where the server fails to say, nothing (RFC 9309, 2.3.1).
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._files: dict[str, Protego | Unreadable] = {}
        self._fetching = BoundedSemaphore()

    def allow(self, url: str) -> bool:
        """Whether the page at a normal address may be read.

        :raises Unreadable: robots.txt should be there, and can't be had
        """
        return self._file(url).can_fetch(url, AGENT)

    def sitemaps(self, url: str) -> list[str]:
        """Return the sitemaps that the host of an address names, as they are written there.

        :raises Unreadable: robots.txt should be there, and can't be had
        """
        return list(self._file(url).sitemaps)

    def _file(self, url: str) -> Protego:
        origin = origin_of(url)
        with self._fetching:
            if origin not in self._files:
                self._files[origin] = self._fetch(origin)
        file = self._files[origin]
        if isinstance(file, Unreadable):
            raise file
        return file

    def _fetch(self, origin: str) -> Protego | Unreadable:
        try:
            body = self._fetcher.fetch(f"{origin}/robots.txt", first_bytes=FIRST_BYTES).body
        except Refused:
            body = b""
        except Unreadable as error:
            return Unreadable(f"robots.txt: {error.why}")
        file = Protego.parse(body.decode("utf-8-sig", "replace"))
        self._fetcher.slow_down(origin, file.crawl_delay(AGENT) or 0)
        return file
