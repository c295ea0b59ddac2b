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
from typing import NamedTuple, TypeAlias

from chatsse.knowledge.spelling import COMPOUNDING, close_to, ends_of
from chatsse.knowledge.stopwords import BLOG_WORDS, PAGE_WORDS, STOP_WORDS, telling
from chatsse.knowledge.terms import Stems, fold, is_paired

# Of the columns of `terms`: title, headings, summary, text.
WEIGHTS = (10, 2, 4, 1)
# What a passage loses that holds next to none of the question's words; the others in proportion.
COVERAGE = 0.25
# What the words of the turn before count for, beside the question's.
BEFORE = 0.3
# What a word that is close to an unknown one counts for, and what the last part of a compound.
CORRECTED, KIN = 0.6, 0.8
# Of the words of a question, up to so many, so great a part must be in one passage, or one of them in a title
# or a heading: else all that was found has but a word in common with it.
LEAST, ENOUGH = 0.4, 3
# How many places are looked at for a question, which bounds its time.
MOST_POSTINGS = 6_000
# How much more the passages of the page count that is asked on.
HERE = 1.5

_PASSAGES_A_PAGE = 2
# Of a question that is looked for as it is.
_MOST_WORDS = 20
# Shorter ones end many words by chance.
_LEAST_STEM = 5
# The kana before it mean nothing by themselves.
_FIRST_HAN = "\u3400"

# The passages that hold a term, each with how well it fits.
Posting: TypeAlias = list[tuple[int, float]]


class _Word(NamedTuple):
    """A word of a question as the index knows it.

    :ivar terms: its forms there, or what may be meant by it; none where nothing is like it
    :ivar weight: what it counts for
    :ivar is_known: whether it is there as it was typed, or as a part
    :ivar is_asked: whether the question itself says it; not pairs of characters, which may be of two words
    """

    terms: list[str]
    weight: float
    is_known: bool
    is_asked: bool


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
        asked, earlier = telling(question), telling(before)
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
        told = {fold(word) for compound in telling(question) for word in compound}
        return not told.isdisjoint(BLOG_WORDS) and told <= BLOG_WORDS | PAGE_WORDS

    def guessed(self, question: str) -> Iterator[tuple[int, float]]:
        """Yield the passages whose words begin as the question's do, as `ranked` does."""
        begins = {
            term[: max(4, len(term) // 2)]
            for compound in telling(question)
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
        said = list(self._affordable(shares))
        total = sum(word.weight for word in said)
        fits = [0.0] * len(self._page_of)
        held = fits.copy()
        for word in said:
            for passage, fit in _best(list(map(self._postings, word.terms))):
                fits[passage] += word.weight * fit
                held[passage] += word.weight
        if not self._is_about(said, max(held)):
            return {}
        least, gain = 1 - COVERAGE, COVERAGE / (total or 1.0)
        return {n: fit * (least + gain * held[n]) for n, fit in enumerate(fits) if fit}

    def _is_about(self, said: list[_Word], most_held: float) -> bool:
        """Return whether a question is about what some passage or page is about."""
        asked = sum(word.is_asked for word in said)
        if most_held >= LEAST * min(asked, ENOUGH):
            return True
        known = " OR ".join(f'"{term}"' for word in said if word.is_known for term in word.terms)
        query = "SELECT 1 FROM terms WHERE terms MATCH ? LIMIT 1"
        return (
            bool(known)
            and self._db.execute(query, (f"{{title headings}} : ({known})",)).fetchone() is not None
        )

    def _affordable(self, shares: dict[tuple[str, ...], float]) -> Iterator[_Word]:
        """Yield the words, rarest first, as long as they are affordable."""
        said = [word for compound, share in shares.items() for word in self._words_of(compound, share)]
        spent = 0
        counted = [(sum(map(self._frequency, word.terms)), word) for word in said]
        for frequency, word in sorted(counted, key=lambda each: each[0]):
            if spent and spent + frequency > MOST_POSTINGS:
                return
            spent += frequency
            yield word

    def _words_of(self, compound: tuple[str, ...], share: float) -> Iterator[_Word]:
        """Yield a compound and its parts, those that are known in all their forms."""
        for word in compound:
            is_asked = share == 1.0 and not is_paired(word)
            if known := self._known({stems.of(word) for stems in self._stems}):
                yield _Word(known, share, True, is_asked)
            # A whole that is not known has parts that are.
            elif word is not compound[0] or len(compound) == 1:
                kin = self._kin(word)
                terms = kin or self._known(self._corrections(word))
                yield _Word(terms, (KIN if kin else CORRECTED) * share, bool(kin), is_asked)

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
        return [close for term in terms for close in close_to(term, self._beginning(term[:2]))]

    def _kin(self, word: str) -> list[str]:
        """Return the last part of a compound, and the compounds that end with the word."""
        if not self._has_compounds:
            return []
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
