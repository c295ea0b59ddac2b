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
# How a line begins that often looks like the one before it: an item of a list, a row of a table.
_ITEM = re.compile(r"\s*(?:[-*+] |[0-9]{1,3}[.)] |\|)")
# Enough of a continuation to see what it begins with: a word, or the line that opens a block of code.
_BEGINNING = re.compile(r"\s*(?:(?![`~])\S+\s|[`~][^\n]*\n)")
# Of a script without spaces, or of an endless word.
_BEGINNING_CHARS = 40
# Closes what is before it, without a space.
_CLOSING = tuple(",.;:!?…)]}”’»、。，")
# From here on the scripts that set no spaces between words; the ones before them do, and general punctuation.
_UNSPACED, _PUNCTUATION = "\u0e00", ("\u2000", "\u206f")


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
        self._is_code = self._may_reopen = _open_fence(said) is not None
        self._is_closed = not said

    def join(self, text: str) -> str:
        """Return what the next piece of the continuation adds to the answer; it may be nothing yet."""
        if self._is_closed:
            return text
        self._held += text
        if self._may_reopen and (opening := _OPENING_FENCE.match(self._held)):
            self._held = self._held[opening.end() :]
            self._may_reopen = False
        is_clear = _BEGINNING.match(self._held) or len(self._held) >= _BEGINNING_CHARS
        return self.close() if is_clear and _solid(self._held) not in self._tail else ""

    def close(self) -> str:
        """Return what is held back still, as it joins the answer; call it before anything but text."""
        if self._is_closed:
            return ""
        self._is_closed = True
        end = self._repeated_end(is_linewise=self._is_code or bool(_ITEM.match(_last_line(self._said))))
        return self._spaced(self._held[end:], is_exact=end > 0)

    def _repeated_end(self, *, is_linewise: bool) -> int:
        """Return how much of the held text says the answer's end again.

        :param is_linewise: whether only whole lines count
        """
        head = _solid(self._held)
        for length in range(min(len(head), len(self._tail)), 0, -1):
            if not self._tail.endswith(head[:length]):
                continue
            begin, end = len(self._said) - _place(self._said[::-1], length), _place(self._held, length)
            is_whole = self._is_whole_line if is_linewise else self._is_whole_word
            if _WORD.search(self._held[:end]) and is_whole(begin, end):
                return end
        return 0

    def _is_whole_word(self, begin: int, end: int) -> bool:
        first, last = self._said[begin], self._said.rstrip()[-1]
        before, after = self._said[begin - 1 : begin], self._held[end : end + 1]
        return not (_is_one_word(before, first) or _is_one_word(last, after))

    def _is_whole_line(self, begin: int, end: int) -> bool:
        lines = self._said[self._said.rfind("\n", 0, begin) + 1 :]
        return self._held[end : end + 1] in ("", "\n") and self._held[:end].strip("\n") == lines.strip("\n")

    def _spaced(self, rest: str, *, is_exact: bool) -> str:
        """Return `rest` with the white space that is due before it.

        :param is_exact: whether the space it begins with is known to be the one that belongs there
        """
        words = rest.lstrip()
        begins, trail = rest[: len(rest) - len(words)], self._said[len(self._said.rstrip()) :]
        if not begins and not is_exact and "\n" not in trail and _BLOCK.match(words):
            return "\n\n" + words
        if not trail:
            return rest if begins or is_exact or not rest else self._gap(words) + words
        if trail.endswith("\n") and not is_exact:
            # Perhaps indented, or the second half of a blank line.
            return (begins.lstrip("\n") if trail.endswith("\n\n") else begins) + words
        if begins.startswith(trail):
            return begins[len(trail) :] + words
        if "\n" in begins and "\n" in trail:
            return begins[begins.rfind("\n") + 1 :] + words
        return rest if "\n" in begins else words

    def _gap(self, words: str) -> str:
        last = self._said[-1]
        is_joined = (
            last.isalnum() or words.startswith(_CLOSING) or _is_unspaced(last) or _is_unspaced(words[0])
        )
        return "" if is_joined else " "


def _solid(text: str) -> str:
    return _SPACE.sub("", text)


def _place(text: str, length: int) -> int:
    """Return where in `text` its first `length` characters end, white space not counted."""
    return next(islice(re.finditer(r"\S", text), length - 1, None)).end()


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def _is_one_word(before: str, after: str) -> bool:
    return all(char.isalnum() and not _is_unspaced(char) for char in (before, after))


def _is_unspaced(char: str) -> bool:
    return char >= _UNSPACED and not _PUNCTUATION[0] <= char <= _PUNCTUATION[1]
