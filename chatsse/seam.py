"""Where an interrupted answer can be gone on with, and how its continuation is joined to it. Pure.

A continuation is a new generation. It may say the last words again, it never begins with the space that was
due, and what it makes of half a word or half a sentence can't be told: so an answer is first cut back to
the end of its last whole sentence or line.
"""

import re
from itertools import islice

# A beginning shorter than this is not worth a seam.
LEAST_CHARS = 200
# How far a cut reaches back for the end of a sentence, or for the beginning of a block of code.
BACK_CHARS = 400
# How much of the answer's end may be said again; longer repetitions are not looked for.
REPEATED_CHARS = 400

# What may stand between the mark that ends a sentence and the space after it.
_CLOSERS = "[\"'”’»)\\]*_`]*"
# A full stop counts after two letters, "e.g. " ends nothing; and between a number and a space, but for "1. "
# that begins a line.
_END = re.compile(
    rf"(?:[^\W\d_]{{2}}{_CLOSERS}\.|[^\n]\d{_CLOSERS}\.(?!\Z)|\w{_CLOSERS}[!?…]){_CLOSERS}(?:\s+|\Z)"
    rf"|[。！？]{_CLOSERS}\s*|\n+"
)
_SPACE = re.compile(r"\s+")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_OPENING_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[^\n]*\n")
# A repetition counts only with a word in it: marks such as "| - |" come twice by themselves.
_WORD = re.compile(r"\w{2}")
# What can't follow the end of a sentence in the same line, by CommonMark.
_BLOCK = re.compile(r"(?:[-*+>]|[0-9]{1,3}[.)]|#{1,6}) |`{3}|~{3}|\|")
# Closes what is before it, without a space.
_CLOSING = tuple(",.;:!?…)]}”’»、。，")
# From here on the scripts that set no spaces between words; the ones before them do.
_UNSPACED = "\u0e00"


def safe_end(text: str) -> int:
    """Return how many characters of an interrupted answer to keep; 0: it is to begin anew."""
    end = _whole_end(text)
    return end if end >= LEAST_CHARS else 0


def _whole_end(text: str) -> int:
    fence = _open_fence(text)
    if fence is None:
        return _sentence_end(text)
    return fence if len(text) - fence <= BACK_CHARS else text.rfind("\n") + 1


def _sentence_end(text: str) -> int:
    start = max(len(text) - BACK_CHARS, 0)
    ends = list(_END.finditer(text, start)) or list(_SPACE.finditer(text, start))
    return ends[-1].end() if ends else len(text)


def _open_fence(text: str) -> int | None:
    """Return where the block of code begins that `text` ends in, if it ends in one."""
    begun: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if begun is None:
            begun = fence
        elif fence[1].startswith(begun[1]):
            begun = None
    return begun.start() if begun else None


class Seam:
    """Joins a continuation to the answer that it goes on with.

    Holds its first words back for as long as they may be the answer's last ones, said again.

    :param said: the answer so far, up to its `safe_end`; empty: the text is no continuation
    """

    def __init__(self, said: str) -> None:
        self._said = said
        self._tail = _solid(said)[-REPEATED_CHARS:]
        self._held = ""
        self._is_closed = not said

    def join(self, text: str) -> str:
        """Return what the next piece of the continuation adds to the answer; it may be nothing yet."""
        if self._is_closed:
            return text
        self._held += text
        return "" if _solid(self._held) in self._tail else self.close()

    def close(self) -> str:
        """Return what is held back still, as it joins the answer; call it before anything but text."""
        if self._is_closed:
            return ""
        self._is_closed = True
        end = self._repeated_end()
        rest = self._held[end:]
        if not end and _open_fence(self._said) is not None:
            rest = _OPENING_FENCE.sub("", rest, count=1) if _OPENING_FENCE.match(rest) else rest
        return self._spaced(rest, is_exact=end > 0)

    def _repeated_end(self) -> int:
        """Return how much of the held text says the answer's end again."""
        head = _solid(self._held)
        for length in range(min(len(head), len(self._tail)), 0, -1):
            if self._tail.endswith(head[:length]) and _WORD.search(head[:length]):
                end = _place(self._held, length)
                if self._is_whole(length, end):
                    return end
        return 0

    def _is_whole(self, length: int, end: int) -> bool:
        """Return whether a repetition begins and ends where a word does."""
        begin = len(self._said) - _place(self._said[::-1], length)
        first, last = self._said[begin], self._said.rstrip()[-1]
        before, after = self._said[begin - 1 : begin], self._held[end : end + 1]
        return not (_is_one_word(before, first) or _is_one_word(last, after))

    def _spaced(self, rest: str, *, is_exact: bool) -> str:
        """Return `rest` with the white space that is due before it.

        :param is_exact: whether the space it begins with is known to be the one that belongs there
        """
        words = rest.lstrip()
        begins, trail = rest[: len(rest) - len(words)], self._said[len(self._said.rstrip()) :]
        if not trail:
            return rest if begins or is_exact or not rest else self._gap(words) + words
        if trail.endswith("\n") and not is_exact:
            # Perhaps indented, or the second half of a blank line.
            return (begins.lstrip("\n") if trail.endswith("\n\n") else begins) + words
        if begins.startswith(trail):
            return begins[len(trail) :] + words
        return rest if "\n" in begins and "\n" not in trail else words

    def _gap(self, words: str) -> str:
        last = self._said[-1]
        if last.isalnum() or last >= _UNSPACED or words.startswith(_CLOSING):
            return ""
        return "\n\n" if _BLOCK.match(words) else " "


def _solid(text: str) -> str:
    return _SPACE.sub("", text)


def _place(text: str, length: int) -> int:
    """Return where in `text` its first `length` characters end, white space not counted."""
    return next(islice(re.finditer(r"\S", text), length - 1, None)).end()


def _is_one_word(before: str, after: str) -> bool:
    return all(char.isalnum() and char < _UNSPACED for char in (before, after))
