import codecs

import pytest

from chatsse.knowledge.charset import decode, decode_xml


def meta(charset: str, text: str, encoding: str) -> bytes:
    return f'<!doctype html><head><meta charset="{charset}"><p>{text}'.encode(encoding)


def test_a_byte_order_mark_wins_over_http() -> None:
    assert decode(codecs.BOM_UTF8 + "é".encode(), "iso-8859-1") == "é"
    assert decode(codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), "utf-8") == "é"


def test_http_wins_over_the_page() -> None:
    assert decode(meta("utf-8", "жук", "koi8-r"), "KOI8-R").endswith("жук")


@pytest.mark.parametrize(
    ("charset", "text", "encoding"),
    [
        ("Shift_JIS", "日本", "cp932"),
        ("gb2312", "中文", "gb18030"),
        ("euc-kr", "한국", "cp949"),
        ("windows-1251", "жук", "cp1251"),
        ("iso-8859-1", "“é”", "cp1252"),
        ("utf-16", "é", "utf-8"),
    ],
)
def test_the_page_may_say_its_encoding_as_browsers_take_it(charset: str, text: str, encoding: str) -> None:
    assert decode(meta(charset, text, encoding), None).endswith(text)


def test_a_page_that_says_it_the_old_way_is_heard() -> None:
    page = b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>\xe6'
    assert decode(page, None).endswith("ж")


def test_a_page_that_says_nothing_is_in_utf_8_or_windows_1252() -> None:
    assert decode("€ é".encode(), None) == "€ é"
    assert decode("€ é".encode("cp1252"), None) == "€ é"


@pytest.mark.parametrize(
    "charset", ["rot13", "hex", "idna", "unicode_escape", "nonsense", "a\0b", "", "utf-8\n"]
)
def test_what_is_no_encoding_is_passed_over(charset: str) -> None:
    assert decode("é\\n".encode(), charset) == "é\\n"


def test_bytes_that_mean_nothing_are_replaced() -> None:
    assert decode(b"a\xff\xfeb", "utf-8") == "a\ufffd\ufffdb"


def feed(declared: str, text: str, encoding: str) -> bytes:
    word = f' encoding="{declared}"' if declared else ""
    return f'<?xml version="1.0"{word}?><p>{text}'.encode(encoding)


@pytest.mark.parametrize(
    ("declared", "charset", "text", "encoding"),
    [
        ("windows-1251", None, "жук", "utf-8"),
        ("utf-16", "utf-16", "жук", "utf-8-sig"),
        ("iso-8859-1", None, "жук", "utf-16"),
        ("windows-1251", None, "жук", "cp1251"),
        ("windows-1251", "iso-8859-1", "жук", "cp1251"),
        ("", "windows-1251", "жук", "cp1251"),
        ("utf-8", "KOI8-R", "жук", "koi8-r"),
        ("Shift_JIS", None, "日本", "cp932"),
        ("iso-8859-1", None, "“é”", "cp1252"),
        ("utf-8", None, "“é”", "cp1252"),
        ("utf-16", "klingon", "é", "latin-1"),
        ("", None, "é", "latin-1"),
        ("", None, "e", "ascii"),
    ],
)
def test_a_feed_is_read_in_the_encoding_that_it_has(
    declared: str, charset: str | None, text: str, encoding: str
) -> None:
    assert decode_xml(feed(declared, text, encoding), charset).endswith(f"<p>{text}")


def test_a_byte_that_went_astray_costs_one_character_of_a_feed() -> None:
    body = feed("windows-1251", "жук и ещё", "utf-8") + b"\xff" + "ёж".encode()[:-1]
    assert decode_xml(body, None).endswith("жук и ещё\ufffdё\ufffd")
