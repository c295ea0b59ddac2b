"""The demo: answers without a model, from the passages of the content that fit the question best."""

import re
from collections.abc import Generator, Iterator

import gevent

from chatsse.knowledge.sample import Sample
from chatsse.providers import Citation, Part, Request, Stop, Text

WORD_S = 0.035
PASSAGES = 2
_HELLO = "This is the demo, without a model behind it."


class Demo:
    """Answers with passages of the sample blog, word by word at a reader's pace."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def answer(self, request: Request) -> Generator[Part, None, None]:
        """Yield the parts of an answer; see `Provider`."""
        known = len(request.said)
        for part in self._parts(request.prompt):
            if not isinstance(part, Text):
                if not known:
                    yield part
            elif len(part.text) <= known:
                known -= len(part.text)
            else:
                gevent.sleep(WORD_S)
                yield Text(part.text[known:])
                known = 0

    def _parts(self, prompt: str) -> Iterator[Part]:
        passages = self._sample.search(prompt, PASSAGES)
        if not passages:
            yield from _spoken(f"{_HELLO} It found nothing about that on this blog. {self._suggestion()}")
        else:
            yield from _spoken(f"{_HELLO} The blog's own words fit your question best here:\n\n")
        for passage in passages:
            yield from _spoken(f"From “{passage.title}”: {passage.text}")
            yield Citation(passage.url, passage.title, passage.text)
            yield from _spoken("\n\n" if passage is not passages[-1] else "")
        yield Stop("end_turn")

    def _suggestion(self) -> str:
        return f"Ask it, say: “{self._sample.posts[0].question}”"


def _spoken(text: str) -> Iterator[Text]:
    return map(Text, re.findall(r"\s*\S+\s*?|\s+", text))
