"""What a blog says, as it is read, kept and found; and what there is to report of the reading."""

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a page under one heading, of some 120 to 300 words.

    :param url: the page's address with the anchor of that heading, or with a text fragment
    :param headings: those it stands under, outermost first; the page's title is not among them
    :param blocks: its paragraphs, lists, tables and blocks of code, each as plain text
    """

    url: str
    headings: tuple[str, ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was read.

    :param url: where visitors find it: its canonical address, without a fragment
    :param language: the primary subtag in lower case, `en`; empty where the page does not say
    :param summary: what it says that it is about: its description, its tags
    """

    url: str
    title: str
    language: str
    date: date | None
    summary: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a page was got, so that it need not be read again unless it has changed.

    :param location: the address or the path that it was read from
    :param source: the owner's word under which it was found
    :param etag: as the server sent it; empty where it sent none, or for a file
    :param last_modified: likewise
    :param digest: of what was read
    :param is_entry: what was read is its entry in a feed
    """

    location: str
    source: str
    etag: str
    last_modified: str
    digest: str
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A page that is new or has changed.

    :param fault: why the page itself can't be read, where its entry in a feed was
    """

    receipt: Receipt
    page: Page
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A page that is as it was when it was read before.

    :param fault: likewise
    """

    receipt: Receipt
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A page that can't be read, or must not be.

    :param why: in a few words, for the owner's report
    :param is_gone: whether there is no old version of it any more; of what merely failed it is kept
    """

    location: str
    source: str
    why: str
    is_gone: bool


Outcome: TypeAlias = Read | Unchanged | Skipped
