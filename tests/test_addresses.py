"""Which addresses are the same, and which are nobody's business."""

import pytest

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import each_normal, host_of, is_front, is_public, normal, origin_of, site_of


@pytest.mark.parametrize(
    ("address", "one"),
    [
        ("HTTPS://Blog.Example:443/A/../b?Q=1#part", "https://blog.example/b?Q=1"),
        ("http://blog.example", "http://blog.example/"),
        ("http://blog.example:80/#", "http://blog.example/"),
        ("http://blog.example:443/", "http://blog.example:443/"),
        (" \n https://blog.example/a b\t", "https://blog.example/a%20b"),
        ("https://blog.example/%c3%bc/ü", "https://blog.example/%C3%BC/%C3%BC"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
    ],
)
def test_an_address_has_one_spelling(address: str, one: str) -> None:
    assert normal(address) == one
    assert normal(one) == one


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/posts/",
        "blog.example",
        "ftp://blog.example/",
        "mailto:me@blog.example",
        "http://",
        "http://a:99999/",
    ],
)
def test_what_is_no_address_of_the_web_is_said_to_be_none(address: str) -> None:
    with pytest.raises(Unreadable, match="not an address"):
        normal(address)
    assert list(each_normal([address, "https://blog.example/a"])) == ["https://blog.example/a"]


def test_an_address_that_tells_a_password_is_not_taken() -> None:
    with pytest.raises(Unreadable, match="an address with a password"):
        normal("https://me:secret@blog.example/")


def test_an_address_may_be_told_from_where_it_stands() -> None:
    assert normal("../b", "https://blog.example/a/c/") == "https://blog.example/a/b"


def test_www_and_the_scheme_make_no_other_site() -> None:
    assert site_of("http://www.blog.example/a") == site_of("https://blog.example/b")
    assert site_of("http://blog.example:8000/") != site_of("http://blog.example/")
    assert site_of("https://wwwblog.example/") != site_of("https://blog.example/")


def test_an_address_knows_its_parts() -> None:
    assert host_of("http://blog.example:8000/a") == "blog.example:8000"
    assert origin_of("http://blog.example:8000/a") == "http://blog.example:8000"
    assert is_front("http://blog.example/")
    assert not is_front("http://blog.example/?p=1")


@pytest.mark.parametrize(
    "ip", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_what_everybody_can_reach_is_public(ip: str) -> None:
    assert is_public(ip)
