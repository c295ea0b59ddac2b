"""Entries of feeds, as the pages that they stand for.

They are read by the same rules as a page. What anchors the page has is not known, so that links to it find
the words themselves or open its beginning.
"""

from chatsse.errors import Unreadable
from chatsse.knowledge.anchors import Anchors
from chatsse.knowledge.boilerplate import boilerplate, unseen
from chatsse.knowledge.characters import line
from chatsse.knowledge.feeds import Entry
from chatsse.knowledge.html_blocks import Reader
from chatsse.knowledge.html_tree import parse, text_of
from chatsse.knowledge.page import Page
from chatsse.knowledge.passages import count_words, split

# WordPress cuts its excerpts after 55.
LEAST_WORDS = 60
# As much as of a page.
MOST_CHARS = 5 * 1024 * 1024


def read_entry(entry: Entry, url: str) -> Page:
    """Return the page at `url` by what a feed holds of it.

    :raises Unreadable: that is no more than an excerpt, or more than a page can be
    """
    if len(entry.text) > MOST_CHARS:
        raise Unreadable("too much of it in the feed")
    tree, title = parse(entry.text), _line(entry.title)
    dropped, body = unseen(tree) | boilerplate(tree), tree.body
    blocks = Reader(Anchors(parse("")), title).read(body, dropped) if body else []
    page = Page(url, title, entry.language, entry.date, _summary(entry), split(url, blocks))
    if is_scant(page):
        raise Unreadable("only an excerpt of it in the feed")
    return page


def is_scant(page: Page) -> bool:
    """Tell whether a page says no more than an excerpt would."""
    texts = (text for passage in page.passages for text in passage.blocks)
    return sum(map(count_words, texts)) < LEAST_WORDS


def _summary(entry: Entry) -> str:
    """Return what stands beside the text, and the tags in a line."""
    about = _line(entry.about)
    # Some feeds have the whole text twice.
    about = about if count_words(about) < LEAST_WORDS else ""
    return "\n".join(filter(None, [about, ", ".join(dict.fromkeys(map(line, entry.tags)))]))


def _line(html: str) -> str:
    tree = parse(html)
    return line(text_of(tree.body, unseen(tree))) if tree.body else ""
