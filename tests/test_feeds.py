"""What feeds list, in whatever state they are."""

import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.errors import Unreadable
from chatsse.knowledge.feeds import MOST_BYTES, Feed, read_feed

HERE = "https://blog.example/feed.xml"
RSS = """<?xml version="1.0" encoding="%s"?>
<rss version="2.0"><channel><title>Grüße</title><link>https://blog.example</link>
<item><title>Zwölf</title><link>https://blog.example/a</link></item>
<item><title>&uuml;ber & mehr</title><link>https://blog.example/b#part</link></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title>
<link rel="self" href="https://blog.example/feed.xml"/><link href="https://blog.example/"/>
<entry><title>One</title><link rel="alternate" href="/a"/><link rel="edit" href="/edit/a"/></entry>
<entry><title>Two</title><link href="b#part"/></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="https://blog.example/"><title>A</title><link>https://blog.example/</link></channel>
<item rdf:about="https://blog.example/a"><title>One</title><link>https://blog.example/a</link></item>
<item rdf:about="https://blog.example/b"><title>Two</title><link>https://blog.example/b</link></item></rdf:RDF>"""
BOTH = Feed("https://blog.example/", ("https://blog.example/a", "https://blog.example/b"))


@pytest.mark.parametrize("text", [RSS.replace("%s", "utf-8"), ATOM, RDF])
def test_the_pages_of_a_feed_are_listed_with_what_it_is_the_feed_of(text: str) -> None:
    assert read_feed(text.encode(), HERE) == BOTH


@pytest.mark.parametrize("real", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("declared", ["utf-8", "ascii", "utf-16", "iso-8859-1", "klingon", "utf-7"])
def test_a_feed_is_read_whatever_encoding_it_declares(real: str, declared: str) -> None:
    assert read_feed((RSS % declared).encode(real), HERE) == BOTH


def test_a_feed_that_is_cut_gives_what_it_has() -> None:
    text = RSS % "utf-8"
    assert read_feed(text[: text.index("</item>\n</channel>")].encode(), HERE) == BOTH


def test_an_item_is_where_it_was_before_feedburner() -> None:
    item = """<item><link>https://feeds.example/~r/1</link>
<feedburner:origLink>https://blog.example/a</feedburner:origLink></item>"""
    text = f"""<rss xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"><channel>{item}</channel></rss>"""
    assert read_feed(text.encode(), HERE).pages == ("https://blog.example/a",)


def test_an_item_may_have_its_address_as_its_id() -> None:
    text = """<rss version="2.0"><channel><item><guid>https://blog.example/a</guid></item>
<item><guid isPermaLink="false">42</guid></item><item><title>Nowhere</title></item></channel></rss>"""
    assert read_feed(text.encode(), HERE) == Feed(HERE, ("https://blog.example/a",))


def test_a_feed_of_entities_costs_next_to_nothing() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<!DOCTYPE rss [<!ENTITY l0 "lol">{entities}]><rss><channel><title>&l9;</title></channel></rss>'
    tracemalloc.start()
    try:
        assert read_feed(text.encode(), HERE).pages == ()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_no_file_is_read_for_a_feed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    text = f"""<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}">]>
<rss><channel><item><link>https://blog.example/&x;</link></item></channel></rss>"""
    assert "secret" not in str(read_feed(text.encode(), HERE))


def test_a_feed_that_is_too_large_is_not_read() -> None:
    with pytest.raises(Unreadable, match="a feed larger than 10 MB"):
        read_feed(b"<rss>" + b" " * MOST_BYTES, HERE)


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"<rss>", b"<feed", b"\xff\xfe<rss", b"<rss><channel><item><link>:"]
)
def test_a_feed_of_which_nothing_is_left_lists_nothing(body: bytes) -> None:
    assert read_feed(body, HERE).pages == ()


# Of what an item has, and of what breaks it.
PIECES = [
    *(
        "<rss>",
        "<channel>",
        "<item>",
        "</item>",
        "<link>",
        "</link>",
        "<guid>",
        "<updated>",
        "http://[",
        "//",
    ),
    *(
        "<feed xmlns='http://www.w3.org/2005/Atom'>",
        "<entry>",
        "<link href='",
        "'/>",
        "&#xd800;",
        "&#99999999999;",
    ),
    *("<?xml version='1.0' encoding='", "'?>", "<!DOCTYPE x [", "<!ENTITY a 'b'>", "&a;", "<![CDATA[", "]]>"),
    *("<!--", ":", "é", " ", "<"),
]


def test_a_feed_beyond_repair_is_said_to_be_broken() -> None:
    with pytest.raises(Unreadable, match="a broken feed"):
        read_feed(b"<>&#xd800;", HERE)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join).map(str.encode))
def test_whatever_comes_is_read_or_said_to_be_broken(body: bytes) -> None:
    with suppress(Unreadable):
        read_feed(body, HERE)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_said_to_be_broken(body: bytes) -> None:
    with suppress(Unreadable):
        read_feed(body, HERE)
