"""Answers that the model's stand-in can be cut off in, and asked to go on with."""

import re
from collections.abc import Callable, Sequence

from standin import Body, Pause, Script, Step, said


def tale(sentences: int, word: str = "") -> str:
    """Return a text of so many sentences, no two alike, in paragraphs of five."""
    return "".join(
        f"Sentence {n} of the tale{word and ' of ' + word} tells what happened on day {n * 7}."
        + ("" if n == sentences else " " if n % 5 else "\n\n")
        for n in range(1, sentences + 1)
    )


def tokens(text: str) -> list[str]:
    """Return a text in the pieces that models write: words with the space before them, long ones in two."""
    return re.findall(r"\s*\S{1,6}", text) + re.findall(r"\s+\Z", text)


def telling(
    text: str, *, repeats: int = 0, pause_s: float = 0.0, faults: Sequence[Sequence[Step]] = ()
) -> Callable[[Body], Script]:
    """Return a script that tells `text`; asked to go on with a part of it, it does from there.

    :param repeats: how many of the last words it says again when it goes on, as models do
    :param pause_s: between tokens
    :param faults: what the first requests, in their order, end with after a third of what they would say

    A new message never begins with white space, so the space at the seam is lost.
    """
    waiting = list(faults)

    def script(body: Body) -> Script:
        told = said(body)
        if not text.startswith(told):
            return [f"[asked to go on with what was never said: {told[-80:]!r}]"]
        words = list(re.finditer(r"\S+", told))[-repeats:] if repeats else []
        start = words[0].start() if words else len(told)
        steps: list[Step] = []
        for token in tokens(text[start:].lstrip(" ") if told else text):
            steps += [token, Pause(pause_s)] if pause_s else [token]
        if waiting:
            return [*steps[: len(steps) // 3], *waiting.pop(0)]
        return steps

    return script
