#!/usr/bin/env python3
"""Measure how well the search finds: questions as people ask them, over Python's documentation.

`questions.json` holds what is asked, for some the turn before, and the pages that hold an answer. Every third
one is held out: nothing was chosen by it. For each way of searching:

    first   the first page that is found holds an answer
    five    one of the first five does
    mrr     the mean of 1, 1/2, 1/3, … for the first right page at the first, second, third place, …
    given   one of the passages does that go to the model
    none    nothing is found for what is asked in `other_questions.txt`, which no page has to do with

The ways are ours, ours without one of its parts, and what FTS5 does by itself with one column of text.
"""

import json
import random
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias
from unittest.mock import patch

from python_docs import ADDRESS, read_pages

from chatsse.assets import templates_dir
from chatsse.briefing import PASSAGES
from chatsse.knowledge import ranking, stopwords, terms
from chatsse.knowledge.index import Builder, Index
from chatsse.knowledge.page import Page, Receipt
from chatsse.knowledge.sample import Sample

QUESTIONS = Path(__file__).with_name("questions.json")
OTHER_QUESTIONS = Path(__file__).with_name("other_questions.txt")
# Passages enough to see ten pages.
DEEP = 20
HELD_OUT = 3

Pages: TypeAlias = list[tuple[Receipt, Page]]
Search: TypeAlias = Callable[["Question"], list[str]]
Patches: TypeAlias = Iterable[tuple[ModuleType, Mapping[str, Any]]]


@dataclass(frozen=True)
class Question:
    """What is asked, after what, and which pages hold an answer."""

    asked: str
    pages: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True)
class Figures:
    """How well some questions are answered, each figure from 0 to 1."""

    first: float
    five: float
    mrr: float
    given: float

    def __str__(self) -> str:
        return f"{self.first:.0%} | {self.five:.0%} | {self.mrr:.2f} | {self.given:.0%}"


def figures(search: Search, questions: list[Question]) -> Figures:
    """Return how well `search`, which gives the page of each passage, does."""
    places: list[int] = []
    given = 0
    for question in questions:
        found = search(question)
        given += any(page in question.pages for page in found[:PASSAGES])
        ranks = (n for n, page in enumerate(dict.fromkeys(found), 1) if page in question.pages)
        places.append(next(ranks, 0))
    count = len(questions)
    return Figures(
        first=places.count(1) / count,
        five=sum(0 < place <= 5 for place in places) / count,
        mrr=sum(1 / place for place in places if place) / count,
        given=given / count,
    )


def silence(search: Search) -> float:
    """Return for how many of the questions about other things nothing is found, from 0 to 1."""
    questions = [Question(line, ()) for line in OTHER_QUESTIONS.read_text(encoding="utf-8").splitlines()]
    return sum(not search(question) for question in questions) / len(questions)


def ours(
    index: Index,
    before: Callable[["Question"], str] = lambda question: question.before,
    page_of: Callable[["Question"], str] | None = None,
) -> Search:
    """Return our search of an index."""

    def search(question: Question) -> list[str]:
        page = ADDRESS + page_of(question) if page_of else None
        hits = index.search(question.asked, before=before(question), page=page, limit=DEEP)
        return [hit.page_url.removeprefix(ADDRESS) for hit in hits]

    return search


def plain(pages: Pages, tokenizer: str) -> Search:
    """Return FTS5's own search: any of the question's words, in one column that holds all."""
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE VIRTUAL TABLE passages USING fts5(text, page UNINDEXED, tokenize='{tokenizer}')")
    for _, page in pages:
        for passage in page.passages:
            text = "\n".join((page.title, *passage.headings, *passage.blocks))
            db.execute("INSERT INTO passages VALUES (?, ?)", (text, page.url.removeprefix(ADDRESS)))

    def search(question: Question) -> list[str]:
        query = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question.asked))
        rows = db.execute(
            "SELECT page FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT 200", (query,)
        )
        return list(few_of_each(page for (page,) in rows))[:DEEP]

    return search


