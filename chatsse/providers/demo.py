"""The demo: answers without a model, with the passages that were found for the question, word by word."""

import re
from collections.abc import Generator, Iterator, Sequence

import gevent

from chatsse.providers import Part, Request, Source, Stop, Text
from chatsse.providers.marks import cited

WORD_S = 0.035
QUOTED = 2
# What it quotes of a passage: its best paragraph, and those after it up to so many words.
QUOTED_WORDS = 60
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
        yield from _spoken(
            f"\n\nFrom “{_as_text(source.title)}”: {_as_text(_quote(source, request.prompt))} [{n}]"
        )
    yield Stop("end_turn")


def _quote(source: Source, question: str) -> str:
    """Return what shares most words with the question, and what follows if that is short."""
    quotable = list(_quotable(source.paragraphs))
    asked = _words(question)
    best = max(range(len(quotable)), key=lambda n: len(asked & _words(quotable[n])))
    quote = quotable[best]
    for paragraph in quotable[best + 1 :]:
        # What leads to code is left out with the code.
        if len(f"{quote} {paragraph}".split()) > QUOTED_WORDS or paragraph.endswith(":"):
            break
        quote = f"{quote}\n\n{paragraph}"
    return quote


def _quotable(paragraphs: Sequence[str]) -> Iterator[str]:
    """Yield the paragraphs and lists, a list with what leads to it; code and tables if there is no more."""
    prose = [text for text in paragraphs if "\n" not in text or _LIST.match(text)] or paragraphs
    for before, text, after in zip(("", *prose), prose, (*prose[1:], ""), strict=False):
        if not (text.endswith(":") and _LIST.match(after)):
            yield f"{before}\n\n{text}" if before.endswith(":") and _LIST.match(text) else text


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def _as_text(quote: str) -> str:
    """Return a text so that Markdown shows it as it stands, and nothing in it is a mark."""
    return re.sub(r"([\\`*_\[\]<>~&|])", r"\\\1", quote)


def _spoken(text: str) -> Iterator[Text]:
    return map(Text, re.findall(r"\s*\S+\s*?|\s+", text))
