"""Pages that lie in a folder, as the files that a site is made from.

The owner's word is `FOLDER=ADDRESS`, or a single file likewise; the address is that of the folder's pages,
`https://blog.example/`, or a path on the chat's own server, `/posts`. Without an address the settings of the
site's generator say it, or each page its own: HTML by its canonical link, Markdown by its front matter.
"""

import hashlib
import logging
import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path

from chatsse.config import folder_and_address
from chatsse.errors import ContentError, Unreadable
from chatsse.knowledge.facts import as_day
from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.generator import HTML
from chatsse.knowledge.page import Outcome, Page, Read, Receipt, Skipped, Unchanged
from chatsse.knowledge.page_html import FOR_GOOD, NO_ADDRESS, NOINDEX, read_html
from chatsse.knowledge.page_markdown import Document, parse_document, read_markdown
from chatsse.knowledge.permalinks import Site, find_site

log = logging.getLogger(__name__)

MAX_BYTES = 5 * 1024 * 1024
_MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
# What begins like this is for the generators, but for the names below and a section's `_index.md`.
_APART = (".", "_")
_NOT_OF_PAGES = frozenset({"node_modules", "themes", "vendor"})
# What servers show in the place of a page that they don't have.
_NO_PAGE = "404"
_DATED = re.compile(r"(\d{4}-\d\d-\d\d)-.+")
# Why the site does not show a page.
_DRAFT, _EARLY, _LATE, _NO_MATTER = "draft", "not published yet", "published no more", "without front matter"
_PART = "a part of other pages"
_HIDDEN = (*FOR_GOOD, _DRAFT, _EARLY, _LATE, _NO_MATTER, _PART)


class Folder:
    """Reads the pages of folders.

    :param known: by location, how each page was got that is known already
    :ivar total: how many files there are to read; known when iteration begins
    :ivar remarks: what the owner has to know of the folders so far, likewise
    """

    def __init__(self, known: Mapping[str, Receipt]) -> None:
        self._known = known
        self.total = 0
        self.remarks: list[str] = []

    def pages(self, word: str) -> Iterator[Outcome]:
        """Yield what becomes of each page that the owner's `word` names.

        :raises ContentError: there is nothing there, or no page has an address
        """
        name, address = folder_and_address(word)
        path = Path(name)
        if path.is_dir():
            site = find_site(path, address)
            paths = sorted(chain.from_iterable(_files(folder, site) for folder in site.folders))
            reader = _Files(word, path.resolve(), site, site.address_of)
        elif path.is_file():
            site = find_site(path.parent, None)
            paths = [path]
            reader = _Files(word, path.parent.resolve(), site, lambda *it: address or site.address_of(*it))
        else:
            raise ContentError(word, "there is no such file or folder")
        self.total = len(paths)
        if path.is_dir() or not address:
            self.remarks += [f"{word}: {remark}" for remark in site.remarks]
        if not paths:
            self.remarks.append(f"{word}: holds no Markdown and no HTML")
        yield from _addressed(
            word, (reader.outcome(path, self._known.get(path.as_posix())) for path in paths)
        )


