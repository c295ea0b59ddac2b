"""The index of a blog's pages: one SQLite file, made aside by a `Builder`, read by an `Index`.

| table | holds |
|---|---|
| `pages` | what was read, with its receipt |
| `passages` | their parts, as they are answered from |
| `terms` | FTS5 without content: what each passage is found by |
| `vocabulary` | FTS5's view of all the terms |

Texts are JSON, as bytes: names of files can hold what is no Unicode, and SQLite would refuse it. The format
is in `user_version`, and written when all else is on the disk: what nobody finished is of no format.
"""

import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from chatsse.errors import BadIndex
from chatsse.knowledge.page import Page, Passage, Receipt
from chatsse.knowledge.ranking import Ranking
from chatsse.knowledge.stopwords import likeliest_language
from chatsse.knowledge.terms import Stems, fold, words

# To be raised with every change of the tables, of what `terms` makes of a text or of how pages are split:
# then all is read anew.
FORMAT = 1
# More words than most sites have.
_STEMS = 100_000
# Enough to tell a page's language by.
_TELLING_WORDS = 500

_SCHEMA = """
CREATE TABLE pages (
    id INTEGER PRIMARY KEY, url BLOB NOT NULL UNIQUE, address BLOB NOT NULL, location BLOB NOT NULL UNIQUE,
    language TEXT NOT NULL, date TEXT, about BLOB NOT NULL, receipt BLOB NOT NULL
);
CREATE INDEX pages_by_address ON pages (address);
CREATE TABLE passages (id INTEGER PRIMARY KEY, page INTEGER NOT NULL, content BLOB NOT NULL);
CREATE INDEX passages_by_page ON passages (page);
CREATE VIRTUAL TABLE terms USING fts5(
    title, headings, summary, text, content='', tokenize="ascii tokenchars '.+#_''-'"
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(terms, row);
"""
_BEFORE_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//(?:www\.)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that fits a question.

    :param score: to compare with those of the same search only
    """

    title: str
    page_url: str
    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Link:
    """A page to point to."""

    title: str
    url: str


class Builder:
    """An index that is being written into a new file.

    `sqlite3.Error` and `OSError` are left to the caller, who then throws the file away: it opens as an index
    only after `finish`.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._stems: dict[str, Stems] = {}
        self._db = sqlite3.connect(path, isolation_level=None)
        # Nobody reads it before it is finished, nor goes on with it when it will not be.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("BEGIN")
        for statement in _SCHEMA.strip().split(";\n"):
            self._db.execute(statement)

    def add(self, receipt: Receipt, page: Page) -> bool:
        """Take the page in, and return whether it was: not where its address or location is there already."""
        language = page.language or _language_of(page)
        row = self._db.execute(
            "INSERT OR IGNORE INTO pages (url, address, location, language, date, about, receipt)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *map(_bytes, (page.url, address_of(page.url), receipt.location)),
                language,
                page.date.isoformat() if page.date else None,
                _packed([page.title, page.language, page.summary]),
                _packed(astuple(receipt)),
            ),
        )
        if not row.rowcount:
            return False
        if language not in self._stems:
            self._stems[language] = Stems(language, _STEMS)
        self._add_passages(row.lastrowid, page, self._stems[language])
        return True

    def finish(self) -> None:
        """Check the index and close it: now the file is whole."""
        self._db.execute("INSERT INTO terms (terms) VALUES ('optimize')")
        self._db.execute("INSERT INTO terms (terms) VALUES ('integrity-check')")
        self._db.execute("COMMIT")
        self._sync()
        self._db.execute(f"PRAGMA user_version = {FORMAT}")
        self._sync()
        self.close()

    def close(self) -> None:
        """Let go of the file, finished or not."""
        self._db.close()

    def _add_passages(self, page_id: int | None, page: Page, stems: Stems) -> None:
        title, summary = stems.of_text(page.title), stems.of_text(page.summary)
        for passage in page.passages:
            row = self._db.execute(
                "INSERT INTO passages (page, content) VALUES (?, ?)", (page_id, _packed(astuple(passage)))
            )
            headings = stems.of_text("\n".join(passage.headings))
            text = stems.of_text("\n".join(passage.blocks))
            self._db.execute(
                "INSERT INTO terms (rowid, title, headings, summary, text) VALUES (?, ?, ?, ?, ?)",
                (row.lastrowid, *map(" ".join, (title, headings, summary, text))),
            )
            # Once a page: what it says of itself is not to make a term common.
            summary = []

    def _sync(self) -> None:
        with self._path.open("rb") as file:
            os.fsync(file.fileno())


