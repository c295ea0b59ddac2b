"""Text as its reader sees it: without the characters that show nothing.

Zero-width characters, marks of direction, variation selectors and Unicode's tags can carry whole sentences
that a model reads and a person does not.
"""

import re

# Controls, surrogates, fillers, marks of direction, tags; white space and the joiners are seen to apart.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b"
    r"\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Persian, the Indic scripts and emoji need one joiner at a time, between two characters that aren't ASCII.
_JOINERS = r"[\u200c\u200d](?:(?<![^\x00-\x7f\u200c\u200d].)|(?![^\x00-\x7f\u200c\u200d]))"
_UNSEEN = re.compile(f"{_INVISIBLE}|{_JOINERS}")


def visible(text: str) -> str:
    """Return `text` without the characters that show nothing; its white space stays as it is."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub("", text)


def line(text: str) -> str:
    """Return what is visible of `text` in one line, each run of white space as one space."""
    return " ".join(visible(text).split())
