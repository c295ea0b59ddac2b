"""From a question to the place on the page that the answer rests on, with nothing but the real parts."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from answers import eventually
from playwright.sync_api import Browser, Locator, Page, expect
from processes import App, Redis
from visitor import Visitor

QUESTION = "Who shuts out a writer that only slept?"
PHONE = {"width": 360, "height": 740}
PLACE = "/posts/a-stream-is-a-log#when-the-writer-dies"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """chatsse as it comes: the demo answers from the sample blog."""
    directory = tmp_path_factory.mktemp("demo")
    with Redis("valkey", directory) as redis, App(redis.url(0), None, directory) as app:
        yield app


@pytest.fixture
def visitor(demo: App, page: Page) -> Visitor:
    visitor = Visitor(page, demo.url)
    visitor.ask(QUESTION)
    visitor.panel.locator(".turn[aria-busy=false]").wait_for()
    return visitor


def top_of(element: Locator) -> float:
    """Return how far down the window an element is, in pixels."""
    box = element.bounding_box()
    assert box
    return box["y"]


@pytest.mark.parametrize("kind", [".source a", ".cite a"])
def test_a_citation_opens_the_page_at_its_heading_and_the_chat_stays(visitor: Visitor, kind: str) -> None:
    page = visitor.page
    answer = visitor.answer
    link = visitor.panel.locator(kind).first
    expect(link).to_have_attribute("href", re.compile(re.escape(PLACE)))
    link.click()
    page.wait_for_url(f"**{PLACE}*")
    heading = page.locator(f"[id='{PLACE.partition('#')[2]}']")
    expect(heading).to_be_visible()
    # The page scrolls there smoothly.
    eventually(page, lambda: top_of(heading), lambda top: 0 <= top < 200)
    visitor.panel.wait_for()
    expect(visitor.panel.locator(".answer")).to_have_count(1)
    visitor.sees(answer)
    assert len(page.context.pages) == 1


def test_on_a_phone_a_place_on_the_same_page_is_not_left_behind_the_chat(demo: App, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    visitor = Visitor(context.new_page(), demo.url + PLACE.partition("#")[0])
    visitor.ask(QUESTION)
    visitor.panel.locator(".turn[aria-busy=false]").wait_for()
    visitor.panel.locator(".source a").first.click()
    heading = visitor.page.locator(f"[id='{PLACE.partition('#')[2]}']")
    eventually(visitor.page, lambda: top_of(heading), lambda top: 0 <= top < 200)
    expect(visitor.panel).to_be_hidden()
    context.close()


def test_each_claim_is_marked_where_it_ends_with_the_number_of_its_source(visitor: Visitor) -> None:
    listed = visitor.panel.locator(".source")
    marks = visitor.panel.locator(".answer .cite")
    assert marks.all_inner_texts() == [str(n) for n in range(1, listed.count() + 1)]
    # The mark closes the quoted paragraph: the next one begins another.
    paragraph = marks.first.locator("xpath=ancestor::p")
    assert paragraph.inner_text().endswith("1")


def test_the_sources_of_an_answer_are_there_after_a_reload(visitor: Visitor) -> None:
    before = visitor.panel.locator(".source a").evaluate_all("(links) => links.map((link) => link.href)")
    assert urlsplit(before[0]).path == PLACE.partition("#")[0]
    visitor.reload()
    visitor.panel.locator(".source").first.wait_for()
    after = visitor.panel.locator(".source a").evaluate_all("(links) => links.map((link) => link.href)")
    assert after == before


def test_where_nothing_is_found_the_nearest_pages_are_links(demo: App, page: Page) -> None:
    visitor = Visitor(page, demo.url)
    visitor.ask("Kuchenrezept?")
    visitor.panel.locator(".turn[aria-busy=false]").wait_for()
    assert "nothing about that" in visitor.answer
    expect(visitor.panel.locator(".answer li a").first).to_have_attribute("href", re.compile("/posts/"))