def few_of_each(pages: Iterable[str]) -> Iterator[str]:
    """Yield the pages, none more than twice, as ours are."""
    seen: Counter[str] = Counter()
    for page in pages:
        seen[page] += 1
        if seen[page] <= 2:
            yield page


def build(pages: Pages, path: Path) -> Index:
    """Return an index of the pages."""
    builder = Builder(path)
    for receipt, page in pages:
        builder.add(receipt, page)
    builder.finish()
    return Index(path)


def other_page(question: Question) -> str:
    """Return some page that holds no answer, the same one each time."""
    others = {page for other in read_questions() for page in other.pages} - {*question.pages}
    return random.Random(question.asked).choice(sorted(others))


def other_turn(question: Question) -> str:
    """Return the turn before, and where there was none some other question, the same one each time."""
    others = [other.asked for other in read_questions() if not {*question.pages} & {*other.pages}]
    return question.before or random.Random(question.asked).choice(others)


def read_questions() -> list[Question]:
    """Return the questions of `questions.json`."""
    rows = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    return [Question(row["asked"], tuple(row["pages"]), row.get("before", "")) for row in rows]


WITHOUT: dict[str, Patches] = {
    "the weights of title and headings": [(ranking, {"WEIGHTS": (1, 1, 1, 1)})],
    "coverage": [(ranking, {"COVERAGE": 0.0})],
    "the part that must be there": [(ranking, {"LEAST": 0.0})],
    "stop words": [(stopwords, {"likeliest_language": lambda words, letters: ""})],
    "corrected typing errors": [(ranking, {"CORRECTED": 0.0})],
}
WITHOUT_IN_THE_INDEX: dict[str, Patches] = {
    "stems": [(terms, {"_STEMMERS": {}})],
    "compounds": [(terms, {"_TOKEN": re.compile(r"\w+"), "_words_of": lambda token: (token.casefold(),)})],
}


def ways(pages: Pages, folder: Path) -> Iterator[tuple[str, Search]]:
    """Yield each way of searching with its name; whatever it patches is so until the next one."""
    index = build(pages, folder / "index")
    yield "**all of it**", ours(index)
    for part, patches in WITHOUT.items():
        with patched(patches):
            yield f"without {part}", ours(index)
    for part, patches in WITHOUT_IN_THE_INDEX.items():
        with patched(patches):
            yield f"without {part}", ours(build(pages, folder / part))
    yield "without the turn before", ours(index, lambda question: "")
    yield "asked after something else", ours(index, other_turn)
    yield "asked on a page with the answer", ours(index, page_of=lambda question: "".join(question.pages[:1]))
    yield "asked on a page without it", ours(index, page_of=other_page)
    yield "plain FTS5, its Porter stems", plain(pages, "porter unicode61")
    yield "plain FTS5", plain(pages, "unicode61")


def patched(patches: Patches) -> ExitStack:
    """Return a context in which the modules' names stand for other things."""
    stack = ExitStack()
    for module, names in patches:
        stack.enter_context(patch.multiple(module, **names))
    return stack


def main() -> None:
    """Print the table, in Markdown."""
    questions = read_questions()
    held_out = questions[HELD_OUT - 1 :: HELD_OUT]
    others = [question for question in questions if question not in held_out]
    pages = read_pages()
    passages = sum(len(page.passages) for _, page in pages)
    print(f"{len(questions)} questions, {len(pages)} pages, {passages} passages")
    print(f"\n| | the {len(others)} | | | | the {len(held_out)} held out | | | | others |")
    print(f"|---|{'--:|' * 9}")
    print("| | first | five | mrr | given | first | five | mrr | given | none |")
    with tempfile.TemporaryDirectory() as folder:
        for name, search in ways(pages, Path(folder)):
            two = f"{figures(search, others)} | {figures(search, held_out)}"
            print(f"| {name} | {two} | {silence(search):.0%} |", flush=True)
    sample = Sample.read(templates_dir()).index()
    print(f"\nThe sample blog finds nothing for {silence(ours(sample)):.0%} of the others,")
    with patched([(ranking, {"LEAST": 0.0})]):
        print(f"and without the part that must be there for {silence(ours(sample)):.0%}.")


if __name__ == "__main__":
    main()
