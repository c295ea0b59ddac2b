import codecs

import pytest

from chatsse.knowledge.charset import decode


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
