"""One attempt at one answer: has the model say it, and writes down what it says.

A later attempt goes on where the one before stopped. So does this one, once, after a fault of the model's
service: what readers have seen stays, and is not paid for twice.
"""

import logging
import random
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace

import gevent

from chatsse.errors import ModelError
from chatsse.event import Event, length_of, sources_of, text_of, units
from chatsse.providers import Citation, Part, Provider, Request, Stop, Text, Thinking, Usage
from chatsse.seam import Seam, safe_end
from chatsse.sources import Sources
from chatsse.writer import Writer

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# Before the model is asked once more, so that a service in trouble isn't met by all answers at once.
PAUSE_S = (0.2, 1.0)
# What a token has at least, in most languages; how many were really spent, the service says at the end only.
BYTES_PER_TOKEN = 4


class Telling:
    """The attempt that `writer` holds.

    :param request: as the first attempt sent it
    """

    def __init__(self, answer_id: str, provider: Provider, writer: Writer, request: Request) -> None:
        self._answer_id = answer_id
        self._provider = provider
        self._writer = writer
        self._request = request
        self._stands: int | None = None

    def tell(self) -> Stop:
        """Write the answer, or the rest of it, and return how it ended.

        :raises ModelError: the service failed twice or would again, or attempt after attempt fell silent
        :raises Fenced:
        """
        if self._writer.takeovers >= MAX_ATTEMPTS:
            raise ModelError("model_interrupted", f"{MAX_ATTEMPTS} attempts were cut off")
        try:
            return self._tell(self._writer.events() if self._writer.attempt > 1 else [])
        except ModelError as error:
            if not error.retryable:
                raise
            log.warning("the model failed %s, asking once more: %s", self._answer_id, error)
        gevent.sleep(random.uniform(*PAUSE_S))
        return self._tell(self._writer.events())

    def _tell(self, before: list[Event]) -> Stop:
        """Have the model answer; `before` is the log so far where there was another try."""
        text = text_of(before)
        kept = text[: safe_end(text)]
        left = self._request.max_output_tokens - length_of(before) // BYTES_PER_TOKEN
        request = replace(self._request, said=kept, max_output_tokens=left)
        if request.max_output_tokens <= 0:
            return Stop("max_tokens")
        if text:
            self._writer.append("status", {"stage": "continuing"})
        if before:
            # Even to where the text ends: readers may have seen more, that Redis has lost since.
            self._stands = units(kept)
        if request.sources and not before:
            self._writer.append("status", {"stage": "searching"})
        sources = Sources(sources_of(before) if kept else ())
        with closing(parts_of(self._provider, request)) as parts:
            return self._write(parts, Seam(kept), sources)

    def _write(self, parts: Iterable[Part], seam: Seam, sources: Sources) -> Stop:
        for part in parts:
            match part:
                case Text():
                    self._say(seam.join(part.text))
                case Thinking():
                    self._writer.append("status", {"stage": "thinking"})
                case Citation():
                    self._say(seam.close())
                    self._rewind()
                    self._cite(part, sources)
                case Usage():
                    log.debug("%s: %r", self._answer_id, part)
                case Stop():
                    self._say(seam.close())
                    self._rewind()
                    return part
        raise ModelError("model_interrupted", "the provider stopped without a reason")

    def _say(self, text: str) -> None:
        if text:
            self._rewind()
            self._writer.token(text)

    def _cite(self, citation: Citation, sources: Sources) -> None:
        if sources.add(citation):
            self._writer.append("sources", {"sources": sources.listed()})
        self._writer.append("citation", {"n": sources.number(citation), "quote": citation.quote})

    def _rewind(self) -> None:
        # Only once there is something in the place of what is taken back: the model may fail again.
        if self._stands is not None:
            self._writer.append("rewind", {"length": self._stands})
            self._stands = None


def parts_of(provider: Provider, request: Request) -> Generator[Part, None, None]:
    """Return the parts of the answer, which the request may bring along; see `Provider`."""
    return _replied(request) if request.reply else provider.answer(request)


def _replied(request: Request) -> Generator[Part, None, None]:
    """Yield the answer that the request brings along, or the rest of it."""
    if rest := request.reply[len(request.said) :]:
        yield Text(rest)
    yield Stop("end_turn")
