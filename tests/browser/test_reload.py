"""The sample blog's chat, refreshed in the middle of an answer."""

import threading
from collections.abc import Iterator

from answers import TEXT, TOKENS, eventually
from playwright.sync_api import Page, Route
from processes import App, until
from standin import Body, Pause, StandIn, Step, Wait
from visitor import Visitor, words

RELOADS = 20
PART = len(TOKENS) // RELOADS


def ends_at(part: int) -> str:
    """Return the answer as far as it has come with this part."""
    return "".join(TOKENS[: (part + 1) * PART])


def test_an_answer_goes_on_after_each_of_twenty_reloads(
    app: App, model: StandIn, page: Page, word: str
) -> None:
    gates = [threading.Event() for _ in range(RELOADS)]

    def script(_: Body) -> Iterator[Step]:
        for n, gate in enumerate(gates):
            yield from TOKENS[n * PART : n * PART + 1]
            yield Wait(gate)
            for token in TOKENS[n * PART + 1 : (n + 1) * PART]:
                yield token
                yield Pause(0.005)

    model.answer(word, script)
    visitor = Visitor(page, app.url)
    visitor.ask(word)
    for n, gate in enumerate(gates):
        so_far = ends_at(n - 1) + TOKENS[n * PART]
        visitor.sees(so_far)
        gate.set()  # Words come while the page is being left, while it is away, and when it is back.
        visitor.reload()
        eventually(page, lambda: visitor.answer, lambda text: len(words(text)) > len(words(so_far)))  # noqa: B023
        assert words(TEXT).startswith(words(visitor.answer))
    visitor.sees_the_end(TEXT)
    assert visitor.questions == [word]
    assert len([call for call in model.calls if word in call.prompt]) == 1


def test_a_reload_before_the_first_token_waits_on(
    app: App, model: StandIn, page: Page, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "first"])
    visitor = Visitor(page, app.url)
    with page.expect_response("**/stream/*"):
        visitor.ask(word)
    with page.expect_response("**/stream/*"):
        visitor.reload()
    eventually(page, lambda: visitor.answers, [""])
    gate.set()
    visitor.sees_the_end("first")


def test_a_reload_before_the_reply_to_the_question_asks_it_only_once(
    app: App, model: StandIn, page: Page, word: str
) -> None:
    model.answer(word, ["once"])
    arrived = threading.Event()

    def reply_is_lost(route: Route) -> None:
        route.fetch()
        arrived.set()

    page.route("**/chat", reply_is_lost, times=1)
    visitor = Visitor(page, app.url)
    visitor.ask(word)
    eventually(page, arrived.is_set, expected=True)
    visitor.reload()
    visitor.sees_the_end("once")
    assert visitor.questions == [word]
    assert len([call for call in model.calls if word in call.prompt]) == 1


def test_a_reload_after_the_end_shows_the_exchange(app: App, model: StandIn, page: Page, word: str) -> None:
    model.answer(word, [TEXT])
    visitor = Visitor(page, app.url)
    visitor.ask(word)
    visitor.sees_the_end(TEXT)
    visitor.reload()
    visitor.sees_the_end(TEXT)
    assert visitor.questions == [word]


def test_a_reload_shows_the_earlier_exchanges_too_and_goes_on_with_the_last(
    app: App, model: StandIn, page: Page, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} one", ["first answer"])
    model.answer(f"{word} two", ["second ", Wait(gate), "answer"])
    visitor = Visitor(page, app.url)
    visitor.ask(f"{word} one")
    visitor.sees_the_end("first answer")
    visitor.ask(f"{word} two")
    visitor.sees("second ")
    visitor.reload()
    visitor.sees("second ")
    gate.set()
    visitor.sees_the_end("second answer")
    assert visitor.questions == [f"{word} one", f"{word} two"]
    assert visitor.answers == ["first answer", "second answer"]


def test_an_answer_that_went_on_without_a_page_is_there_when_it_is_back(
    app: App, model: StandIn, page: Page, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    visitor = Visitor(page, app.url)
    visitor.ask(word)
    visitor.sees("a ")
    page.goto("about:blank")
    gate.set()
    until(lambda: [call.finished for call in model.calls if word in call.prompt] == [True], "all told")
    page.goto(app.url + "/posts/one-way-is-enough")
    visitor.sees_the_end("a b")
