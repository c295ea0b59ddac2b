"""The demo: answers without a model, with the passages that were found for the question, word by word."""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence

import gevent

from chatsse.knowledge.stopwords import telling
from chatsse.knowledge.terms import fold, words
from chatsse.providers import Part, Request, Stop, Text
from chatsse.providers.marks import cited

WORD_S = 0.035
QUOTED = 2
# What it quotes of a passage: its best paragraph, and those after it up to so many words.
QUOTED_WORDS = 60
HEADING_WORDS = 10
_LIST = re.compile(r"(-|[0-9]+\.) ")
_HELLO = "This is the demo, without a model behind it. The blog's own words fit your question best here:"


class Demo:
    """Answers with what the blog says itself, at a reader's pace.

    It cites as models do whose service has no citations: by marks in the text.
    """

    def answer(self, request: Request) -> Generator[Part, None, None]:
        """Yield the parts of an answer; see `Provider`."""
        known = len(request.said)
        for part in cited(_parts(request), request.sources):
            if not isinstance(part, Text):
                if not known:
                    yield part
            elif len(part.text) <= known:
                known -= len(part.text)
            else:
                gevent.sleep(WORD_S)
                yield Text(part.text[known:])
                known = 0


def _parts(request: Request) -> Iterator[Part]:
    yield from _spoken(_HELLO)
    for n, source in enumerate(request.sources[:QUOTED], 1):
        quote = [_markdown(block) for block in _quoted(source.paragraphs, request.prompt)]
        # Behind a line of code or a cell the number would be a part of it.
        is_text = not quote[-1].startswith(("`", "|"))
        beside, behind = ("", f" [{n}]") if is_text else (f" [{n}]", "")
        lead = f"From “{_as_text(source.title)}”{beside}:"
        yield from _spoken("\n\n".join(["", lead, *quote]) + behind)
    yield Stop("end_turn")


def _quoted(paragraphs: Sequence[str], question: str) -> Sequence[str]:
    """Return the paragraph that shares most words with the question, and what goes with it."""
    asked = _folded(telling(question))
    # Prose even where code has a word more.
    best = max(
        range(len(paragraphs)),
        key=lambda n: 2 * len(asked & _folded(words(paragraphs[n]))) + 3 * ("\n" not in paragraphs[n]),
    )
    begin = best - 1 if best and paragraphs[best - 1].endswith(":") else best
    end = best + 1
    while end < len(paragraphs) and (
        paragraphs[end - 1].endswith(":") or _count(paragraphs[begin : end + 1]) <= QUOTED_WORDS
    ):
        end += 1
    while end - begin > 1 and _leads_on(paragraphs[end - 1]) and not paragraphs[end - 2].endswith(":"):
        end -= 1
    return paragraphs[begin:end]


def _leads_on(paragraph: str) -> bool:
    """Return whether a paragraph seems to be for what comes after it, as a heading is."""
    is_heading = "\n" not in paragraph and len(paragraph.split()) <= HEADING_WORDS
    return paragraph.endswith(":") or (is_heading and paragraph[-1:].isalnum() and not _LIST.match(paragraph))


def _count(paragraphs: Sequence[str]) -> int:
    return len(" ".join(paragraphs).split())


def _folded(compounds: Iterable[tuple[str, ...]]) -> set[str]:
    return {fold(word) for compound in compounds for word in compound}


def _markdown(block: str) -> str:
    """Return a paragraph, list, table or block of code so that Markdown shows it as it stands."""
    lines = block.split("\n")
    if len(lines) == 1 or _LIST.match(block):
        return _as_text(block)
    if all(" | " in line for line in lines):
        rows = [f"| {' | '.join(map(_as_text, line.split(' | ')))} |" for line in lines]
        return "\n".join([rows[0], "|" + " --- |" * len(lines[0].split(" | ")), *rows[1:]])
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", block)), 3)
    return f"{fence}\n{block}\n{fence}"


def _as_text(quote: str) -> str:
    """Return a text so that Markdown shows it as it stands, and nothing in it is a mark."""
    return re.sub(r"([\\`*_\[\]<>~&|])", r"\\\1", quote)


def _spoken(text: str) -> Iterator[Text]:
    return map(Text, re.findall(r"\s*\S+\s*?|\s+", text))
