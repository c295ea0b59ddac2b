"""What a model service looks like to the rest of chatsse: a request in, an iterator of parts out.

Each service has one module here, the only importer of its SDK.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

StopReason: TypeAlias = Literal["end_turn", "max_tokens", "refusal"]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation, and what was answered."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that the answer may rest on.

    :param url: where it stands
    :param paragraphs: its text, a paragraph, list or block of code each
    """

    url: str
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked, free of any service's format.

    :param system: the standing instructions; the same for every request, so that services cache them
    :param turns: the conversation so far, oldest first
    :param sources: what was found for the question, best first
    :param reply: the answer, where there is none to ask a model for
    :param said: the part of the answer that stands already, and is to be gone on with
    """

    system: str
    turns: tuple[Turn, ...]
    prompt: str
    max_output_tokens: int
    sources: tuple[Source, ...] = ()
    reply: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model works without writing."""


@dataclass(frozen=True, slots=True)
class Text:
    """The next piece of the answer, as the service cut it; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """The text around it rests on `quote`, found in the passage whose address is `source`."""

    source: str
    title: str
    quote: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens charged so far, cumulative."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The answer is whole; always the last part."""

    reason: StopReason


Part: TypeAlias = Thinking | Text | Citation | Usage | Stop


class Provider(Protocol):
    """A model service."""

    def answer(self, request: Request) -> Generator[Part, None, None]:
        """Yield the parts of an answer as they come, ending with one `Stop`.

        Closing the generator closes the service's stream at once.

        :raises ModelError: the service failed, before or in the middle of the answer
        """
        ...
