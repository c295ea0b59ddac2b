"""What feeds list, in whatever state they are."""

import tracemalloc
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.errors import Unreadable
from chatsse.knowledge.feeds import MOST_BYTES, Entry, Feed, read_feed

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


def entries(text: str) -> list[Entry]:
    return list(read_feed(text.encode(), HERE).entries.values())


def rss(item: str, channel: str = "") -> str:
    return f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>{channel}<item><link>/a</link>{item}</item></channel></rss>"""


def atom(entry: str, lang: str = "", feed_lang: str = "xml:lang='en'") -> str:
    return f"""<feed xmlns="http://www.w3.org/2005/Atom" {feed_lang}>
<entry {lang}><link href="/a"/>{entry}</entry></feed>"""


WHOLE = "<p>Rye, at length, &amp; more.</p>"
EXCERPT = "<description>Rye, &lt;b&gt;in short&lt;/b&gt;</description>"
ENCODED = f"<content:encoded><![CDATA[{WHOLE}]]></content:encoded>"


@pytest.mark.parametrize("item", [EXCERPT + ENCODED, ENCODED + EXCERPT])
def test_an_item_of_rss_has_the_whole_text_and_an_excerpt(item: str) -> None:
    more = "<title>Rye</title><category>bread</category><category>rye</category>"
    assert entries(rss(more + item + "<pubDate>Sat, 15 Nov 2025 00:30:00 +0200</pubDate>")) == [
        Entry("Rye", WHOLE, "Rye, <b>in short</b>", ("bread", "rye"), "", date(2025, 11, 15))
    ]


ESCAPED = "<content type='html'>&lt;p&gt;Rye, at length, &amp;amp; more.&lt;/p&gt;</content>"
XHTML = f"<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>{WHOLE}</div></content>"


@pytest.mark.parametrize(
    "content",
    [
        ESCAPED + "<summary>Rye</summary>",
        "<summary>Rye</summary>" + XHTML,
        "<content>Rye</content>" + ESCAPED.replace("content", "summary"),
    ],
)
def test_an_entry_of_atom_has_its_content_and_a_summary(content: str) -> None:
    more = """<title type="html">Rye &amp;amp; oats</title><category term="1" label="bread"/>
<published>2025-11-15T00:30:00+02:00</published><updated>2025-11-17T00:30:00+02:00</updated>"""
    assert entries(atom(more + content)) == [
        Entry("Rye &amp; oats", WHOLE, "Rye", ("bread",), "en", date(2025, 11, 15))
    ]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (rss("<description>Rye &lt;script&gt;x&lt;/script&gt;</description>"), "Rye <script>x</script>"),
        (atom("<content>Rye &lt;script&gt;</content>"), "Rye &lt;script&gt;"),
        (atom("<summary type='text'>Rye &amp;amp; oats</summary>"), "Rye &amp; oats"),
        (rss(f"<description>Rye{chr(0xE0041)}\u200b</description>"), "Rye"),
    ],
)
def test_a_text_comes_as_html_whatever_it_was(text: str, html: str) -> None:
    assert [(entry.text, entry.about) for entry in entries(text)] == [(html, "")]


@pytest.mark.parametrize(
    "text",
    [
        rss("<title>Rye</title>"),
        rss("<description> </description>"),
        atom("<content type='image/png' src='/rye.png'/>"),
        atom("<content type='application/pdf'>JVBERi0=</content>"),
        rss(ENCODED).replace("<link>/a</link>", ""),
    ],
)
def test_an_item_without_a_text_or_an_address_has_nothing_to_read(text: str) -> None:
    assert entries(text) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (rss(ENCODED, "<language>de-AT</language>"), "de"),
        (rss(ENCODED + "<dc:language>fr</dc:language>", "<language>de-AT</language>"), "fr"),
        (atom("<content xml:lang='pt-BR'>Rye</content>"), "pt"),
        (atom("<content>Rye</content>", lang="xml:lang='nl-BE'"), "nl"),
        (atom("<content>Rye</content>"), "en"),
        (atom("<content>Rye</content>", feed_lang=""), ""),
        (rss(ENCODED), ""),
    ],
)
def test_the_language_is_that_of_the_entry_or_else_of_the_feed(text: str, language: str) -> None:
    assert [entry.language for entry in entries(text)] == [language]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("<pubDate>15 Nov 2025 23:30:00 -0800</pubDate>", date(2025, 11, 15)),
        ("<pubDate>Sat, 99 Nov 2025 00:30:00 GMT</pubDate>", None),
        ("<dc:date>2025-11-15T23:30:00-08:00</dc:date>", date(2025, 11, 15)),
        ("<pubDate>Nov 3000000000 0:0 0</pubDate>", None),
        ("<pubDate>yesterday</pubDate>", None),
        ("", None),
    ],
)
def test_the_day_is_the_one_of_the_authors_calendar(said: str, day: date | None) -> None:
    assert [entry.date for entry in entries(rss(ENCODED + said))] == [day]


def test_of_two_items_with_one_address_the_newer_counts() -> None:
    item = "<item><link>/a</link><description>%s</description></item>"
    text = f"<rss><channel>{item % 'new'}{item % 'old'}</channel></rss>"
    assert {page: entry.text for page, entry in read_feed(text.encode(), HERE).entries.items()} == {
        "https://blog.example/a": "new"
    }


@pytest.mark.parametrize(
    ("declared", "real"),
    [("utf-8", "utf-8"), ("utf-8", "cp1252"), ("windows-1251", "utf-8"), ("x", "utf-16")],
)
def test_texts_are_read_whatever_encoding_the_feed_declares(declared: str, real: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{rss("<description>Brötchen</description>")}'
    assert [entry.text for entry in read_feed(text.encode(real), HERE).entries.values()] == ["Brötchen"]


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
    *("<!--", ":", "é", " ", "<", "<content type='html'>", "</content>", "<description>", "</description>"),
    *("<category label='a'/>", "xml:lang='en'", "<pubDate>", "</pubDate>", "Sat, 99 Nov 2025 00:30:00 GMT"),
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
