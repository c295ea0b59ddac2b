"""What sitemaps list, in whatever state they are, and what bombs among them cost."""

import gzip
import os
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.errors import Unreadable
from chatsse.knowledge.sitemaps import (
    MB,
    MOST_DEPTH,
    MOST_PAGES,
    MOST_SITEMAPS,
    Listing,
    Sitemap,
    read_lines,
    read_sitemap,
    root_of,
    unpacked,
    walk,
)

HERE = "https://blog.example/sitemap.xml"
XMLNS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def urls(*paths: str) -> str:
    listed = "".join(f"<url><loc>https://blog.example{path}</loc></url>\n" for path in paths)
    return f"{HEAD}<urlset {XMLNS}>\n{listed}</urlset>\n"


def index(*addresses: str) -> str:
    listed = "".join(f"<sitemap><loc>{each}</loc></sitemap>" for each in addresses)
    return f"{HEAD}<sitemapindex {XMLNS}>{listed}</sitemapindex>"


def pages(text: str | bytes) -> list[str]:
    """Return the paths of the pages that a sitemap lists."""
    body = text.encode() if isinstance(text, str) else text
    return [page.removeprefix("https://blog.example") for page in read_sitemap(body, HERE).pages]


def peak_mb(act: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


def test_the_pages_of_a_sitemap_are_listed_in_order() -> None:
    assert pages(urls("/b/", "/a/")) == ["/b/", "/a/"]
    assert read_sitemap(urls("/").encode(), HERE).is_whole


def test_the_sitemaps_of_an_index_are_listed() -> None:
    found = read_sitemap(index("https://blog.example/1.xml", "/2.xml").encode(), HERE)
    assert found == Sitemap(sitemaps=("https://blog.example/1.xml", "https://blog.example/2.xml"))


@pytest.mark.parametrize(
    "loc",
    [
        "<loc>https://blog.example/?a=1&amp;b=2</loc>",
        "<loc>https://blog.example/?a=1&b=2</loc>",
        "<loc><![CDATA[https://blog.example/?a=1&b=2]]></loc>",
        "<loc>\n  <![CDATA[ https://blog.example/?a=1&b=2 ]]>\n</loc>",
        "<loc>\r\n\thttps://blog.example/?a=1&#38;b=2 </loc>",
        '<loc xml:lang="en">HTTPS://Blog.Example:443/?a=1&#x26;b=2#part</loc>',
        "<!-- <loc>https://blog.example/old</loc> --><loc>/?a=1&amp;b=2</loc>",
    ],
)
def test_an_address_may_be_written_in_many_ways(loc: str) -> None:
    for xmlns in (XMLNS, "", 'xmlns="http://www.google.com/schemas/sitemap/0.84"'):
        assert pages(f"<urlset {xmlns}><url>{loc}</url></urlset>") == ["/?a=1&b=2"]


def test_a_sitemap_may_have_a_prefix() -> None:
    text = f"<sm:urlset {XMLNS.replace('xmlns', 'xmlns:sm')}><sm:url><sm:loc>/a</sm:loc></sm:url></sm:urlset>"
    assert pages(text) == ["/a"]
    assert read_sitemap(text.encode(), HERE).is_whole


def test_pictures_and_films_are_no_pages() -> None:
    picture = "<image:image><image:loc>https://blog.example/a.png</image:loc></image:image>"
    film = "<video:video><video:content_loc>https://blog.example/a.mp4</video:content_loc></video:video>"
    assert pages(f"<urlset><url>{picture}<loc>/a</loc>{film}</url></urlset>") == ["/a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_sitemap_may_be_in_any_encoding(encoding: str) -> None:
    body = f"\n{HEAD}<?xml-stylesheet href='a.xsl'?><!-- <feed> é -->{urls('/a')[len(HEAD) :]}".encode(
        encoding
    )
    assert root_of(body) == "urlset"
    assert pages(body) == ["/a"]


def test_what_is_no_address_is_passed_over() -> None:
    assert pages("<urlset><loc></loc><loc>ftp://a/</loc><loc>mailto:a@b</loc><loc>/a</loc></urlset>") == [
        "/a"
    ]


def test_of_a_broken_sitemap_what_can_be_read_is_read_and_it_is_known_to_be_broken() -> None:
    text = urls("/a", "/b", "/c")
    for end in range(text.index("</urlset>")):
        found = read_sitemap(text[:end].encode(), HERE)
        assert not found.is_whole
        assert list(found.pages) == [
            f"https://blog.example{path}"
            for path in ("/a", "/b", "/c")
            if text.find(f"{path}<") in range(end - 2)
        ]
    assert pages(text.replace("</url>\n", "</ur", 1).replace("<url>", "< & <<url", 1)) == ["/a", "/b", "/c"]


def test_a_sitemap_of_plain_text_lists_an_address_a_line() -> None:
    text = "\ufeffhttps://blog.example/a\r\n\n  https://blog.example/b#part \n"
    assert read_lines(text.encode()) == Sitemap(("https://blog.example/a", "https://blog.example/b"))


@pytest.mark.parametrize("text", ["", "Not found", "https://blog.example/a\nand more", "\0\xff"])
def test_any_other_text_is_none(text: str) -> None:
    with pytest.raises(Unreadable, match="neither a sitemap nor a feed nor a page"):
        read_lines(text.encode("latin-1"))


def test_a_packed_body_is_unpacked_and_any_other_left_as_it_is() -> None:
    assert unpacked(b"plain", 9) == b"plain"
    assert unpacked(gzip.compress(b"plain") + gzip.compress(b" too"), 9) == b"plain too"


def test_a_body_that_grows_without_end_is_left_at_the_limit() -> None:
    bomb = gzip.compress(bytes(200 * MB))

    def unpack() -> None:
        with pytest.raises(Unreadable, match="larger than 1 MB"):
            unpacked(bomb, MB)

    assert peak_mb(unpack) < 10


@pytest.mark.parametrize("broken", [slice(0, 3), slice(0, -9), slice(0, 40)])
def test_a_body_that_is_badly_packed_is_said_to_be(broken: slice) -> None:
    with pytest.raises(Unreadable, match="badly compressed"):
        unpacked(gzip.compress(os.urandom(1000))[broken], MB)


LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "entities": f'<!DOCTYPE urlset [<!ENTITY l0 "lol">{LOL}]><urlset><url><loc>/&l9;</loc></url></urlset>',
    "an entity of a file": '<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><loc>/&x;</loc></urlset>',
    "depth": "<urlset>" + "<a>" * MB,
    "attributes": "<urlset " + "".join(f'a{n}="" ' for n in range(MB // 8)) + ">",
    "a long address": "<urlset><loc>/" + "a" * 40 * MB + "</loc></urlset>",
    "long white space": ("<urlset><loc>" + " " * 20 * MB) * 2,
    "openings": "<urlset>" + "<loc>" * MB,
    "comments": "<urlset>" + "<!--" * MB,
    "comments before it": "<!--" * MB,
    "declarations before it": "<?" * MB,
    "addresses": "<urlset>" + "<loc>/a</loc>" * MB,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_costs_next_to_nothing(kind: str) -> None:
    body = BOMBS[kind].encode()
    found: list[Sitemap] = []
    assert peak_mb(lambda: found.append(read_sitemap(body, HERE))) < 20
    assert len(found[0].pages) <= MOST_PAGES + 1
    assert not any(len(page) > 5000 or "root:" in page or "lol" in page for page in found[0].pages)


@given(
    st.binary(max_size=400) | st.text(alphabet="<>/!-?[]& \nlocurset:CDATA&;", max_size=400).map(str.encode)
)
def test_whatever_comes_is_read(body: bytes) -> None:
    read_sitemap(body, HERE)
    root_of(body)


def test_an_index_is_followed() -> None:
    tree = {
        "i": Sitemap(sitemaps=("a", "j")),
        "a": Sitemap(pages=("1", "2")),
        "j": Sitemap(sitemaps=("b",)),
        "b": Sitemap(pages=("2", "3")),
    }
    found = walk(["i"], tree.__getitem__)
    assert (list(found.pages), found.left_out, found.is_whole) == (["1", "2", "3"], {}, True)


def test_an_index_that_names_itself_is_read_once() -> None:
    asked = []

    def get(url: str) -> Sitemap:
        asked.append(url)
        return Sitemap(sitemaps=("b", "a", "b"), pages=(url,))

    assert list(walk(["a"], get).pages) == ["a", "b"]
    assert asked == ["a", "b"]


def test_an_index_is_followed_so_deep_and_no_deeper() -> None:
    found = walk(["1"], lambda url: Sitemap(sitemaps=(str(int(url) + 1),), pages=(url,)))
    assert list(found.pages) == ["1", "2", "3"]
    assert found.left_out == {"4": f"a sitemap more than {MOST_DEPTH} deep"}
    assert not found.is_whole


def test_no_more_sitemaps_are_read_than_anybody_needs() -> None:
    asked: list[str] = []

    def get(url: str) -> Sitemap:
        asked.append(url)
        return Sitemap(sitemaps=tuple(f"{url}.{n}" for n in range(5000)))

    found = Listing()

    def follow() -> None:
        nonlocal found
        found = walk(["i"], get)

    assert peak_mb(follow) < 20
    assert len(asked) == MOST_SITEMAPS
    assert list(found.left_out.values()) == [f"beyond the first {MOST_SITEMAPS} sitemaps"]
    assert not found.is_whole


def test_no_more_pages_are_listed_than_anybody_has() -> None:
    found = walk(["a", "b"], lambda url: Sitemap(pages=tuple(f"{url}{n}" for n in range(15_000))))
    assert len(found.pages) == MOST_PAGES
    assert list(found.left_out.items()) == [("b5000", "beyond the first 20,000 pages")]


def test_a_sitemap_that_fails_is_left_out_and_the_others_are_read() -> None:
    def get(url: str) -> Sitemap:
        if url == "b":
            raise Unreadable("404 Not Found")
        return Sitemap(pages=(url,))

    found = walk(["a", "b", "c"], get)
    assert (list(found.pages), found.left_out, found.is_whole) == (["a", "c"], {"b": "404 Not Found"}, False)


def test_a_list_is_whole_only_if_each_part_of_it_is() -> None:
    assert not walk(["a", "b"], lambda url: Sitemap(is_whole=url != "a")).is_whole
