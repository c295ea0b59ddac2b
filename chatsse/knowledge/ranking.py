"""How well the passages of an index fit a question.

FTS5 tells each term's share of a passage's BM25; what is made of the shares is decided here.
"""

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from heapq import heapify, heappop
from itertools import chain
from typing import TypeAlias

from chatsse.knowledge.spelling import COMPOUNDING, close_to, ends_of
from chatsse.knowledge.stopwords import BLOG_WORDS, PAGE_WORDS, STOP_WORDS, likeliest_language
from chatsse.knowledge.terms import Stems, fold, is_paired, words

# Of the columns of `terms`: title, headings, summary, text.
WEIGHTS = (10, 2, 4, 1)
# What a passage loses that holds next to none of the question's words; the others in proportion.
COVERAGE = 0.25
# What the words of the turn before count for, beside the question's.
BEFORE = 0.3
# What a word that is close to an unknown one counts for.
CORRECTED = 0.6
# How many places are looked at for a question, which bounds its time.
MOST_POSTINGS = 6_000
# How much more the passages of the page count that is asked on.
HERE = 1.5

_PASSAGES_A_PAGE = 2
# Of a long text, its first and its last ones: where people put what they want.
_MOST_WORDS = 20
# Shorter ones end many words by chance.
_LEAST_STEM = 5
# The kana before it mean nothing by themselves.
_FIRST_HAN = "\u3400"

# The passages that hold a term, each with how well it fits.
Posting: TypeAlias = list[tuple[int, float]]


