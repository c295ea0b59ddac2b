"""The sample page's chat box, as a visitor uses it."""

import re
import threading
from collections.abc import Iterator

import pytest
from answers import eventually
from playwright.sync_api import Browser, Page
from processes import App
from proxy import Proxy
from readers import asked
from standin import ErrorEvent, StandIn, Status, Step, Wait
from visitor import Visitor

SECRET = "sk-of-the-blogger at 10.0.0.7"
HOSTILE = (
    '<img src="/pwned.png" onerror="pwned=1"><script>pwned=1</script><svg onload=pwned=1></svg>'
    '<iframe src="/pwned"></iframe> ![p](/pwned.png) [a](javascript:pwned=1) <b>&lt;b&gt;&amp;</b>\x00\u202e'
)
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def visitor(app: App, page: Page) -> Visitor:
    return Visitor(page, app.url)


def test_words_are_shown_while_the_model_is_still_silent_about_the_next(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["first ", Wait(gate), "second"])
    visitor.ask(word)
    visitor.sees("first ")
    assert visitor.page.locator(".turn[aria-busy=true]").count() == 1
    gate.set()
    visitor.sees_the_end("first second")


def test_a_suggested_question_is_asked_by_a_click(
    visitor: Visitor, model: StandIn, gate: threading.Event
) -> None:
    button = visitor.page.locator("[data-question]").first
    question = button.text_content() or ""
    model.answer(question, ["Because."], times=1)
    button.click()
    visitor.sees_the_end("Because.")
    assert visitor.questions == [question]


def test_stop_keeps_what_was_said_and_closes_the_models_stream(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["said ", Wait(gate), "never"])
    visitor.ask(word)
    visitor.sees("said ")
    visitor.page.click("[data-part=stop]")
    visitor.sees_the_end("said ")
    assert visitor.note == "Stopped."
    (call,) = [call for call in model.calls if word in call.prompt]
    assert call.closed.wait(10)
    assert visitor.page.locator("[data-part=send]").is_visible()


def test_a_failed_answer_is_asked_again_by_a_click(visitor: Visitor, model: StandIn, word: str) -> None:
    model.answer(word, ["half an ", ErrorEvent("overloaded_error", SECRET)], times=1)
    model.answer(word, ["whole"])
    visitor.ask(word)
    retry = visitor.page.locator("[data-part=retry]:visible")
    retry.click()
    visitor.sees_the_end("whole")
    assert visitor.answers == ["half an ", "whole"]
    assert visitor.questions == [word, word]
    assert retry.count() == 0


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            Status(400, body={"type": "error", "error": {"type": "x", "message": SECRET}}), id="400"
        ),
        pytest.param(
            Status(401, body={"type": "error", "error": {"type": "x", "message": SECRET}}), id="401"
        ),
        pytest.param(Status(404, body=SECRET.encode()), id="404"),
        pytest.param(ErrorEvent("api_error", SECRET), id="error event"),
    ],
)
def test_nothing_that_the_model_service_says_of_an_error_is_shown(
    visitor: Visitor, model: StandIn, word: str, fault: Step
) -> None:
    model.answer(word, [fault])
    visitor.ask(word)
    note = visitor.page.locator("[data-part=note][data-tone=failed]")
    note.wait_for()
    assert re.search(r"\w", note.text_content() or "")
    assert "10.0.0.7" not in visitor.page.content()


