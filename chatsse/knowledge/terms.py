"""What texts are found by: their words, folded, and cut to their stems. Pure.

A compound is found as a whole, however it is written, and by its parts: `max_age`, `max-age` and `maxAge`
are each the words *maxage*, *max* and *age*. Scripts that set no spaces, or few, are cut into overlapping
pairs of characters, and the last character by itself: so each character begins a word, and those that
begin with a character are all that hold it.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import snowballstemmer

# The scripts from India to Myanmar, Khmer, kana, Han, Hangul. Not the full stop of Devanagari and the
# middle dot of Katakana.
_PAIRED = (
    "\u0900-\u0963\u0966-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W{_PAIRED}]"
# With the dot before .NET and .htaccess, and what follows on C++ and C#.
_TOKEN = re.compile(
    rf"[{_PAIRED}]+|(?:(?<![\w.])\.(?=[^\W\d_]))?{_LETTER}+(?:[.'’\u2010-]{_LETTER}+)*(?:\+\+|#(?!\w))?"
)
_FIRST_PAIRED = re.compile(rf"[{_PAIRED}]")
_JOINTS = re.compile(r"[._'’\u2010-]+")
# Between digits a joint stays: 3.11 is not 311.
_LOOSE_JOINTS = re.compile(r"(?<!\d)[._'’\u2010-]+|[._'’\u2010-]+(?!\d)")
# maxAge, HTTPConnection; not URLs.
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
# Accents, the points of Hebrew and Arabic, and what only says where a word may be broken.
_MARKS = re.compile("[\u00ad\u200b-\u200d\u2060\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]+")
# What is longer is not language.
_MOST_CHARS = 64

_STEMMERS = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "cs": "czech", "da": "danish",
    "nl": "dutch", "en": "english", "eo": "esperanto", "et": "estonian", "fi": "finnish", "fr": "french",
    "de": "german", "el": "greek", "hu": "hungarian", "id": "indonesian", "ga": "irish", "it": "italian",
    "lt": "lithuanian", "no": "norwegian", "nb": "norwegian", "nn": "norwegian", "fa": "persian",
    "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "es": "spanish",
    "sv": "swedish", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def words(text: str) -> Iterator[tuple[str, ...]]:
    """Yield what each word of a question is looked up as: in lower case, a whole before its parts."""
    for token in _tokens(text):
        found = _words_of(token)
        if is_paired(token):
            # What the last character finds by itself, its pair finds better.
            yield from ((pair,) for pair in found[:-1] or found)
        else:
            yield found


def is_paired(text: str) -> bool:
    """Return whether `text` begins in a script that is cut into pairs."""
    return bool(_FIRST_PAIRED.match(text))


class Stems:
    """The stems of words in one language.

    :param language: the primary subtag; where there is no stemmer for it, words only lose their accents
    :param most: how many words' stems are remembered
    """

    def __init__(self, language: str, most: int) -> None:
        stemmer = snowballstemmer.stemmer(_STEMMERS[language]) if language in _STEMMERS else None
        self._stem = stemmer.stemWord if stemmer else str
        self.of = lru_cache(most)(self._of)
        self._of_token = lru_cache(most)(self._of_words_of)

    def of_text(self, text: str) -> list[str]:
        """Return the stems of all words of `text`, in their order."""
        return [stem for token in _tokens(text) for stem in self._of_token(token)]

    def _of_words_of(self, token: str) -> tuple[str, ...]:
        return tuple(map(self.of, _words_of(token)))

    def _of(self, word: str) -> str:
        return fold(self._stem(word))


def fold(word: str) -> str:
    """Return `word` without accents."""
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", word)))


def _tokens(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text)
    return _TOKEN.findall(text if text.isascii() else _MARKS.sub("", text))


def _words_of(token: str) -> tuple[str, ...]:
    if is_paired(token):
        return (*map("".join, pairwise(token)), token[-1])
    token = token[:_MOST_CHARS]
    name = token.strip("._+#")
    found = [] if name == token else [token]
    found.append(_LOOSE_JOINTS.sub("", name))
    for segment in name.split("."):
        found.append(_LOOSE_JOINTS.sub("", segment))
        found.extend(part for piece in _JOINTS.split(segment) for part in _HUMPS.split(piece))
    return tuple(dict.fromkeys(word.casefold() for word in found if word))
