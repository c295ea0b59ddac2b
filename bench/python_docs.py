"""Python's HTML documentation as Debian packages it: a site that nobody wrote for a search engine's test."""

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from chatsse.errors import Unreadable
from chatsse.knowledge.page import Page, Receipt
from chatsse.knowledge.page_html import read_html

FOLDER = Path("/usr/share/doc/python3/html")
ADDRESS = "https://docs.python.org/3/"


def read_pages() -> list[tuple[Receipt, Page]]:
    """Return the pages, in the order of their paths, but for the index of terms: it is only links."""
    if not FOLDER.is_dir():
        sys.exit(f"{FOLDER} is not there. Please install it, e.g. on Debian: apt install python3-doc")
    return list(_pages())


def _pages() -> Iterator[tuple[Receipt, Page]]:
    for path in sorted(FOLDER.rglob("*.html")):
        name = path.relative_to(FOLDER).as_posix()
        if name.startswith("genindex"):
            continue
        body = path.read_bytes()
        try:
            page = read_html(body, ADDRESS + name)
        except Unreadable:
            continue
        yield Receipt(name, "python3-doc", "", "", sha256(body).hexdigest()), page
