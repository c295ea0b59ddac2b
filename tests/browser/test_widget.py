"""The chat of the sample blog, as a visitor uses it."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from answers import DEADLINE_S, eventually
from playwright.sync_api import Browser, Page, expect
from processes import App
from proxy import Proxy
from readers import asked
from standin import Citation, ErrorEvent, StandIn, Status, Step, Wait
from visitor import Visitor

SECRET = "sk-of-the-blogger at 10.0.0.7"
HOSTILE = (
    '<img src="/pwned.png" onerror="pwned=1"><script>pwned=1</script><svg onload=pwned=1></svg>'
    '<iframe src="/pwned"></iframe> ![p](/pwned.png) [a](javascript:pwned=1) <b>&lt;b&gt;&amp;</b>\x00\u202e'
)
POSTS = sorted((Path(__file__).parents[2] / "templates" / "posts").glob("*.md"))
PHONE = {"width": 360, "height": 740}
PARAGRAPHS = [f"Paragraph {n}: {'some words ' * 20}\n\n" for n in range(12)]


@pytest.fixture
def visitor(app: App, page: Page) -> Visitor:
    return Visitor(page, app.url)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    yield context.new_page()
    context.close()


def focused(page: Page) -> str:
    """Return the class, else the name, of what has the focus, inside the widget too."""
    inner: str = page.evaluate(
        """() => {
          let at = document.activeElement;
          while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
          return at.className || at.localName;
        }"""
    )
    return inner


# Before anybody clicks


def test_before_the_first_click_a_page_gets_the_loader_and_nothing_else(app: App, page: Page) -> None:
    paths: list[str] = []
    page.on("request", lambda request: paths.append(request.url.removeprefix(app.url)))
    visitor = Visitor(page, app.url)
    visitor.launcher.wait_for()
    page.wait_for_load_state("networkidle")
    assert [path for path in paths if "widget" in path] == ["/widget.js"]
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []
    visitor.open()
    assert page.evaluate("indexedDB.databases()") == []
    assert page.evaluate("document.cookie") == ""


def test_the_launcher_moves_nothing_on_the_page(app: App, page: Page) -> None:
    page.add_init_script(
        """shifts = [];
        new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
          .observe({ type: "layout-shift", buffered: true });"""
    )
    visitor = Visitor(page, app.url)
    visitor.open()
    assert page.evaluate("shifts") == []


# Talking


def test_words_are_shown_while_the_model_is_still_silent_about_the_next(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["first ", Wait(gate), "second"])
    visitor.ask(word)
    visitor.sees("first ")
    assert visitor.panel.locator(".turn[aria-busy=true]").count() == 1
    gate.set()
    visitor.sees_the_end("first second")


def test_a_question_is_there_at_once_with_a_sign_of_life(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "a"])
    visitor.ask(word)
    eventually(visitor.page, lambda: visitor.questions, [word])
    eventually(visitor.page, lambda: visitor.note, "Thinking…")
    expect(visitor.prompt).to_have_value("")
    gate.set()
    visitor.sees_the_end("a")


def test_the_first_visit_greets_and_a_starter_question_is_asked_by_a_click(
    visitor: Visitor, model: StandIn
) -> None:
    visitor.open()
    expect(visitor.panel.locator(".greeting")).to_be_visible()
    expect(visitor.panel.locator(".starter")).to_have_count(4)
    starter = visitor.panel.locator(".starter").first
    question = starter.text_content() or ""
    model.answer(question, ["Because."], times=1)
    starter.click()
    visitor.sees_the_end("Because.")
    assert visitor.questions == [question]
    expect(visitor.panel.locator(".greeting")).to_be_hidden()
    assert focused(visitor.page) == "prompt"


def test_shift_and_enter_breaks_the_line_and_enter_sends(visitor: Visitor, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    visitor.open()
    visitor.prompt.press_sequentially(word)
    visitor.prompt.press("Shift+Enter")
    visitor.prompt.press_sequentially("and more")
    assert visitor.questions == []
    visitor.prompt.press("Enter")
    visitor.sees_the_end("a")
    assert visitor.questions == [f"{word}\nand more"]


@pytest.mark.parametrize("sign", ["isComposing: true", "keyCode: 229"])
def test_enter_that_picks_a_word_of_an_input_method_does_not_send(visitor: Visitor, sign: str) -> None:
    visitor.open()
    visitor.prompt.fill("にほんご")
    visitor.prompt.evaluate(
        f"(it) => it.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter', bubbles: true, {sign} }}))"
    )
    assert visitor.questions == []
    expect(visitor.prompt).to_have_value("にほんご")


def test_an_empty_question_is_not_sent(visitor: Visitor) -> None:
    visitor.open()
    visitor.prompt.fill(" \n ")
    visitor.prompt.press("Enter")
    expect(visitor.send).to_be_disabled()
    assert visitor.questions == []


def test_stop_keeps_what_was_said_and_closes_the_models_stream(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["said ", Wait(gate), "never"])
    visitor.ask(word)
    visitor.sees("said ")
    visitor.button("Stop").click()
    visitor.sees_the_end("said ")
    assert visitor.note == "Stopped."
    (call,) = [call for call in model.calls if word in call.prompt]
    assert call.closed.wait(DEADLINE_S)
    expect(visitor.button("Send")).to_be_visible()


def test_a_failed_answer_is_asked_again_in_its_place_by_a_click(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, ["half an ", ErrorEvent("overloaded_error", SECRET)], times=2)
    model.answer(word, ["whole"])
    visitor.ask(word)
    visitor.button("Try again").click()
    visitor.sees_the_end("whole")
    assert visitor.answers == ["whole"]
    assert visitor.questions == [word]
    expect(visitor.button("Try again")).to_have_count(0)


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
    visitor.panel.locator(".note[data-tone=failed]").wait_for()
    assert re.search(r"\w", visitor.note)
    assert "10.0.0.7" not in (visitor.panel.text_content() or "")


def test_a_question_that_can_not_be_sent_stays_and_is_sent_by_a_click(
    app: App, browser: Browser, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    context = browser.new_context()
    visitor = Visitor(context.new_page(), app.url)
    error = {"code": "rate_limited", "message": "Too many questions."}
    visitor.page.route("**/chat", lambda route: route.fulfill(status=429, json={"error": error}), times=1)
    visitor.ask(word)
    visitor.panel.locator(".note[data-tone=failed]").wait_for()
    assert visitor.note == "Too many questions."
    visitor.button("Try again").click()
    visitor.sees_the_end("a")
    assert visitor.questions == [word]
    context.close()


def test_a_question_that_was_sent_again_is_answered_and_told_as_any_other(
    app: App, browser: Browser, model: StandIn, word: str
) -> None:
    model.answer(word, ["The [docs](https://exa", "mple.com/)\n\n| a | b |\n|--", "-|---|\n| 1 | 2 |\n"])
    context = browser.new_context()
    visitor = Visitor(context.new_page(), app.url)
    visitor.page.evaluate(
        """() => {
          told = [];
          for (const name of ["error", "answer-start", "answer-end"]) {
            document.addEventListener(`chatsse:${name}`, () => told.push(name));
          }
        }"""
    )
    error = {"code": "unavailable", "message": "Not now."}
    visitor.page.route("**/chat", lambda route: route.fulfill(status=503, json={"error": error}), times=1)
    visitor.ask(word)
    visitor.button("Try again").click()
    visitor.panel.locator(".answer td").first.wait_for()
    visitor.panel.locator(".turn[aria-busy=false]").wait_for()
    assert visitor.panel.locator(".answer a").get_attribute("href") == "https://example.com/"
    assert visitor.page.evaluate("told") == ["error", "answer-start", "answer-end"]
    said = visitor.panel.get_by_role("status").text_content() or ""
    assert " ".join(said.split()) == "Answer: The docs (example.com) a b 1 2"
    context.close()


def test_what_could_not_be_sent_is_announced_with_the_question(app: App, browser: Browser, word: str) -> None:
    context = browser.new_context()
    visitor = Visitor(context.new_page(), app.url)
    error = {"code": "unavailable", "message": "Not now."}
    visitor.page.route("**/chat", lambda route: route.fulfill(status=503, json={"error": error}), times=1)
    visitor.ask(word)
    visitor.button("Try again").wait_for()
    status = visitor.panel.get_by_role("status")
    expect(status).to_have_text(f"You asked: {word} Not now.")
    context.close()


def test_a_question_is_edited_and_asked_anew_in_its_place(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(f"{word} one", ["first"])
    model.answer(f"{word} two", ["second"])
    model.answer(f"{word} three", ["third"])
    for part, answer in (("one", "first"), ("two", "second")):
        visitor.ask(f"{word} {part}")
        visitor.sees_the_end(answer)
    visitor.panel.locator(".asked").first.hover()
    visitor.button("Edit").first.click()
    expect(visitor.prompt).to_have_value(f"{word} one")
    visitor.prompt.fill(f"{word} three")
    visitor.prompt.press("Enter")
    visitor.sees_the_end("third")
    assert visitor.questions == [f"{word} three"]


def test_an_edit_that_is_cancelled_leaves_everything_as_it_was(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    visitor.ask(word)
    visitor.sees_the_end("a")
    visitor.panel.locator(".asked").hover()
    visitor.button("Edit").click()
    visitor.prompt.press("Escape")
    expect(visitor.prompt).to_have_value("")
    expect(visitor.panel).to_be_visible()
    assert visitor.answers == ["a"]


def test_an_answer_is_copied_as_it_was_written(app: App, browser: Browser, model: StandIn, word: str) -> None:
    model.answer(word, ["A **bold** word\n\n```\ncode\n```\n"])
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.clock.install()
    visitor = Visitor(page, app.url)
    visitor.ask(word)
    visitor.panel.locator(".turn[aria-busy=false] .actions .copy").wait_for()
    # What a button says of its work it says for a moment only.
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    visitor.panel.locator(".turn[aria-busy=false] .actions .copy").click()
    expect(visitor.button("Copied")).to_be_visible()
    read = "navigator.clipboard.readText()"
    assert visitor.page.evaluate(read) == "A **bold** word\n\n```\ncode\n```\n"
    visitor.panel.locator(".answer .copy").click()
    eventually(visitor.page, lambda: visitor.page.evaluate(read).strip(), "code")
    context.close()


def test_where_a_page_may_not_copy_nothing_offers_to(page: Page, app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["```\ncode\n```\n"])
    # As on a page that came by plain http.
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    visitor = Visitor(page, app.url)
    visitor.ask(word)
    visitor.sees_the_end("code")
    expect(visitor.button("Copy")).to_have_count(0)


def test_a_thumb_and_a_deletion_that_fail_say_so_until_they_are_tried_again(
    app: App, browser: Browser, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    context = browser.new_context()
    visitor = Visitor(context.new_page(), app.url)
    error = {"code": "unavailable", "message": "Not now."}
    for path in ("feedback", "conversations/*"):
        visitor.page.route(
            f"**/{path}", lambda route: route.fulfill(status=503, json={"error": error}), times=1
        )
    complaint = visitor.panel.locator("[role=alert]")
    visitor.ask(word)
    visitor.sees_the_end("a")
    visitor.button("Good answer").click()
    expect(complaint).to_have_text("That did not reach the server. Please try again.")
    expect(complaint).to_be_visible()
    visitor.button("Good answer").click()
    expect(complaint).to_be_hidden()
    for said in ("The server still has your data. Please clear it again.", ""):
        visitor.button("More").click()
        visitor.button("Clear my data").click()
        with visitor.page.expect_event("requestfinished", lambda request: request.method == "DELETE"):
            visitor.button("Really clear all?").click()
        expect(complaint).to_have_text(said)
    context.close()


def test_a_thumb_is_kept_with_the_answer(visitor: Visitor, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    visitor.ask(word)
    visitor.sees_the_end("a")
    for name, rating in (("Good answer", "up"), ("Bad answer", "down"), ("Bad answer", "")):
        with visitor.page.expect_response("**/feedback") as reply:
            visitor.button(name).click()
        assert reply.value.status == 204
        assert reply.value.request.post_data_json["rating"] == rating
        expect(visitor.button(name)).to_have_attribute("aria-pressed", str(bool(rating)).lower())
    visitor.button("Good answer").click()
    visitor.reload()
    visitor.sees_the_end("a")
    expect(visitor.button("Good answer")).to_have_attribute("aria-pressed", "true")


def test_a_new_conversation_begins_with_the_greeting(visitor: Visitor, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    visitor.ask(word)
    visitor.sees_the_end("a")
    visitor.button("New conversation").click()
    assert visitor.questions == []
    expect(visitor.panel.locator(".greeting")).to_be_visible()
    visitor.reload()
    visitor.open()
    assert visitor.questions == []


def test_cleared_data_is_gone_here_and_on_the_server(visitor: Visitor, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    with visitor.page.expect_response("**/chat") as reply:
        visitor.ask(word)
    visitor.sees_the_end("a")
    visitor.button("More").click()
    visitor.button("Clear my data").click()
    assert visitor.questions == [word]
    visitor.button("Really clear all?").click()
    eventually(visitor.page, lambda: visitor.questions, [])
    # Asked by another client: the page itself would have the failure in its console.
    conversation = reply.value.url.replace("/chat", f"/conversations/{reply.value.json()['conversation']}")
    request = visitor.page.context.request
    eventually(visitor.page, lambda: request.get(conversation).status, 404)
    eventually(visitor.page, lambda: visitor.page.evaluate("indexedDB.databases()"), [])
    assert visitor.page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []


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


def test_two_tabs_show_the_same_conversation_and_either_stops_it(
    app: App, browser: Browser, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["said ", Wait(gate), "never"])
    context = browser.new_context()
    one, two = (Visitor(context.new_page(), app.url) for _ in range(2))
    two.open()
    one.ask(word)
    one.sees("said ")
    two.sees("said ")
    two.button("Stop").click()
    one.sees_the_end("said ")
    two.sees_the_end("said ")
    context.close()


def test_sources_are_links_with_their_numbers_and_marks_in_the_text_lead_to_them(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, [Citation("/posts/one-way-is-enough", "a quote", "One way"), "A claim."])
    visitor.ask(word)
    source = visitor.panel.locator(".source a")
    source.wait_for()
    assert source.evaluate("(link) => link.pathname") == "/posts/one-way-is-enough"
    assert visitor.panel.locator(".cite").text_content() == "1"
    assert visitor.panel.locator(".cite a").evaluate("(link) => link.pathname") == "/posts/one-way-is-enough"


def test_a_source_on_another_site_names_it_and_its_tab_learns_nothing_of_this_page(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, [Citation("https://elsewhere.example/post", "a quote", "Far"), "A claim."])
    visitor.ask(word)
    source = visitor.panel.locator(".source a")
    expect(source).to_have_text("Far (elsewhere.example)")
    for link in (source, visitor.panel.locator(".cite a")):
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
        assert link.get_attribute("target") == "_blank"
    assert visitor.panel.locator(".cite").inner_text() == "1"


def test_marks_that_a_rewind_has_moved_are_drawn_where_they_are_now(visitor: Visitor) -> None:
    marks = visitor.page.evaluate(
        """async () => {
          const load = (name) => import(`/static/widget/${name}.js`);
          const [{ TurnView }, { words }, en] = await Promise.all(["turn", "words", "words/en"].map(load));
          const sources = [1, 2].map((n) => ({ n, title: "", url: "/" }));
          const turn = { prompt: "", text: "One. Two. ", sources, grounds: [], citations: [{ n: 1, at: 4 }] };
          const view = new TurnView(turn, words(en.default), location.origin, {});
          view.update("open");
          turn.citations = [{ n: 2, at: 4 }, { n: 1, at: 9 }];
          view.update("open");
          return view.element.querySelector(".answer").textContent;
        }"""
    )
    assert marks == "One.2 Two.1"


def test_markup_in_a_question_and_its_answer_does_nothing(
    app: App, visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, [HOSTILE[:9], HOSTILE[9:], Citation("javascript:pwned=1", "a quote", "<b>bad</b>")])
    paths: set[str] = set()
    visitor.page.on("request", lambda request: paths.add(request.url.removeprefix(app.url)))
    question = f"{word} {HOSTILE}".replace("\x00", "")
    visitor.ask(question)
    for _ in range(2):
        eventually(visitor.page, lambda: visitor.questions, [question])
        visitor.panel.locator(".turn[aria-busy=false]").wait_for()
        visitor.reload()
    visitor.panel.locator(".turn[aria-busy=false]").wait_for()
    made = visitor.panel.locator(".turn").locator("img, script, iframe, b, svg:not([aria-hidden])")
    assert made.count() == 0
    links = visitor.panel.locator(".turn a").evaluate_all("(all) => all.map(({ protocol }) => protocol)")
    assert set(links) <= {"http:"}
    assert visitor.page.evaluate("typeof pwned") == "undefined"
    own = re.compile(
        r"/|/chat|/widget\.js|/widget/\w+/[\w/]+\.js|/static/[a-z/]+\.(css|svg)|/(stream|conversations)/[\w-]+"
    )
    assert [path for path in paths if not own.fullmatch(path.split("?")[0])] == []


# Where the reader is


def test_a_new_question_goes_to_the_top_and_nothing_scrolls_after_that(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} one", ["a"])
    model.answer(f"{word} two", [*PARAGRAPHS[:6], Wait(gate), *PARAGRAPHS[6:]])
    # Otherwise it may still be on its way to the top.
    visitor.page.emulate_media(reduced_motion="reduce")
    visitor.ask(f"{word} one")
    visitor.sees_the_end("a")
    visitor.ask(f"{word} two")
    log, last = visitor.panel.locator(".log"), visitor.panel.locator(".turn").last
    top = "(element) => Math.round(element.getBoundingClientRect().top)"
    visitor.sees("".join(PARAGRAPHS[:6]))
    eventually(visitor.page, lambda: last.evaluate(top), lambda y: y == log.evaluate(top))
    scrolled = log.evaluate("(log) => log.scrollTop")
    gate.set()
    visitor.sees_the_end("".join(PARAGRAPHS))
    assert log.evaluate("(log) => log.scrollTop") == scrolled
    visitor.button("Jump to the latest").click()
    at_end = "(log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2"
    eventually(visitor.page, lambda: log.evaluate(at_end), expected=True)
    expect(visitor.button("Jump to the latest")).to_have_count(0)


def test_the_field_grows_with_the_question_up_to_a_limit(visitor: Visitor) -> None:
    visitor.open()
    heights = []
    for lines in (1, 3, 50):
        visitor.prompt.fill("\n".join(["line"] * lines))
        heights.append(visitor.prompt.evaluate("(field) => field.offsetHeight"))
    assert heights[0] < heights[1] < heights[2] < 200


def test_a_conversation_that_comes_back_is_shown_from_its_end(
    visitor: Visitor, model: StandIn, word: str
) -> None:
    model.answer(word, PARAGRAPHS)
    visitor.ask(word)
    visitor.sees_the_end("".join(PARAGRAPHS))
    visitor.reload()
    visitor.sees_the_end("".join(PARAGRAPHS))
    at_end = "(log) => log.scrollTop > 0 && log.scrollHeight - log.scrollTop - log.clientHeight < 2"
    eventually(visitor.page, lambda: visitor.panel.locator(".log").evaluate(at_end), expected=True)


# Surviving


def test_the_next_page_comes_up_with_the_chat_as_it_was_left(
    visitor: Visitor, app: App, page: Page, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    visitor.ask(word)
    visitor.sees_the_end("a")
    page.goto(app.url + "/posts/one-way-is-enough")
    visitor.sees_the_end("a")
    expect(visitor.panel).to_be_visible()
    assert focused(page) == "body"
    visitor.button("Close").click()
    page.reload()
    visitor.launcher.wait_for()
    expect(visitor.panel).to_have_count(0)


def test_a_chat_that_can_not_be_loaded_says_so_and_loads_at_the_next_click(
    app: App, browser: Browser
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/panel.js", lambda route: route.abort(), times=1)
    visitor = Visitor(page, app.url)
    visitor.launcher.wait_for()
    page.evaluate("document.addEventListener('chatsse:error', ({ detail }) => (problem = detail.code))")
    visitor.launcher.click()
    eventually(page, lambda: page.evaluate("globalThis.problem"), "not_loaded")
    eventually(page, lambda: visitor.launcher.get_attribute("aria-expanded"), "false")
    visitor.launcher.click()
    expect(visitor.panel).to_be_visible()
    context.close()


def test_an_answer_goes_on_after_a_cut_which_the_visitor_is_told_of(
    proxy: Proxy, page: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "after"])
    visitor = Visitor(page, proxy.url)
    visitor.ask(word)
    visitor.sees("before ")
    # It says so until it is back, which it is not before it was seen to say so.
    proxy.refuse()
    proxy.hang_up()
    eventually(page, lambda: visitor.note, "Reconnecting…")
    visitor.sees("before ")
    gate.set()
    proxy.listen()
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


def test_an_answer_that_was_left_behind_shows_on_the_launcher_of_the_next_page(
    visitor: Visitor, app: App, page: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    visitor.ask(word)
    visitor.sees("a ")
    visitor.button("Close").click()
    page.goto(app.url + "/posts/one-way-is-enough")
    visitor.launcher.wait_for()
    expect(visitor.panel).to_be_hidden()
    gate.set()
    expect(visitor.launcher).to_have_attribute("data-news", "")
    visitor.open()
    visitor.sees_the_end("a b")
    assert visitor.launcher.get_attribute("data-news") is None
    assert page.evaluate("Object.keys(localStorage)") == []


# By keyboard and by ear


def test_the_focus_goes_in_when_the_chat_is_opened_and_comes_back(visitor: Visitor) -> None:
    visitor.launcher.wait_for()
    assert focused(visitor.page) == "body"
    visitor.launcher.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.prompt).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.panel).to_be_hidden()
    assert focused(visitor.page) == "launcher"
    assert visitor.launcher.get_attribute("aria-expanded") == "false"


def test_escape_closes_the_menu_before_the_chat(visitor: Visitor) -> None:
    visitor.open()
    visitor.button("More").click()
    visitor.page.keyboard.press("Escape")
    expect(visitor.button("Clear my data")).to_have_count(0)
    assert focused(visitor.page) == "more"
    visitor.page.keyboard.press("Escape")
    expect(visitor.panel).to_be_hidden()


def test_on_a_phone_the_focus_stays_in_the_chat_which_fills_the_screen(app: App, phone: Page) -> None:
    visitor = Visitor(phone, app.url)
    visitor.open()
    assert visitor.panel.evaluate("(panel) => panel.matches(':modal')")
    eventually(phone, visitor.panel.bounding_box, {"x": 0, "y": 0, **PHONE})
    for _ in range(12):
        phone.keyboard.press("Tab")
        assert focused(phone) in ("body", "more", "close", "log", "starter", "prompt", "panel")
    phone.keyboard.press("Escape")
    expect(visitor.panel).to_be_hidden()
    assert focused(phone) == "launcher"


def test_an_answer_is_announced_once_when_it_is_whole(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["first ", Wait(gate), "second"])
    visitor.open()
    status = visitor.panel.get_by_role("status")
    status.evaluate(
        """(status) => {
          said = [];
          new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    visitor.ask(word)
    visitor.sees("first ")
    gate.set()
    visitor.sees_the_end("first second")
    assert [text.strip() for text in visitor.page.evaluate("said") if text] == ["Answer: first second"]
    assert visitor.panel.locator("[aria-live], [role=log]").count() == 0


def test_the_page_does_not_hear_what_is_typed_in_the_chat(visitor: Visitor) -> None:
    visitor.page.evaluate(
        """() => {
          heard = [];
          for (const kind of ["keydown", "keypress", "keyup"]) {
            addEventListener(kind, ({ key }) => heard.push(key));
          }
        }"""
    )
    visitor.open()
    visitor.prompt.press_sequentially("js?")
    assert visitor.page.evaluate("heard") == []


# On a phone


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide + int(page.evaluate("innerWidth")) - PHONE["width"]


@pytest.mark.parametrize("path", ["/", *(f"/posts/{post.stem}" for post in POSTS), "/posts/none"])
def test_a_phone_shows_each_page_without_sideways_scrolling(app: App, phone: Page, path: str) -> None:
    visitor = Visitor(phone, app.url + path)
    visitor.launcher.wait_for()
    assert overflow(phone) == 0


def test_a_phone_shows_an_answer_without_sideways_scrolling(
    app: App, phone: Page, model: StandIn, word: str
) -> None:
    text = f"https://example.com/{'a' * 300} {'日本語' * 50} {'👩‍👩‍👧' * 50}"
    model.answer(word, [text])
    visitor = Visitor(phone, app.url)
    visitor.ask(f"{word} {'b' * 300}")
    visitor.panel.locator(".turn[aria-busy=false]").wait_for()
    eventually(phone, lambda: overflow(phone), 0)
    log = visitor.panel.locator(".log")
    assert log.evaluate("(log) => log.scrollWidth - log.clientWidth") == 0


def test_a_phone_on_its_side_comes_up_with_the_page_and_not_with_the_chat(app: App, page: Page) -> None:
    page.set_viewport_size({"width": 740, "height": 360})
    page.add_init_script("sessionStorage.setItem('chatsse:open', '1')")
    visitor = Visitor(page, app.url)
    visitor.launcher.wait_for()
    page.wait_for_load_state("networkidle")
    assert visitor.panel.count() == 0
    visitor.open()
    assert visitor.panel.evaluate("(panel) => panel.matches(':modal')")


def test_a_phones_keyboard_does_not_cover_the_field(app: App, phone: Page) -> None:
    visitor = Visitor(phone, app.url)
    visitor.open()
    # Chromium has no keyboard to show here: the viewport says what it would say above one.
    phone.evaluate(
        """() => {
          Object.defineProperty(visualViewport, "height", { value: 400 });
          Object.defineProperty(visualViewport, "offsetTop", { value: 30 });
          visualViewport.dispatchEvent(new Event("resize"));
        }"""
    )
    eventually(phone, visitor.panel.bounding_box, {"x": 0, "y": 30, "width": PHONE["width"], "height": 400})
    assert visitor.send.evaluate("(send) => send.getBoundingClientRect().bottom") < 430


def test_a_question_that_comes_too_early_waits_in_the_field(
    visitor: Visitor, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    visitor.ask(word)
    visitor.sees("a ")
    visitor.prompt.fill("and then?")
    visitor.prompt.press("Enter")
    visitor.page.evaluate("document.querySelector('chatsse-widget').ask('or this?')")
    eventually(visitor.page, visitor.prompt.input_value, "or this?")
    gate.set()
    visitor.sees_the_end("a b")
    expect(visitor.prompt).to_have_value("or this?")
    assert visitor.questions == [word]
