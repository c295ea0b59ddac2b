"""How a page's text becomes passages, each with the address that opens the page at its place. Pure.

A passage ends where a section does. Of a long section it ends between two blocks, so that the passages come
out about even; of a block that alone is too long, at the end of a line, a sentence or a word. Short
neighbours go together: their passage stands under the heading that they share, and their own headings are
among its blocks.

The address has the anchor of the passage's heading. Where there is none, or where the passage begins further
down, a text fragment (WICG, "URL Fragment Text Directives") names the words that it begins with.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice, takewhile
from typing import TypeVar
from urllib.parse import quote

from chatsse.knowledge.page import Passage

# A passage with fewer words seeks company.
LEAST_WORDS = 120
# And with fewer than these, also over the border of a main section.
FEW_WORDS = 20
MOST_WORDS = 300
# A line that ends in a colon, and no more than these, stays with what it leads to.
LEAD_WORDS = 60
# Code is cut only where a passage would be too dear to pass on.
MOST_CODE_WORDS = 1000
# The headings whose sections are a page's main ones.
MAIN_LEVEL = 2
# Of a text fragment. Scripts without spaces get the characters of fewer words: their words are short.
FRAGMENT_WORDS, FRAGMENT_CHARS, FRAGMENT_UNSPACED, FEW_UNSPACED = 8, 80, 60, 16
# With fewer words the next of so many lines is named: "Note" is all over a page.
TELLING_WORDS, TELLING_LINES = 3, 4

_T = TypeVar("_T")
# Thai to Burmese, Khmer, kana, Han: two characters count as a word.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# What has no spaces, and is no script that does without, is long all the same.
_WORD_CHARS = 16
_LEAD_IN = (":", "：")
# Where a long text may be cut, best first; each match stays with what is before it.
_CUTS = (
    re.compile(r"\n[ \t]*\n|\Z"),
    re.compile(r"\n|\Z"),
    re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？][」』”’）]*|\Z"),
    re.compile(r"\s+|\Z"),
    re.compile(r"[\s\S]{500}|\Z"),
)
_WIDE_SPACE = re.compile(r"\s{2,}|\t")
_MARKER = re.compile(r"\s*(?:- |\d+\. |(?:\| )+)?\s*")
# What generators set in finer type than an author writes.
_TYPESET = re.compile(r"[\"']|--|\.\.\.")
_UNSPACED_STOP = re.compile(r"[、。，！？：；「」『』（）]")
# RFC 3986 allows these in a fragment.
_FRAGMENT_SAFE = "!$&'()*+,;=:@/?"


@dataclass(frozen=True, slots=True, eq=False)
class Heading:
    """A heading of a page; two of the same words are two.

    :param level: 1 for the outermost
    :param anchor: the id that a link can name; empty where it has none
    """

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table or block of code.

    :param kind: `paragraph`, `list`, `table` or `code`; `heading` for one that nothing stands under
    :param text: plain; a list's items and a table's rows a line each; empty for a `heading`
    :param under: the headings that it stands under, outermost first
    """

    kind: str
    text: str
    under: tuple[Heading, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Blocks that go into one passage.

    :param under: the headings that they share
    """

    blocks: tuple[Block, ...]
    under: tuple[Heading, ...]
    words: int


def split(url: str, blocks: Iterable[Block]) -> tuple[Passage, ...]:
    """Return the passages of the page at `url`, in its order, and with all its words.

    There are none where nothing stands under any heading.
    """
    blocks = list(blocks)
    if not any(block.text for block in blocks):
        return ()
    parts = [part for _, section in groupby(blocks, key=lambda block: block.under) for part in _cut(section)]
    parts = _join(parts, lambda before, _: before.words < LEAST_WORDS)
    parts = _join(parts, lambda _, after: after.words < LEAST_WORDS)
    opened: set[Heading | None] = set()
    passages = []
    for part in parts:
        passages.append(Passage(_place(url, part, opened), _path(part), _texts(part)))
        opened.update(_innermost(block) for block in part.blocks)
    return tuple(passages)


def count_words(text: str) -> int:
    """Return how many words `text` has, or how many its length stands for where it has no spaces."""
    spaced = len(text.split())
    unspaced = 0 if text.isascii() else len(_UNSPACED.findall(text)) // 2
    return max(spaced + unspaced, len(text) // _WORD_CHARS)


def _cut(section: Iterable[Block]) -> Iterator[_Part]:
    """Yield the parts of the blocks that stand under the same headings."""
    units: list[tuple[Block, ...]] = []
    lead: tuple[Block, ...] = ()
    for piece in (piece for block in section for piece in _pieces(block)):
        lead = (*lead, piece)
        if not (piece.kind == "paragraph" and piece.text.endswith(_LEAD_IN) and _words(lead) <= LEAD_WORDS):
            units.append(lead)
            lead = ()
    if lead:
        units.append(lead)
    for group in _pack(units, [_words(unit) for unit in units], MOST_WORDS):
        blocks = tuple(block for unit in group for block in unit)
        yield _Part(blocks, blocks[0].under, _words(blocks))


def _words(blocks: Iterable[Block]) -> int:
    return sum(count_words(block.text or block.under[-1].text) for block in blocks)


def _pieces(block: Block) -> Iterator[Block]:
    """Yield the block, in pieces if it is too long for a passage."""
    most = MOST_CODE_WORDS if block.kind == "code" else MOST_WORDS
    if count_words(block.text) <= most:
        yield block
        return
    atoms = list(_atoms(block.text, _CUTS, most))
    for group in _pack(atoms, [count_words(atom) for atom in atoms], most):
        if text := "".join(group).strip("\n" if block.kind == "code" else None):
            yield replace(block, text=text)


def _atoms(text: str, cuts: Sequence[re.Pattern[str]], most: int) -> Iterator[str]:
    """Yield the text in parts, made at the best cuts that leave none longer than a fourth of `most`."""
    start = 0
    for cut in cuts[0].finditer(text):
        atom = text[start : cut.end()]
        start = cut.end()
        if len(cuts) > 1 and count_words(atom) > most // 4:
            yield from _atoms(atom, cuts[1:], most)
        elif atom:
            yield atom


def _pack(items: Sequence[_T], sizes: Sequence[int], most: int) -> Iterator[list[_T]]:
    """Yield the items in groups of about the same size, none above `most` but for a single item that is."""
    total = sum(sizes)
    goal = total / max(1, -(-total // most))
    group: list[_T] = []
    filled = 0
    for item, size in zip(items, sizes, strict=True):
        if group and (filled + size > most or filled + size / 2 > goal):
            yield group
            group, filled = [], 0
        group.append(item)
        filled += size
    if group:
        yield group


def _join(parts: Iterable[_Part], is_short: Callable[[_Part, _Part], bool]) -> list[_Part]:
    """Return the parts, neighbours joined where one is short and they belong together."""
    joined: list[_Part] = []
    for part in parts:
        if joined and is_short(joined[-1], part) and _belong(joined[-1], part):
            before = joined.pop()
            shared = _shared(before, part)
            joined.append(_Part(before.blocks + part.blocks, shared, before.words + part.words))
        else:
            joined.append(part)
    return joined


def _belong(before: _Part, after: _Part) -> bool:
    """Tell whether two neighbours may share a passage: siblings, or a section with its sub-section."""
    shared = len(_shared(before, after))
    if before.words + after.words > MOST_WORDS or shared < max(len(before.under), len(after.under)) - 1:
        return False
    # What was joined to it already is no longer all of one section.
    begun = after.blocks[0].under
    is_main = len(begun) > shared and begun[shared].level <= MAIN_LEVEL
    return not is_main or min(before.words, after.words) < FEW_WORDS


def _shared(before: _Part, after: _Part) -> tuple[Heading, ...]:
    pairs = takewhile(lambda pair: pair[0] is pair[1], zip(before.under, after.under, strict=False))
    return tuple(heading for heading, _ in pairs)


def _path(part: _Part) -> tuple[str, ...]:
    return tuple(heading.text for heading in part.under)


def _texts(part: _Part) -> tuple[str, ...]:
    """Return the texts of a passage, with the headings that are not in its path."""
    texts: list[str] = []
    said = set(part.under)
    for block in part.blocks:
        texts += [heading.text for heading in block.under if heading not in said]
        said.update(block.under)
        if block.text:
            texts.append(block.text)
    return tuple(texts) or _path(part)[-1:]


def _innermost(block: Block) -> Heading | None:
    return block.under[-1] if block.under else None


def _place(url: str, part: _Part, opened: set[Heading | None]) -> str:
    """Return the address of the part: its heading's, unless an earlier one has that already."""
    first = part.blocks[0]
    heading = _innermost(first)
    if heading not in opened and (heading is None or heading.anchor):
        return f"{url}#{_quoted(heading.anchor)}" if heading else url
    anchor = next((heading.anchor for heading in reversed(first.under) if heading.anchor), "")
    words = _telling(part.blocks)
    if not words:
        return f"{url}#{_quoted(anchor)}" if anchor else url
    return f"{url}#{_quoted(anchor)}:~:text={quote(words, safe='').replace('-', '%2D')}"


def _telling(blocks: Iterable[Block]) -> str:
    """Return the words near the beginning of a line that are enough to be found by, or what the first has.

    A browser goes to the first place on the page that has them, in capitals or not.
    """
    texts = (block.text or block.under[-1].text for block in blocks)
    lines = islice(chain.from_iterable(text.split("\n") for text in texts), TELLING_LINES)
    beginnings = [_first_words(each) for each in lines]
    enough = (words for words in beginnings if count_words(words) >= TELLING_WORDS)
    return next(enough, beginnings[0])


def _quoted(anchor: str) -> str:
    return quote(anchor, safe=_FRAGMENT_SAFE)


def _first_words(text: str) -> str:
    """Return the words near the beginning of a line, as they stand on the page together or in one cell."""
    first = _MARKER.sub("", text, count=1).split(" | ", 1)[0]
    # In code each space counts.
    first = _WIDE_SPACE.split(first, maxsplit=1)[0]
    words = " ".join(_untouched(first.split())[:FRAGMENT_WORDS])
    if _UNSPACED.search(words[:FEW_UNSPACED]):
        clause = next(filter(None, _UNSPACED_STOP.split(words)), "")
        # A browser looks for whole words, and only it knows where these end.
        is_short = len(clause) <= FRAGMENT_UNSPACED
        return clause if is_short else clause[:FRAGMENT_UNSPACED].rpartition(" ")[0] or clause[:FEW_UNSPACED]
    return words if len(words) <= FRAGMENT_CHARS else words[:FRAGMENT_CHARS].rpartition(" ")[0]


def _untouched(words: list[str]) -> list[str]:
    """Return the first few words together that no generator changes, or the most there are."""
    runs = [
        list(run) for is_set, run in groupby(words, lambda word: bool(_TYPESET.search(word))) if not is_set
    ]
    few = (run for run in runs if len(run) >= FRAGMENT_WORDS // 2)
    return next(few, max(runs, key=len, default=words))