def test_a_second_question_of_a_conversation_comes_after_the_first(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(f"{word} one", ["first answer"])
    model.answer(f"{word} two", ["second answer"])
    visitor.ask(f"{word} one")
    visitor.sees_the_end("first answer")
    visitor.ask(f"{word} two")
    visitor.sees_the_end("second answer")
    assert visitor.answers == ["first answer", "second answer"]
    (call,) = [call for call in model.calls if f"{word} two" in call.prompt]
    assert [message["role"] for message in call.body["messages"]] == ["user", "assistant", "user"]


def test_two_tabs_of_one_visitor_do_not_mix_their_conversations(
    app: App, browser: Browser, model: StandIn, word: str
) -> None:
    model.answer(f"{word} one", ["first answer"])
    model.answer(f"{word} two", ["second answer"])
    context = browser.new_context()
    one, two = (Visitor(context.new_page(), app.url) for _ in range(2))
    one.ask(f"{word} one")
    one.sees_the_end("first answer")
    two.ask(f"{word} two")
    two.sees_the_end("second answer")
    one.reload()
    one.sees_the_end("first answer")
    assert one.questions == [f"{word} one"]
    context.close()


def test_markup_in_an_answer_is_shown_as_text_and_does_nothing(
    app: App, visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, [HOSTILE[:9], HOSTILE[9:]])
    paths: set[str] = set()
    visitor.page.on("request", lambda request: paths.add(request.url.removeprefix(app.url)))
    visitor.ask(f"{word} {HOSTILE}".replace("\x00", ""))
    visitor.sees_the_end(HOSTILE)
    visitor.reload()
    visitor.sees_the_end(HOSTILE)
    assert visitor.page.locator(".turn :is(img, script, svg, iframe, b)").count() == 0
    assert visitor.page.locator(".turn a:visible").count() == 0
    assert visitor.page.evaluate("typeof pwned") == "undefined"
    own = re.compile(r"/|/chat|/static/[a-z/]+\.(css|js|svg)|/(stream|conversations)/[\w-]+")
    assert [path for path in paths if not own.fullmatch(path)] == []


def test_an_answer_goes_on_after_a_cut_which_the_visitor_is_told_of(
    proxy: Proxy, page: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "after"])
    visitor = Visitor(page, proxy.url)
    visitor.ask(word)
    visitor.sees("before ")
    proxy.hang_up()
    eventually(page, lambda: visitor.note, "Reconnecting")
    assert visitor.answer == "before "
    gate.set()
    visitor.sees_the_end("before after")
    assert visitor.note == ""


def test_after_the_end_the_page_asks_no_more(proxy: Proxy, page: Page, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    visitor = Visitor(page, proxy.url)
    with page.expect_response("**/chat") as reply:
        visitor.ask(word)
    visitor.sees_the_end("a")
    stream = reply.value.json()["stream"]
    # A reader that never closes, as the measure of when another request would have come.
    other = asked(proxy, word)
    page.evaluate(f"other = new EventSource({other!r})")
    eventually(page, lambda: page.evaluate("other.readyState"), 2)
    assert [seen.status for seen in proxy.seen(other)] == [200, 204]
    assert [seen.status for seen in proxy.seen(stream)] == [200]


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    yield context.new_page()
    context.close()


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide + int(page.evaluate("innerWidth")) - PHONE["width"]


@pytest.mark.parametrize(
    "path",
    ["/", "/posts/a-stream-is-a-log", "/posts/one-way-is-enough", "/posts/the-first-word", "/posts/none"],
)
def test_a_phone_shows_each_page_without_sideways_scrolling(app: App, phone: Page, path: str) -> None:
    phone.goto(app.url + path)
    phone.locator("chat-box").wait_for(state="visible")
    assert overflow(phone) == 0


def test_a_phone_shows_an_answer_without_sideways_scrolling(
    app: App, phone: Page, model: StandIn, word: str
) -> None:
    text = f"https://example.com/{'a' * 300} {'日本語' * 50} {'👩‍👩‍👧' * 50}"
    model.answer(word, [text])
    visitor = Visitor(phone, app.url)
    visitor.ask(f"{word} {'b' * 300}")
    visitor.sees_the_end(text)
    eventually(phone, lambda: overflow(phone), 0)
    log = "document.querySelector('[data-part=log]')"
    assert phone.evaluate(f"{log}.scrollWidth - {log}.clientWidth") == 0