class Index:
    """What there is to answer from; for many greenlets of one thread.

    :raises BadIndex: the file is none, or nobody finished it, or it is broken, or of another format
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                self._check(path)
                self._read_outline()
            except BaseException:
                self._db.close()
                raise
        except sqlite3.Error as error:
            raise BadIndex(path, str(error)) from error

    def _check(self, path: Path) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found != FORMAT:
            raise BadIndex(path, f"its format is {found}, not {FORMAT}")
        # SQLite sees to whole pages only.
        sizes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        if self._db.execute(sizes).fetchone() != (path.stat().st_size,):
            raise BadIndex(path, "it was cut off")
        # Each by its name: from 3.44.0 to 3.45.0, SQLite calls an FTS5 table broken if it can't write to it.
        # What it checks since then: https://sqlite.org/releaselog/3_44_2.html
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
        for (table,) in tables.fetchall():
            (verdict,) = self._db.execute(f"PRAGMA quick_check ({table})").fetchone()
            if verdict != "ok":
                raise BadIndex(path, verdict)

    def _read_outline(self) -> None:
        counts = Counter(language for (language,) in self._db.execute("SELECT language FROM pages"))
        page_of = [page for (page,) in self._db.execute("SELECT page FROM passages ORDER BY id")]
        self.pages, self.passages = counts.total(), len(page_of)
        self.languages = tuple(language for language, _ in counts.most_common())
        self._ranking = Ranking(self._db, page_of, self.languages)

    def receipts(self) -> dict[str, Receipt]:
        """Return how each page was got, by its location."""
        rows = self._db.execute("SELECT receipt FROM pages")
        receipts = (Receipt(*json.loads(packed)) for (packed,) in rows)
        return {receipt.location: receipt for receipt in receipts}

    def read(self, location: str) -> tuple[Receipt, Page]:
        """Return the page that was read from `location`.

        :raises KeyError: there is none
        """
        query = "SELECT id, url, date, about, receipt FROM pages WHERE location = ?"
        row = self._db.execute(query, (_bytes(location),)).fetchone()
        if not row:
            raise KeyError(location)
        page_id, url, day, about, receipt = row
        title, language, summary = json.loads(about)
        rows = self._db.execute("SELECT content FROM passages WHERE page = ? ORDER BY id", (page_id,))
        passages = tuple(_passage(content) for (content,) in rows)
        day = date.fromisoformat(day) if day else None
        return Receipt(*json.loads(receipt)), Page(_text(url), title, language, day, summary, passages)

    def search(
        self, question: str, *, before: str = "", page: str | None = None, limit: int = 6
    ) -> list[Hit]:
        """Return the passages that fit `question` best, best first, at most two of a page.

        A question about the blog as a whole gets what its first page and its newest begin with.

        :param before: what was asked before it, which may be what it means
        :param page: the address of the page that it is asked on
        """
        if self._ranking.is_about_all(question):
            return [self._hit(passage, 1.0) for passage in self._overview(limit)]
        ranked = self._ranking.ranked(question, before, self._id_of(page))
        return [self._hit(passage, score) for passage, score in islice(ranked, limit)]

    def nearest(self, question: str, *, page: str | None = None, limit: int = 3) -> list[Link]:
        """Return the pages to point to where nothing was found.

        Those that hold words like the question's, else the one that it is asked on and the newest.
        """
        page_id = self._id_of(page)
        close = chain(self._ranking.ranked(question, "", page_id), self._ranking.guessed(question))
        found = [self._ranking.page_of(passage) for passage, _ in islice(close, 2 * limit)]
        if not found:
            newest = self._db.execute("SELECT id FROM pages ORDER BY date DESC, id LIMIT ?", (limit,))
            found = [*filter(None, [page_id]), *(newer for (newer,) in newest)]
        return [Link(*self._title_and_url(near)) for near in list(dict.fromkeys(found))[:limit]]

    def digest(self) -> bytes:
        """Return a digest of what all pages say, and not of how they were got."""
        rows = self._db.execute(
            "SELECT pages.url, pages.about, pages.date, passages.content"
            " FROM pages LEFT JOIN passages ON passages.page = pages.id ORDER BY pages.url, passages.id"
        )
        digest = sha256()
        for row in rows:
            digest.update(repr(row).encode())
        return digest.digest()

    def write_to(self, path: Path) -> None:
        """Write the file again, which may have lost its name."""
        path.write_bytes(self._db.serialize())

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _overview(self, limit: int) -> list[int]:
        query = (
            "SELECT min(passages.id) FROM pages JOIN passages ON passages.page = pages.id GROUP BY pages.id"
            " ORDER BY pages.address != ?, pages.date DESC, pages.id LIMIT ?"
        )
        return [passage for (passage,) in self._db.execute(query, (self._first_address(), limit))]

    def _first_address(self) -> bytes:
        """Return the address that most others begin with; empty where no page has one."""
        query = "SELECT address FROM pages ORDER BY length(address), id LIMIT 1"
        (shortest,) = self._db.execute(query).fetchone() or (b"",)
        below = "SELECT count(*) FROM pages WHERE substr(address, 1, length(?1)) = ?1"
        (others,) = self._db.execute(below, (shortest + b"/",)).fetchone()
        return bytes(shortest) if 2 * others >= self.pages - 1 else b""

    def _id_of(self, page: str | None) -> int | None:
        """Return the page that has the address, of several the one that has its query, too."""
        # A path is that of a page on the chat's own server, whatever the host is called.
        query = "SELECT id, url FROM pages WHERE address IN (?, ?)"
        host, slash, path = address_of(page or "").partition("/")
        named = _bytes(host + slash + path), _bytes(slash + path)
        rows = self._db.execute(query, named).fetchall() if page else []
        asked = (page or "").partition("#")[0].partition("?")[2]
        same = [found for found, url in rows if _text(url).partition("?")[2] == asked]
        return same[0] if same else rows[0][0] if len(rows) == 1 else None

    def _hit(self, passage: int, score: float) -> Hit:
        (content,) = self._db.execute("SELECT content FROM passages WHERE id = ?", (passage,)).fetchone()
        title, url = self._title_and_url(self._ranking.page_of(passage))
        return Hit(title, url, _passage(content), score)

    def _title_and_url(self, page_id: int) -> tuple[str, str]:
        about, url = self._db.execute("SELECT about, url FROM pages WHERE id = ?", (page_id,)).fetchone()
        return json.loads(about)[0], _text(url)


def address_of(url: str) -> str:
    """Return what all addresses of a page share: no scheme, www, query, fragment, nor slash at the end."""
    bare = _BEFORE_HOST.sub("", re.split("[?#]", url.strip(), maxsplit=1)[0], count=1)
    host, slash, path = bare.partition("/")
    return (host.lower() + slash + unquote(path)).rstrip("/")


def _language_of(page: Page) -> str:
    blocks = (block for passage in page.passages for block in passage.blocks)
    said = chain.from_iterable(map(words, (page.title, page.summary, *blocks)))
    return likeliest_language(fold(word) for compound in islice(said, _TELLING_WORDS) for word in compound)


def _passage(content: bytes) -> Passage:
    url, headings, blocks = json.loads(content)
    return Passage(url, tuple(headings), tuple(blocks))


def _packed(values: Iterable[Any]) -> bytes:
    return _bytes(json.dumps(list(values), ensure_ascii=False, separators=(",", ":")))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