class Ranking:
    """What the passages of an open index are ranked by.

    :param page_of: the page of each passage, from the one with the id 1
    """

    def __init__(self, db: sqlite3.Connection, page_of: Iterable[int], languages: Sequence[str]) -> None:
        self._db = db
        self._page_of = array("I", [0, *page_of])
        self._stems = [Stems(language, 5_000) for language in languages]
        self._has_compounds = not COMPOUNDING.isdisjoint(languages)

    def page_of(self, passage: int) -> int:
        """Return the page that the passage is of."""
        return self._page_of[passage]

    def ranked(self, question: str, before: str, page: int | None) -> Iterator[tuple[int, float]]:
        """Yield the passages that fit the question, best first, each with how well; at most two of a page.

        If it says nothing but that it means the page that it is asked on, all of that page's, in their order.
        """
        asked, earlier = _telling(question), _telling(before)
        about_here = all(PAGE_WORDS.issuperset(map(fold, word)) for word in asked) and (asked or not earlier)
        if page and about_here:
            return ((passage, 1.0) for passage in self._passages_of(page))
        shares = dict.fromkeys(earlier, BEFORE if asked else 1.0) | dict.fromkeys(asked, 1.0)
        scores = self._sum(shares) if shares else self._said_so(question)
        for passage in self._passages_of(page) if page else ():
            if passage in scores:
                scores[passage] *= HERE
        return self._few_of_a_page(scores)

    def is_about_all(self, question: str) -> bool:
        """Return whether a question means nothing but the blog as a whole."""
        told = {fold(word) for compound in _telling(question) for word in compound}
        return not told.isdisjoint(BLOG_WORDS) and told <= BLOG_WORDS | PAGE_WORDS

    def guessed(self, question: str) -> Iterator[tuple[int, float]]:
        """Yield the passages whose words begin as the question's do, as `ranked` does."""
        begins = {
            term[: max(4, len(term) // 2)]
            for compound in _telling(question)
            for word in compound
            for stems in self._stems
            if len(term := stems.of(word)) > 2
        }
        scores = self._match(" OR ".join(f'"{begin}" *' for begin in begins)) if begins else ()
        return self._few_of_a_page(dict(scores))

    def _passages_of(self, page: int) -> list[int]:
        return [passage for passage, its in enumerate(self._page_of) if its == page]

    def _few_of_a_page(self, scores: dict[int, float]) -> Iterator[tuple[int, float]]:
        heap = [(-score, passage) for passage, score in scores.items()]
        heapify(heap)
        taken: Counter[int] = Counter()
        while heap:
            score, passage = heappop(heap)
            page = self._page_of[passage]
            taken[page] += 1
            if taken[page] <= _PASSAGES_A_PAGE:
                yield passage, -score

    def _said_so(self, question: str) -> dict[int, float]:
        """Return the passages that hold the question as it is: "to be or not to be" is all stop words."""
        phrases = {" ".join(stems.of_text(question)[:_MOST_WORDS]) for stems in self._stems} - {""}
        return dict(self._match(" OR ".join(f'"{phrase}"' for phrase in phrases)) if phrases else ())

    def _sum(self, shares: dict[tuple[str, ...], float]) -> dict[int, float]:
        """Return the passages that hold any of the words, each with how well it fits them.

        The rarest words come first, and those after so many postings don't count: they are in so many
        passages that they tell little, and looking at all of them takes long.

        :param shares: of each word, what it counts for
        """
        fits = [0.0] * len(self._page_of)
        held = fits.copy()
        total = 0.0
        for terms, weight in self._affordable(shares):
            total += weight
            for passage, fit in _best(list(map(self._postings, terms))):
                fits[passage] += weight * fit
                held[passage] += weight
        least, gain = 1 - COVERAGE, COVERAGE / (total or 1.0)
        return {n: fit * (least + gain * held[n]) for n, fit in enumerate(fits) if fit}

    def _affordable(self, shares: dict[tuple[str, ...], float]) -> Iterator[tuple[list[str], float]]:
        """Yield the terms of each word, rarest first, and what they count, as long as they are affordable."""
        wanted = [
            (sum(map(self._frequency, terms)), terms, share * weight)
            for compound, share in shares.items()
            for terms, weight in self._terms_of(compound)
        ]
        spent = 0
        for frequency, terms, weight in sorted(wanted, key=lambda each: each[0]):
            if spent and spent + frequency > MOST_POSTINGS:
                return
            spent += frequency
            yield terms, weight

    def _terms_of(self, compound: tuple[str, ...]) -> Iterator[tuple[list[str], float]]:
        """Yield the known terms of a compound and of its parts, each in all its forms, and what it counts."""
        for word in compound:
            if known := self._known({stems.of(word) for stems in self._stems}):
                yield known, 1.0
            # A whole that is not known has parts that are.
            elif word is not compound[0] or len(compound) == 1:
                yield self._known(self._corrections(word)), CORRECTED

    def _known(self, terms: Iterable[str]) -> list[str]:
        return [term for term in terms if self._frequency(term)]

    def _frequency(self, term: str) -> int:
        """Return how many passages hold the term, or, for a single character of a pair, any that has it."""
        last = f"{term}\U0010ffff" if _is_single(term) else term
        query = "SELECT sum(doc) FROM vocabulary WHERE term >= ? AND term <= ?"
        (frequency,) = self._db.execute(query, (term, last)).fetchone()
        return frequency or 0

    def _postings(self, term: str) -> Posting:
        # What holds a single character has a pair that begins with it, or ends on it.
        return self._match(f'"{term}" *' if _is_single(term) else f'"{term}"')

    def _match(self, query: str) -> Posting:
        rows = self._db.execute(
            "SELECT rowid, -bm25(terms, ?, ?, ?, ?) FROM terms WHERE terms MATCH ?", (*WEIGHTS, query)
        )
        return rows.fetchall()

    def _corrections(self, word: str) -> list[str]:
        """Return terms that may do for a word that is in no passage."""
        if is_paired(word):
            return [char for char in word if char >= _FIRST_HAN and char not in STOP_WORDS["zh"]]
        terms = {stems.of(word) for stems in self._stems}
        close = [close for term in terms for close in close_to(term, self._beginning(term[:2]))]
        return [*close, *self._kin(word)] if self._has_compounds else close

    def _kin(self, word: str) -> list[str]:
        """Return the last part of a compound, and the compounds that end with the word."""
        ends = ([stems.of(end) for stems in self._stems] for end in ends_of(word))
        last = next((known for terms in ends if (known := self._known(terms))), [])
        terms = {term for stems in self._stems if len(term := stems.of(word)) >= _LEAST_STEM}
        return last + [compound for compound in self._vocabulary if compound.endswith(tuple(terms))]

    @cached_property
    def _vocabulary(self) -> list[str]:
        return [term for (term,) in self._db.execute("SELECT term FROM vocabulary WHERE length(term) > 8")]

    def _beginning(self, letters: str) -> Iterator[str]:
        query = "SELECT term FROM vocabulary WHERE term >= ? AND term < ?"
        return (term for (term,) in self._db.execute(query, (letters, f"{letters}\U0010ffff")))


def _is_single(term: str) -> bool:
    return len(term) == 1 and is_paired(term)


def _best(postings: list[Posting]) -> Iterable[tuple[int, float]]:
    """Return each passage with what fits it best."""
    if len(postings) == 1:
        return postings[0]
    best: dict[int, float] = {}
    for passage, fit in chain.from_iterable(postings):
        best[passage] = max(fit, best.get(passage, 0.0))
    return best.items()


def _telling(text: str) -> list[tuple[str, ...]]:
    """Return the words of the text that say what it is about."""
    compounds = list(dict.fromkeys(words(text)))
    if len(compounds) > 2 * _MOST_WORDS:
        compounds = compounds[:_MOST_WORDS] + compounds[-_MOST_WORDS:]
    folded = [[fold(word) for word in compound] for compound in compounds]
    stop = STOP_WORDS.get(likeliest_language(word for compound in folded for word in compound), frozenset())
    return [c for c, f in zip(compounds, folded, strict=True) if not stop.issuperset(f)]