class _Files:
    """Reads the files that one word names.

    :param root: the folder that no link may lead out of
    :param site: whose generator decides which of them are pages
    """

    def __init__(
        self,
        word: str,
        root: Path,
        site: Site,
        address_of: Callable[[Path, FrontMatter], str],
    ) -> None:
        self._word = word
        self._root = root
        self._site = site
        self._address_of = address_of

    def outcome(self, path: Path, known: Receipt | None) -> Outcome:
        """Return what becomes of the file at `path`."""
        location = path.as_posix()
        if why := self._site.why_not(path):
            return Skipped(location, self._word, why, is_gone=True)
        try:
            return self._read(path, known)
        except Unreadable as error:
            return Skipped(location, self._word, error.why, is_gone=error.why in _HIDDEN)
        except FileNotFoundError:
            return Skipped(location, self._word, "is gone", is_gone=True)
        except OSError:
            return Skipped(location, self._word, "can't be read", is_gone=False)
        except Exception:
            # As of the web: what one page breaks is not the others'.
            log.exception("%s can't be read", location)
            return Skipped(location, self._word, "failed to be read", is_gone=False)

    def _read(self, path: Path, known: Receipt | None) -> Outcome:
        body = _bytes(path, self._root)
        is_html = path.suffix.lower() in HTML
        document = Document(FrontMatter({}), "") if is_html else parse_document(body)
        # It may be empty, but has to be there.
        has_matter = is_html or body.removeprefix(BOM_UTF8).startswith(b"---")
        if self._site.generator.needs_matter and not has_matter:
            raise Unreadable(_NO_MATTER)
        matter = document.matter if is_html else self._site.completed(path, document.matter)
        address = self._address_of(path, matter)
        document = replace(document, matter=matter.or_dated(_day_in(path.name)))
        _see_that_public(document.matter, is_dated=self._site.generator.is_dated)
        # The same text is another page where the address is another one.
        digest = hashlib.sha256(address.encode() + b"\n" + body).hexdigest()[:32]
        receipt = Receipt(path.as_posix(), self._word, "", "", digest)
        if known == receipt:
            return Unchanged(receipt)
        return Read(receipt, read_html(body, address) if is_html else self._page(path, document, address))

    def _page(self, path: Path, document: Document, address: str) -> Page:
        if not address:
            raise Unreadable(NO_ADDRESS)
        return read_markdown(document, address, self._site.name_of(path))


def _files(folder: Path, site: Site) -> Iterator[Path]:
    """Yield the files in the folder that may be pages of the site."""
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _is_looked_into(name, site)]
        for name in names:
            path = Path(above, name)
            is_kept = name.startswith("_index.") or not (name.startswith(_APART) or path.stem == _NO_PAGE)
            if is_kept and path.suffix.lower() in _MARKDOWN | HTML and path.is_file():
                yield path


def _is_looked_into(name: str, site: Site) -> bool:
    is_apart = name.startswith(_APART) or name in _NOT_OF_PAGES
    return not is_apart or site.generator.is_of_pages(name)


def _bytes(path: Path, root: Path) -> bytes:
    """Return what is in the file.

    :raises Unreadable: it is none of the folder's pages
    """
    if not path.resolve().is_relative_to(root):
        raise Unreadable("leads out of the folder")
    with path.open("rb") as file:
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Unreadable("larger than 5 MB")
    if path.suffix.lower() in HTML and body.startswith(b"---"):
        raise Unreadable("a template, not a page")
    return body


def _see_that_public(matter: FrontMatter, *, is_dated: bool) -> None:
    """Raise `Unreadable` where the site does not show the page, or shows it to no search engine."""
    if NOINDEX in matter.text("robots").lower():
        raise Unreadable(NOINDEX)
    today = datetime.now(UTC).date()
    begins = matter.day("publishdate") or (matter.date if is_dated else None) or date.min
    ends = matter.day("expirydate") or date.max
    is_hidden = matter.is_said("draft", True) or matter.is_said("headless", True)
    if is_hidden or matter.is_said("published", False):
        raise Unreadable(_DRAFT)
    if not matter.is_rendered:
        raise Unreadable(_PART)
    if not begins <= today <= ends:
        raise Unreadable(_EARLY if today < begins else _LATE)


def _day_in(name: str) -> date | None:
    """Return the day that a file's name begins with, as Jekyll has it."""
    match = _DATED.fullmatch(name)
    return as_day(match[1]) if match else None


def _addressed(word: str, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield the outcomes, those without an address only when there are others.

    :raises ContentError: not one has an address
    """
    homeless: list[Outcome] = []
    is_any_at_home = False
    for outcome in outcomes:
        if isinstance(outcome, Skipped) and outcome.why == NO_ADDRESS:
            homeless.append(outcome)
        else:
            is_any_at_home = is_any_at_home or not isinstance(outcome, Skipped)
            yield outcome
    if homeless and not is_any_at_home:
        if folder_and_address(word)[1] is not None:
            raise ContentError(word, "no page's address can be told: name the sitemap instead")
        raise ContentError(word, f"say where its pages are, e.g. {word}=https://blog.example/")
    yield from homeless
