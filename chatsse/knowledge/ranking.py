"""How well the passages of an index fit a question.

FTS5 tells each term's share of a passage's BM25; what is made of the shares is decided here.
"""

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from chatsse.knowledge.spelling import close_to
from chatsse.knowledge.stopwords import STOP_WORDS, likeliest_language
from chatsse.knowledge.terms import Stems, fold, is_paired, words

# Of the columns of `terms`: title, headings, summary, text.
WEIGHTS = (6.0, 4.0, 3.0, 1.0)
BEFORE = 0.3
PAGE = 0.3
COVERAGE = 0.5
CORRECTED = 0.6
HERE = 1.5
# Of a long text, its first and its last ones: where people put what they want.
_MOST_WORDS = 20

Posting: TypeAlias = tuple["array[int]", "array[float]"]
# The kana before it mean nothing by themselves.
_FIRST_HAN = "\u3400"


class Ranking:
    """What the passages of an open index are ranked by.

    :param page_of: the page of each passage, from the one with the id 1
    """

    def __init__(self, db: sqlite3.Connection, page_of: Iterable[int], languages: Sequence[str]) -> None:
        self._db = db
        self._page_of = array("I", [0, *page_of])
        self._stems = [Stems(language, 5_000) for language in languages]
        self._postings = lru_cache(256)(self._read_postings)
        self._corrections = lru_cache(256)(self._read_corrections)

    def page_of(self, passage: int) -> int:
        """Return the page that the passage is of."""
        return self._page_of[passage]

    def few_of_a_page(self, scores: dict[int, float], most: int) -> Iterator[int]:
        """Yield the passages, best first, at most `most` of each page."""
        taken: dict[int, int] = defaultdict(int)
        for passage in sorted(scores, key=lambda passage: (-scores[passage], passage)):
            page = self._page_of[passage]
            taken[page] += 1
            if taken[page] <= most:
                yield passage

    def scores(self, question: str, before: str, page: int | None) -> dict[int, float]:
        """Return the passages that fit, each with how well.

        :param page: the one that the question is asked on
        """
        asked, earlier = _telling(question), _telling(before)
        if asked or earlier:
            shares = dict.fromkeys(earlier, BEFORE if asked else 1.0) | dict.fromkeys(asked, 1.0)
            scores = self._sum(shares)
        elif page:
            scores = {passage: 1 / passage for passage, its in enumerate(self._page_of) if its == page}
        else:
            scores = self._said_so(question)
        return {
            passage: score * (HERE if self._page_of[passage] == page else 1.0)
            for passage, score in scores.items()
        }

    def guesses(self, question: str) -> dict[int, float]:
        """Return the passages whose words begin as the question's do, each with how well."""
        begins = {
            term[: max(4, len(term) // 2)]
            for compound in _telling(question)
            for word in compound
            for stems in self._stems
            if len(term := stems.of(word)) > 2
        }
        return dict(self._match(" OR ".join(f'"{begin}" *' for begin in begins)) if begins else ())

    def _said_so(self, question: str) -> dict[int, float]:
        """Return the passages that hold the question as it is: "to be or not to be" is all stop words."""
        phrases = {" ".join(stems.of_text(question)) for stems in self._stems} - {""}
        return dict(self._match(" OR ".join(f'"{phrase}"' for phrase in phrases)) if phrases else ())

    def _sum(self, shares: dict[tuple[str, ...], float]) -> dict[int, float]:
        scores: dict[int, float] = defaultdict(float)
        by_page: dict[int, float] = defaultdict(float)
        held: dict[int, float] = defaultdict(float)
        page_of = self._page_of
        total = 0.0
        for compound, share in shares.items():
            for fits, weight in self._fits(compound):
                best: dict[int, float] = {}
                total += share * weight
                for passage, fit in fits:
                    fit *= share * weight
                    scores[passage] += fit
                    held[passage] += share * weight
                    page = page_of[passage]
                    if fit > best.get(page, 0.0):
                        best[page] = fit
                for page, fit in best.items():
                    by_page[page] += fit
        return {
            passage: (score + PAGE * by_page[page_of[passage]])
            * (1 - COVERAGE + COVERAGE * held[passage] / total)
            for passage, score in scores.items()
        }

    def _fits(self, compound: tuple[str, ...]) -> Iterator[tuple[Iterable[tuple[int, float]], float]]:
        for n, word in enumerate(compound):
            terms = {stems.of(word) for stems in self._stems}
            found = [posting for term in terms if (posting := self._postings(term))[0]]
            if found:
                yield _best(found), 1.0
            elif n or len(compound) == 1:
                found = [posting for term in self._corrections(word) if (posting := self._postings(term))[0]]
                if found:
                    yield _best(found), CORRECTED

    def _read_postings(self, term: str) -> Posting:
        passages, fits = array("I"), array("f")
        # One character by itself: what holds it has a pair that begins with it, or ends on it.
        query = f'"{term}" *' if len(term) == 1 and is_paired(term) else f'"{term}"'
        for passage, fit in self._match(query):
            passages.append(passage)
            fits.append(fit)
        return passages, fits

    def _match(self, query: str) -> Iterable[tuple[int, float]]:
        return self._db.execute(
            "SELECT rowid, -bm25(terms, ?, ?, ?, ?) FROM terms WHERE terms MATCH ?", (*WEIGHTS, query)
        )

    def _read_corrections(self, word: str) -> list[str]:
        """Return terms that may do for a word that is in no passage."""
        if is_paired(word):
            return [character for character in word if character >= _FIRST_HAN]
        terms = {stems.of(word) for stems in self._stems}
        return [close for term in terms for close in close_to(term, self._beginning(term[:2]))]

    def _beginning(self, letters: str) -> Iterator[str]:
        query = "SELECT term FROM vocabulary WHERE term >= ? AND term < ?"
        return (term for (term,) in self._db.execute(query, (letters, f"{letters}\U0010ffff")))


def _best(postings: list[Posting]) -> Iterable[tuple[int, float]]:
    if len(postings) == 1:
        return zip(*postings[0], strict=True)
    best: dict[int, float] = {}
    for passages, fits in postings:
        for passage, fit in zip(passages, fits, strict=True):
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
