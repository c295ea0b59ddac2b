"""The text of bytes: of an HTML page as browsers read it, of a feed as well as can be.

WHATWG HTML, "Determining the character encoding".
"""

import codecs
import re
from collections.abc import Iterator

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# How far into the page its own word is looked for; the standard says 1024, themes need more.
_HEAD_BYTES = 8192
_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([\w:.-]{2,40})", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)
# What browsers take for what pages say (WHATWG Encoding, 4.2), where Python's name means less.
_AS_BROWSERS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Python also calls a few things encodings that are none.
_ENCODING = re.compile(r"(?:utf-|iso8859|iso2022_jp|cp\d|koi8|mac|gb|big5|euc|shift|hz|johab).*")


def decode(body: bytes, charset: str | None) -> str:
    """Return the page's text.

    :param charset: the one that HTTP names; a byte order mark is worth more, what the page says less
    """
    if (text := _marked(body)) is not None:
        return text
    for encoding in _named(body, charset):
        return body.decode(encoding, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def decode_xml(body: bytes, charset: str | None) -> str:
    """Return the text of a feed, which is UTF-8 wherever it can be: what feeds declare is often wrong.

    :param charset: the one that HTTP names; the feed's own word is worth more
    """
    if (text := _marked(body)) is not None:
        return text
    text = body.decode("utf-8", "replace")
    broken, beyond_ascii = text.count("\ufffd"), len(text) - len(text.encode("ascii", "ignore"))
    # One that was cut, or in which a byte went astray, has most of its characters yet.
    if not broken or 2 * broken < beyond_ascii:
        return text
    declared = _DECLARED.match(body)
    labels = (declared[1].decode() if declared else "", charset or "")
    named = (encoding for label in labels if (encoding := _known(label)))
    # UTF-16 would have shown itself.
    return body.decode(next((each for each in named if not each.startswith("utf-")), "cp1252"), "replace")


def _marked(body: bytes) -> str | None:
    """Return the text of what begins with a byte order mark."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return None


def _named(body: bytes, charset: str | None) -> Iterator[str]:
    """Yield the encodings that are named and known."""
    if encoding := _known(charset or ""):
        yield encoding
    meta = _META.search(body, 0, _HEAD_BYTES)
    if meta and (encoding := _known(meta[1].decode("ascii", "replace"))):
        # A page whose bytes could be read so far is not in UTF-16.
        yield "utf-8" if encoding.startswith("utf-16") else encoding


def _known(label: str) -> str | None:
    try:
        name = codecs.lookup(label.strip(" \t\"'")).name
    except (LookupError, ValueError):
        return None
    return _AS_BROWSERS.get(name, name) if _ENCODING.fullmatch(name) else None
