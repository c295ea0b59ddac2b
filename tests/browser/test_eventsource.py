"""The browser's own EventSource, through a proxy that cuts."""

import threading
from random import Random

import pytest
from answers import TEXT, eventually
from playwright.sync_api import Browser, Page
from processes import App
from proxy import Cut, Proxy
from readers import CUTS, LEAST_BYTES, PAGE, Reading, asked, conduct, in_parts
from standin import StandIn, Wait

ANSWERS = 20
# A browser opens at most six connections to a server, and shares nothing between two visitors.
A_PAGE = 5


@pytest.fixture
def reader_page(proxy: Proxy, page: Page) -> Page:
    proxy.pages["/readers"] = PAGE
    page.goto(proxy.url + "/readers")
    return page


def test_an_answer_cut_at_a_hundred_places_arrives_whole(
    browser: Browser, proxy: Proxy, model: StandIn, word: str
) -> None:
    places = Random(3).sample(range(LEAST_BYTES), ANSWERS * CUTS)
    proxy.pages["/readers"] = PAGE
    readings, conductors = [], []
    for n in range(ANSWERS):
        if n % A_PAGE == 0:
            page = browser.new_context().new_page()
            page.goto(proxy.url + "/readers")
        gates = in_parts(model, f"{word}-{n}.")
        stream = asked(proxy, f"{word}-{n}.")
        proxy.cut(stream, [Cut(place, reset=place % 2 == 0) for place in places[n * CUTS : (n + 1) * CUTS]])
        readings.append(Reading.start(page, stream))
        conductors.append(threading.Thread(target=conduct, args=(proxy, stream, gates), daemon=True))
        conductors[-1].start()
    for reading in readings:
        reading.check(TEXT)
    for conductor in conductors:
        conductor.join()
    cuts = [[seen.cut for seen in proxy.seen(reading.stream)] for reading in readings]
    assert cuts == [[True] * CUTS + [False]] * ANSWERS
    for context in {reading.page.context for reading in readings}:
        context.close()


def test_a_reader_waits_out_a_server_that_refuses_connections(
    proxy: Proxy, reader_page: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "after"])
    reading = Reading.start(reader_page, asked(proxy, word))
    eventually(reader_page, lambda: reading.text, "before ")
    proxy.refuse()
    with reader_page.expect_event("requestfailed", lambda request: request.url.endswith(reading.stream)):
        proxy.hang_up()
    gate.set()
    with reader_page.expect_event("requestfailed", lambda request: request.url.endswith(reading.stream)):
        pass  # It was refused once at least.
    proxy.listen()
    reading.check("before after")


def test_after_done_and_close_there_is_no_further_request(
    proxy: Proxy, reader_page: Page, model: StandIn, word: str
) -> None:
    model.answer(word, ["a", "b"])
    closing, open_ = asked(proxy, word), asked(proxy, word)
    reading = Reading.start(reader_page, closing)
    reading.check("ab")
    # One that does not close itself, as the measure of when a request would have come.
    other = Reading.start(reader_page, open_, "{ closes: false }")
    eventually(reader_page, lambda: other.state, 2)
    assert reading.state == 2
    assert len(proxy.seen(closing)) == 1


def test_a_reader_that_does_not_close_is_told_204_and_asks_no_more(
    proxy: Proxy, reader_page: Page, model: StandIn, word: str
) -> None:
    model.answer(word, ["a", "b"])
    stream, later = asked(proxy, word), asked(proxy, word)
    reading = Reading.start(reader_page, stream, "{ closes: false }")
    eventually(reader_page, lambda: reading.state, 2)
    assert [seen.status for seen in proxy.seen(stream)] == [200, 204]
    assert proxy.seen(stream)[1].headers["last-event-id"] == reading.ids[-1]
    reading.check("ab")
    # Another, begun now, makes its second request before this one's third would be due.
    other = Reading.start(reader_page, later, "{ closes: false }")
    eventually(reader_page, lambda: other.state, 2)
    assert len(proxy.seen(stream)) == 2


def test_a_page_of_another_origin_reads_if_it_is_named_and_only_then(
    app: App, browser: Browser, model: StandIn, word: str, blog: Proxy, proxy: Proxy
) -> None:
    model.answer(word, ["a", "b"])
    stream = app.url + asked(proxy, word)
    named, unnamed = browser.new_page(), browser.new_page()
    for page, origin in ((named, blog), (unnamed, proxy)):
        origin.pages["/readers"] = PAGE
        page.goto(origin.url + "/readers")
    Reading.start(named, stream).check("ab")
    refused = Reading.start(unnamed, stream)
    eventually(unnamed, lambda: refused.state, 2)
    assert (refused.text, refused.ids) == ("", [])
    named.close()
    unnamed.close()
