"""The widget's engine, without the widget: what is kept, followed, shared between tabs and survived."""

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from answers import TEXT, TOKENS, eventually
from chromium import ARGS, program
from client import call
from playwright.sync_api import Browser, BrowserContext, Page, Route
from processes import until
from proxy import Proxy
from standin import Body, ErrorEvent, Pause, StandIn, Step, Wait
from tab import DONE, STOPPED, Tab

SENTENCE = "A long answer that stops half-way is gone on with, from its last whole sentence. " * 5
RELOADS = 5
PART = len(TOKENS) // RELOADS
HOLD = """() => {
  const { postMessage } = BroadcastChannel.prototype, held = [];
  BroadcastChannel.prototype.postMessage = function (message) { held.push([this, message]); };
  globalThis.release = () => {
    BroadcastChannel.prototype.postMessage = postMessage;
    for (const [channel, message] of held) postMessage.call(channel, message);
  };
  globalThis.forget = () => { held.length = 0; release(); };
}"""


@pytest.fixture
def tab(page: Page, proxy: Proxy) -> Tab:
    return Tab(page, proxy)


@pytest.fixture
def context(page: Page) -> BrowserContext:
    """The visitor's, so that its tabs share what they share."""
    return page.context


@pytest.fixture
def stranger(browser: Browser, proxy: Proxy) -> Iterator[BrowserContext]:
    """A visitor in whose console the browser may complain of what the server's replies are."""
    context = browser.new_context()
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert errors == []


def follows(proxy: Proxy, tab: Tab) -> list[int]:
    """Return the statuses of the requests that followed the last answer."""
    return [seen.status for seen in proxy.seen(tab.turn["stream"]) if seen.method == "GET"]


def followers(proxy: Proxy, tab: Tab) -> int:
    """Return how many requests follow the last answer now."""
    return sum(seen.status == 200 and not seen.closed.is_set() for seen in proxy.seen(tab.turn["stream"]))


def has_ended(proxy: Proxy, stream: str) -> bool:
    """Return whether all of an answer is in its log, and so in its conversation."""
    return bool(call("GET", proxy.url + stream, headers={"Accept": "application/json"}).json["ended"])


def test_a_question_is_shown_at_once_then_its_stages_then_its_words(
    tab: Tab, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "one ", "two"])
    assert tab.page.evaluate("(prompt) => (void chat.ask(prompt), chat.turns[0].stage)", word) == "sending"
    assert [turn["prompt"] for turn in tab.turns] == [word]
    eventually(tab.page, lambda: tab.turn["stage"], lambda stage: stage not in ("", "sending"))
    gate.set()
    tab.sees_the_end("one two")
    assert tab.page.evaluate("stages[0]") == "waiting"
    assert tab.page.evaluate("chat.current") is None


def test_nothing_is_kept_before_the_first_question(tab: Tab, model: StandIn, word: str) -> None:
    assert tab.databases == []
    assert tab.page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    model.answer(word, ["a"])
    tab.ask(word)
    eventually(tab.page, lambda: len(tab.databases), 1)


def test_an_answer_goes_on_after_each_reload_from_the_text_that_was_kept(
    tab: Tab, proxy: Proxy, model: StandIn, word: str
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
    tab.ask(word)
    for n, gate in enumerate(gates):
        so_far = "".join(TOKENS[: n * PART + 1])
        tab.sees(so_far)
        gate.set()  # Words come while the page is being left, while it is away, and when it is back.
        tab.reload()
        eventually(tab.page, lambda: len(tab.turn["text"] or "") > len(so_far), expected=True)  # noqa: B023
    tab.sees_the_end(TEXT)
    assert [turn["prompt"] for turn in tab.turns] == [word]
    cursors = ["last_event_id=" in seen.query for seen in proxy.seen(tab.turn["stream"])]
    assert cursors == [False] + [True] * RELOADS
    assert len([each for each in model.calls if word in each.prompt]) == 1


def test_a_reload_before_the_reply_to_the_question_asks_it_only_once(
    tab: Tab, model: StandIn, word: str
) -> None:
    model.answer(word, ["once"])
    arrived = threading.Event()

    def reply_is_lost(route: Route) -> None:
        route.fetch()
        arrived.set()

    tab.page.route("**/chat", reply_is_lost, times=1)
    tab.ask(word)
    eventually(tab.page, arrived.is_set, expected=True)
    eventually(tab.page, lambda: len(tab.kept), 2)
    tab.reload()
    tab.sees_the_end("once")
    assert len(tab.turns) == 1
    assert len([each for each in model.calls if word in each.prompt]) == 1


def test_the_conversation_opens_on_the_next_page_and_goes_on_there(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    model.answer(f"{word} one", ["first"])
    model.answer(f"{word} two", ["second"])
    tab.ask(f"{word} one")
    tab.sees_the_end("first")
    eventually(tab.page, lambda: [turn["end"] for turn in tab.kept[1:]], [DONE])
    tab.page.close()
    tab = Tab.of(context, proxy)
    tab.sees_the_end("first")
    tab.ask(f"{word} two")
    tab.sees_the_end("second")
    assert [turn["text"] for turn in tab.turns] == ["first", "second"]
    (asked,) = [each for each in model.calls if f"{word} two" in each.prompt]
    assert [message["role"] for message in asked.body["messages"]] == ["user", "assistant", "user"]


def test_two_tabs_show_an_answer_live_by_one_connection(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    other = Tab.of(context, proxy)
    other.stop_time()
    other.ask(word)
    for each in (tab, other):
        each.sees("a ")
    other.page.clock.resume()
    late = Tab.of(context, proxy)
    late.sees("a ")
    gate.set()
    for each in (tab, other, late):
        each.sees_the_end("a b")
    assert follows(proxy, tab) == [200]


def test_ten_tabs_need_one_connection(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    tabs = [tab] + [Tab.of(context, proxy) for _ in range(9)]
    tabs[9].stop_time()
    for n in (0, 9):
        model.answer(f"{word} {n}", [*TOKENS])
        tabs[n].ask(f"{word} {n}")
        for each in tabs:
            each.sees(TEXT)
            each.sees_the_end(TEXT)
        assert follows(proxy, tab) == [200]


@pytest.mark.parametrize("how", ["closed", "navigated"])
def test_when_the_leader_goes_the_next_tab_goes_on_from_its_cursor(
    tab: Tab,
    context: BrowserContext,
    proxy: Proxy,
    model: StandIn,
    word: str,
    gate: threading.Event,
    how: str,
) -> None:
    model.answer(word, ["a ", "b ", Wait(gate), *TOKENS])
    others = [Tab.of(context, proxy) for _ in range(2)]
    tab.ask(word)
    for each in others:
        each.sees("a b ")
    if how == "closed":
        tab.page.close()
    else:
        tab.page.goto("about:blank")
    eventually(others[0].page, lambda: len(follows(proxy, others[0])), 2)
    gate.set()
    for each in others:
        each.sees_the_end(f"a b {TEXT}")
    assert follows(proxy, others[0]) == [200, 200]
    assert "last_event_id=" in proxy.seen(others[0].turn["stream"])[1].query


def test_stop_works_from_the_other_tab(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["said ", Wait(gate), "never"])
    other = Tab.of(context, proxy)
    tab.ask(word)
    other.sees("said ")
    other.do("stop()")
    for each in (tab, other):
        each.sees_the_end("said ", STOPPED)


def test_offline_is_told_and_the_answer_goes_on_when_it_is_over(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "after"])
    tab.ask(word)
    tab.sees("before ")
    context.set_offline(True)
    proxy.hang_up()
    eventually(tab.page, lambda: tab.connection, "offline")
    gate.set()
    context.set_offline(False)
    tab.sees_the_end("before after")
    assert tab.connection == "open"


def test_a_question_asked_while_offline_is_put_when_it_is_over(
    tab: Tab, context: BrowserContext, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    context.set_offline(True)
    with tab.page.expect_event("requestfailed"):
        tab.ask(word)
    assert tab.turn["stage"] == "sending"
    context.set_offline(False)
    tab.sees_the_end("a")


@pytest.mark.parametrize("held", ["all", "body"])
def test_where_a_proxy_holds_streams_back_the_answer_comes_as_json(
    tab: Tab, proxy: Proxy, model: StandIn, word: str, gate: threading.Event, held: str
) -> None:
    model.answer(f"{word} one", ["before ", Wait(gate), "after"])
    model.answer(f"{word} two", ["a"])
    proxy.holds = held
    tab.page.clock.install()
    tab.ask(f"{word} one")
    eventually(tab.page, lambda: tab.turn["stream"], bool)
    eventually(tab.page, lambda: follows(proxy, tab), [200])
    tab.page.clock.fast_forward(10_000)
    tab.sees("before ")
    gate.set()
    tab.sees_the_end("before after")
    queries = [seen.query for seen in proxy.seen(tab.turn["stream"])]
    assert any("wait=20" in query for query in queries)
    # The next answer does not wait to find out again.
    tab.ask(f"{word} two")
    tab.sees_the_end("a")
    assert {seen.headers["accept"] for seen in proxy.seen(tab.turn["stream"])} == {"application/json"}


def test_a_stream_that_is_only_slow_is_kept(
    tab: Tab, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "a"])
    tab.page.clock.install()
    tab.ask(word)
    eventually(tab.page, lambda: tab.turn["stream"], bool)
    eventually(tab.page, lambda: follows(proxy, tab), [200])
    # Not the stream's own, which the page may hear of later than the proxy.
    with tab.page.expect_response(lambda reply: reply.request.headers["accept"] == "application/json"):
        tab.page.clock.fast_forward(10_000)
    gate.set()
    tab.sees_the_end("a")
    accepts = [seen.headers["accept"] for seen in proxy.seen(tab.turn["stream"])]
    assert accepts == ["text/event-stream", "application/json"]


def test_a_connection_that_died_in_silence_is_replaced(
    tab: Tab, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    tab.page.clock.install()
    tab.ask(word)
    tab.sees("a ")
    tab.page.clock.fast_forward(40_000)
    eventually(tab.page, lambda: len(follows(proxy, tab)), 2)
    first, second = proxy.seen(tab.turn["stream"])
    assert "last_event_id=" in second.query
    assert first.headers["accept"] == second.headers["accept"] == "text/event-stream"
    gate.set()
    tab.sees_the_end("a b")


@pytest.mark.parametrize("status", [404, 502])
def test_a_proxy_that_answers_with_an_error_for_a_while_is_waited_out(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event, status: int
) -> None:
    tab = Tab.of(stranger, proxy)
    model.answer(word, ["before ", Wait(gate), "after"])
    tab.ask(word)
    tab.sees("before ")
    refused: list[str] = []

    def is_bad(route: Route) -> None:
        refused.append(route.request.headers["accept"])
        route.fulfill(status=status, content_type="text/html", body="<h1>Nobody is here</h1>")

    stranger.route("**/stream/*", is_bad)
    proxy.hang_up()
    eventually(tab.page, lambda: len(refused) > 2, expected=True)
    assert tab.connection == "reconnecting"
    gate.set()
    stranger.unroute("**/stream/*")
    tab.sees_the_end("before after")
    assert refused[:2] == ["text/event-stream", "application/json"]


def test_trouble_with_an_answer_is_forgotten_in_all_tabs_when_it_is_left(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "never"])
    tab, other = (Tab.of(stranger, proxy) for _ in range(2))
    tab.ask(word)
    other.sees("before ")
    stranger.route("**/stream/*", lambda route: route.abort())
    proxy.hang_up()
    for each in (tab, other):
        eventually(each.page, lambda: each.connection, "reconnecting")  # noqa: B023
    other.do("newConversation()")
    for each in (tab, other):
        eventually(each.page, lambda: [each.turns, each.connection], [[], "open"])  # noqa: B023


def test_trouble_that_the_leader_tells_late_is_not_taken_for_that_of_what_follows(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "never"])
    tab, other = (Tab.of(stranger, proxy) for _ in range(2))
    tab.ask(word)
    other.sees("before ")
    stranger.route("**/stream/*", lambda route: route.abort())
    tab.page.evaluate(HOLD)
    proxy.hang_up()
    eventually(tab.page, lambda: tab.connection, "reconnecting")
    other.do("newConversation()")
    eventually(tab.page, lambda: tab.turns, [])
    other.page.evaluate(
        """(name) => {
          globalThis.told = [];
          new BroadcastChannel(name).addEventListener("message", ({ data }) => told.push(data.connection));
        }""",
        f"chatsse:{proxy.url}",
    )
    tab.page.evaluate("release()")
    eventually(other.page, lambda: other.page.evaluate("told"), lambda told: "reconnecting" in told)
    assert other.connection == "open"


def test_without_indexeddb_the_chat_works_in_memory(
    page: Page, proxy: Proxy, model: StandIn, word: str
) -> None:
    tab = Tab(page, proxy, "delete window.indexedDB;")
    assert page.evaluate("typeof indexedDB") == "undefined"
    model.answer(f"{word} one", ["first"])
    model.answer(f"{word} two", ["second"])
    for n, text in (("one", "first"), ("two", "second")):
        tab.ask(f"{word} {n}")
        tab.sees_the_end(text)
    tab.do("clearData()")
    assert tab.turns == []
    tab.reload()
    assert tab.turns == []


@pytest.mark.parametrize("missing", ["navigator.locks", "BroadcastChannel"])
def test_without_locks_or_channel_each_tab_follows_by_itself(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event, missing: str
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    lack = {
        "navigator.locks": "Object.defineProperty(navigator, 'locks', { value: undefined });",
        "BroadcastChannel": "delete window.BroadcastChannel;",
    }[missing]
    tab, other = (Tab.of(stranger, proxy, lack) for _ in range(2))
    tab.ask(word)
    tab.sees("a ")
    eventually(tab.page, lambda: [turn["text"] for turn in tab.kept[1:]], ["a "])
    if missing == "BroadcastChannel":
        other.reload()
    for each in (tab, other):
        each.sees("a ")
    # A tab asks anew where the other one has told it of words before its own reply came.
    eventually(tab.page, lambda: followers(proxy, tab), 2)
    gate.set()
    for each in (tab, other):
        each.sees_the_end("a b")


def test_clear_data_leaves_nothing_here_in_other_tabs_and_on_the_server(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} one", ["a"])
    model.answer(f"{word} two", ["said ", Wait(gate), "never"])
    tab, other = (Tab.of(stranger, proxy) for _ in range(2))
    tab.ask(f"{word} one")
    other.sees_the_end("a")
    tab.do("newConversation()")
    eventually(other.page, lambda: other.turns, [])
    other.ask(f"{word} two")
    tab.sees("said ")
    stream = tab.turn["stream"]
    other.do("clearData()")
    for each in (tab, other):
        eventually(each.page, lambda: each.turns, [])  # noqa: B023
    eventually(tab.page, lambda: tab.databases, [])
    erased = [seen.path for seen in proxy.requests if seen.method == "DELETE"]
    assert len([path for path in erased if path.startswith("/conversations/")]) == 2
    assert tab.page.evaluate(f"fetch({stream!r}).then(({{ status }}) => status)") == 404
    tab.reload()
    assert [tab.turns, tab.databases] == [[], []]


def test_a_failed_answer_is_asked_again_in_its_place(tab: Tab, model: StandIn, word: str) -> None:
    model.answer(word, ["half", ErrorEvent("overloaded_error")], times=2)
    model.answer(word, ["whole"])
    tab.ask(word)
    eventually(tab.page, lambda: (tab.turn["end"] or {}).get("event"), "failed")
    tab.do("retry()")
    tab.sees_the_end("whole")
    assert [turn["prompt"] for turn in tab.turns] == [word]
    eventually(tab.page, lambda: [turn["text"] for turn in tab.kept[1:]], ["whole"])


@pytest.mark.parametrize("status", [429, 503])
def test_a_question_that_is_refused_says_why_and_can_be_asked_again(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, status: int
) -> None:
    tab = Tab.of(stranger, proxy)
    code = {429: "rate_limited", 503: "unavailable"}[status]
    model.answer(word, ["a"])
    body = {"error": {"code": code, "message": "Later."}}
    keys: list[str] = []

    def refuse(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fulfill(status=status, json=body, headers={"Retry-After": "7"})

    stranger.route("**/chat", refuse, times=1)
    asked_at = tab.page.evaluate("Date.now()")
    tab.do(f"ask({word!r})")
    assert [tab.turn["problem"], tab.turn["stage"], tab.turn["end"]] == [code, "", None]
    assert tab.turn["retryAt"] >= asked_at + 7000
    tab.reload()
    assert tab.turn["problem"] == code
    with tab.page.expect_request("**/chat") as request:
        tab.do("retry()")
    tab.sees_the_end("a")
    # A question that the server may have is asked again under its key.
    assert (request.value.headers["idempotency-key"] == keys[0]) == (status == 503)
    assert len(tab.turns) == 1


@pytest.mark.parametrize("error", ["Too many requests", {"code": None}, {"message": "Later."}])
def test_a_question_that_a_gateway_refuses_in_its_own_form_can_be_asked_again(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, error: object
) -> None:
    tab = Tab.of(stranger, proxy)
    model.answer(word, ["a"])
    stranger.route("**/chat", lambda route: route.fulfill(status=429, json={"error": error}))
    tab.ask(word)
    eventually(tab.page, lambda: tab.turn["problem"], "unreachable")
    stranger.unroute("**/chat")
    tab.do("retry()")
    tab.sees_the_end("a")


def test_a_question_without_a_reply_is_put_again_under_its_key(tab: Tab, model: StandIn, word: str) -> None:
    model.answer(word, ["once"])
    keys: list[str] = []

    def reply_is_lost(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    tab.page.route("**/chat", reply_is_lost, times=2)
    tab.ask(word)
    tab.sees_the_end("once")
    assert len(set(keys)) == 1
    assert len(keys) == 2
    assert len([each for each in model.calls if word in each.prompt]) == 1


def test_an_edited_question_cuts_what_came_after_it_in_all_tabs(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    other = Tab.of(context, proxy)
    for n in ("one", "two", "three"):
        model.answer(f"{word} {n}", [n])
        tab.ask(f"{word} {n}")
        tab.sees_the_end(n)
    model.answer(f"{word} TWO", ["TWO"])
    other.sees_the_end("three")
    tab.page.evaluate("(prompt) => chat.edit(chat.turns[1], prompt)", f"{word} TWO")
    for each in (tab, other):
        each.sees_the_end("TWO")
        assert [turn["text"] for turn in each.turns] == ["one", "TWO"]
    eventually(tab.page, lambda: sorted(turn["text"] for turn in tab.kept[1:]), ["TWO", "one"])
    (call,) = (call for call in model.calls if f"{word} TWO" in call.prompt)
    assert [n in json.dumps(call.body["messages"]) for n in ("one", "two", "three")] == [True, False, False]


def test_an_edited_question_is_asked_where_the_one_before_it_was_cut_by_another_tab(
    tab: Tab, model: StandIn, word: str
) -> None:
    for n in ("one", "two", "three"):
        model.answer(f"{word} {n}", [n])
    tab.ask(f"{word} one")
    tab.sees_the_end("one")
    tab.page.evaluate("() => { globalThis.cut = chat.turns[0]; chat.newConversation(); }")
    tab.ask(f"{word} two")
    tab.sees_the_end("two")
    tab.page.evaluate("(prompt) => chat.edit(cut, prompt)", f"{word} three")
    tab.sees_the_end("three")
    assert [turn["text"] for turn in tab.turns] == ["two", "three"]


def test_questions_asked_in_two_tabs_at_once_are_both_answered_in_both(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    other = Tab.of(context, proxy)
    model.answer(f"{word} one", ["1"])
    model.answer(f"{word} two", ["2"])
    # What one says, the other hears after it has asked.
    for each in (tab, other):
        each.page.evaluate(HOLD)
    tab.ask(f"{word} one")
    other.ask(f"{word} two")
    for each in (tab, other):
        each.page.evaluate("release()")
    for each in (tab, other):
        eventually(each.page, lambda: sorted(turn["text"] for turn in each.turns), ["1", "2"])  # noqa: B023
        eventually(each.page, lambda: [turn["end"] for turn in each.turns], [DONE, DONE])  # noqa: B023
    assert tab.turns == other.turns


def test_a_rating_goes_to_the_server_and_to_the_other_tab(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    other = Tab.of(context, proxy)
    model.answer(word, ["a"])
    tab.ask(word)
    other.sees_the_end("a")
    context.route("**/feedback", lambda route: route.fulfill(status=204))
    with tab.page.expect_request("**/feedback") as request:
        tab.do("rate(chat.turns[0], 'up')")
    assert request.value.post_data_json == {"id": tab.turn["stream"].split("/")[-1], "rating": "up"}
    eventually(other.page, lambda: other.turn["rating"], "up")


def test_a_rating_that_is_refused_is_taken_back(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    tab = Tab.of(stranger, proxy)
    model.answer(word, ["a"])
    tab.ask(word)
    tab.sees_the_end("a")
    stranger.route("**/feedback", lambda route: route.fulfill(status=503, json={}))
    assert tab.do("rate(chat.turns[0], 'up').catch(({ code }) => code)") == "unreachable"
    assert tab.turn["rating"] == ""


@pytest.mark.parametrize("remembered", [True, False])
def test_an_answer_whose_stream_has_expired_is_taken_from_the_conversation_or_ends_as_it_is(
    stranger: BrowserContext,
    proxy: Proxy,
    model: StandIn,
    word: str,
    gate: threading.Event,
    *,
    remembered: bool,
) -> None:
    tab = Tab.of(stranger, proxy)
    model.answer(word, ["a ", Wait(gate), "b"])
    tab.ask(word)
    tab.sees("a ")
    stream = tab.turn["stream"]
    tab.page.goto("about:blank")
    gate.set()
    until(lambda: has_ended(proxy, stream), "all is stored")
    gone = {"status": 404, "json": {"error": {"code": "not_found", "message": ""}}}
    stranger.route("**/stream/*", lambda route: route.fulfill(**gone))
    if not remembered:
        stranger.route("**/conversations/*", lambda route: route.fulfill(**gone))
    tab.page.goto(proxy.url + "/engine")
    tab.is_ready()
    if remembered:
        tab.sees_the_end("a b")
    else:
        eventually(tab.page, lambda: (tab.turn["end"] or {}).get("code"), "expired")
        tab.sees("a ")
    assert tab.connection == "open"


@pytest.mark.parametrize("status", [0, 200, 503])
def test_an_answer_is_not_given_up_because_the_conversation_is_out_of_reach(
    stranger: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event, status: int
) -> None:
    tab = Tab.of(stranger, proxy)
    model.answer(word, ["a ", Wait(gate), "b"])
    tab.ask(word)
    tab.sees("a ")
    stream = tab.turn["stream"]
    tab.page.goto("about:blank")
    gate.set()
    until(lambda: has_ended(proxy, stream), "all is stored")
    gone = {"error": {"code": "not_found", "message": ""}}
    stranger.route("**/stream/*", lambda route: route.fulfill(status=404, json=gone))

    def is_away(route: Route) -> None:
        if status:
            route.fulfill(status=status, content_type="text/html", body="<h1>Nobody is here</h1>")
        else:
            route.abort()

    stranger.route("**/conversations/*", is_away, times=1)
    tab.page.goto(proxy.url + "/engine")
    tab.is_ready()
    tab.sees_the_end("a b")


def test_a_conversation_is_dropped_when_it_is_older_than_a_month(tab: Tab, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    tab.ask(word)
    tab.sees_the_end("a")
    eventually(tab.page, lambda: [turn["end"] for turn in tab.kept[1:]], [DONE])
    tab.page.clock.set_system_time(datetime.now(UTC) + timedelta(days=29))
    tab.reload()
    tab.sees_the_end("a")
    tab.page.clock.set_system_time(datetime.now(UTC) + timedelta(days=31))
    tab.reload()
    assert tab.turns == []
    # The page that was left may not have let go of it yet.
    eventually(tab.page, lambda: tab.databases, [])


def test_a_leader_that_sleeps_is_replaced_by_a_tab_that_is_looked_at(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    other = Tab.of(context, proxy)
    tab.ask(word)
    other.sees("a ")
    # It keeps its lock and says nothing.
    tab.page.evaluate(
        "EventSource.prototype.dispatchEvent = 0; BroadcastChannel.prototype.postMessage = () => {}"
    )
    other.page.clock.install()
    other.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    other.page.clock.fast_forward(3000)
    eventually(other.page, lambda: len(follows(proxy, other)), 2)
    gate.set()
    for each in (tab, other):
        each.sees_the_end("a b")


def test_a_question_is_answered_in_a_tab_whose_leader_has_slept_all_the_while(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    other = Tab.of(context, proxy)
    # It keeps its lock and says nothing.
    tab.page.evaluate("() => { BroadcastChannel.prototype.postMessage = () => {}; }")
    other.page.clock.install()
    other.ask(word)
    eventually(other.page, lambda: other.turn["stream"], bool)
    other.page.clock.fast_forward(3000)
    other.sees_the_end("a")


def test_what_a_leader_that_was_replaced_says_late_is_not_read_again(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    missed = threading.Event()
    model.answer(word, ["one ", Wait(missed), "two ", Wait(gate), "three"])
    other = Tab.of(context, proxy)
    tab.ask(word)
    other.sees("one ")
    tab.page.evaluate(HOLD)
    missed.set()
    tab.sees("one two ")
    held: list[Route] = []
    other.page.route("**/stream/*", lambda route: held.append(route), times=1)
    other.page.clock.install()
    other.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    other.page.clock.fast_forward(3000)
    eventually(other.page, lambda: len(held), 1)
    tab.page.evaluate("release()")
    other.sees("one two ")
    gate.set()
    until(lambda: [each.finished for each in model.calls if word in each.prompt] == [True], "all told")
    held[0].continue_()  # The reply begins after "one ", and "two " and "three" come joined.
    other.sees_the_end("one two three")


@pytest.mark.parametrize("sleep", ["freeze", "pagehide"])
def test_a_leader_that_falls_asleep_hands_over_and_is_back_when_it_wakes(
    tab: Tab,
    context: BrowserContext,
    proxy: Proxy,
    model: StandIn,
    word: str,
    gate: threading.Event,
    sleep: str,
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    other = Tab.of(context, proxy)
    tab.ask(word)
    other.sees("a ")
    events = {
        "freeze": [
            "document.dispatchEvent(new Event('freeze'))",
            "document.dispatchEvent(new Event('resume'))",
        ],
        "pagehide": [
            f"dispatchEvent(new PageTransitionEvent('{name}', {{ persisted: true }}))"
            for name in ("pagehide", "pageshow")
        ],
    }[sleep]
    tab.page.evaluate(events[0])
    eventually(tab.page, lambda: len(follows(proxy, other)), 2)
    gate.set()
    other.sees_the_end("a b")
    assert tab.turn["text"] == "a "
    tab.page.evaluate(events[1])
    tab.sees_the_end("a b")
    assert follows(proxy, other) == [200, 200]


@pytest.fixture
def keeping(browser: Browser) -> Iterator[Browser]:
    """A browser that keeps pages for the back button, which Playwright turns off."""
    off = ["--disable-back-forward-cache"]
    with browser.browser_type.launch(
        executable_path=program(), args=ARGS, ignore_default_args=off
    ) as keeping:
        yield keeping


def test_the_page_that_the_back_button_brings_goes_on_with_the_answer(
    keeping: Browser, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    tab = Tab(keeping.new_page(), proxy)
    tab.page.evaluate("() => { globalThis.isTheSame = true; }")
    tab.ask(word)
    tab.sees("a ")
    (followed,) = proxy.seen(tab.turn["stream"])
    proxy.pages["/next"] = "<!doctype html><title>Next</title>"
    tab.page.goto(proxy.url + "/next")
    eventually(tab.page, followed.closed.is_set, expected=True)
    tab.page.go_back(wait_until="commit")
    assert tab.page.evaluate("globalThis.isTheSame")
    gate.set()
    tab.sees_the_end("a b")


def test_a_tab_that_missed_something_is_sent_the_whole(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    missed = threading.Event()
    model.answer(word, ["a ", Wait(missed), "b ", Wait(gate), "c"])
    other = Tab.of(context, proxy)
    tab.ask(word)
    other.sees("a ")
    tab.page.evaluate(HOLD)
    missed.set()
    tab.sees("a b ")
    tab.page.evaluate("forget()")
    assert other.turn["text"] == "a "
    gate.set()
    for each in (tab, other):
        each.sees_the_end("a b c")
    assert follows(proxy, tab) == [200]


def test_a_rewind_is_honoured_in_all_tabs(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    model.answer(word, [f"{SENTENCE} Half ", "of", ErrorEvent("overloaded_error")], times=1)
    model.answer(word, ["Whole."])
    other = Tab.of(context, proxy)
    tab.ask(word)
    for each in (tab, other):
        eventually(each.page, lambda: each.turn["end"], DONE)  # noqa: B023
        assert each.turn["text"] == each.turn["shown"]
        assert each.turn["text"].split() == f"{SENTENCE} Whole.".split()
        assert each.page.evaluate("rewinds.length") == 1


def test_a_blog_of_another_origin_has_its_own_history_and_needs_no_cookie(
    page: Page, blog: Proxy, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    tab = Tab(page, blog, server=proxy.url)
    tab.ask(word)
    tab.sees("a ")
    tab.reload()
    gate.set()
    tab.sees_the_end("a b")
    assert tab.databases == [f"chatsse:{proxy.url}"]
    assert [seen.path for seen in blog.requests] == ["/engine"] * 2
    assert not any("cookie" in seen.headers for seen in proxy.requests)
    tab.do("clearData()")
    assert tab.databases == []


def test_a_question_is_stopped_before_its_answer_has_begun(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "never"])
    other = Tab.of(context, proxy)
    held: list[Route] = []
    tab.page.route("**/chat", lambda route: held.append(route), times=1)
    tab.ask(word)
    eventually(tab.page, lambda: len(held), 1)
    eventually(other.page, lambda: other.turn["stage"], "sending")
    other.do("stop()")
    eventually(tab.page, lambda: tab.page.evaluate("chat.turns[0].stopping"), expected=True)
    held[0].continue_()
    for each in (tab, other):
        each.sees_the_end("", STOPPED)


def test_a_new_conversation_begins_without_the_old_turns(tab: Tab, model: StandIn, word: str) -> None:
    for n in ("one", "two"):
        model.answer(f"{word} {n}", [n])
        tab.ask(f"{word} {n}")
        tab.sees_the_end(n)
        tab.do("newConversation()")
        assert tab.turns == []
        eventually(tab.page, lambda: len(tab.kept), 1)
    (asked,) = [each for each in model.calls if f"{word} two" in each.prompt]
    assert [message["role"] for message in asked.body["messages"]] == ["user"]
    tab.reload()
    assert tab.turns == []


def test_the_text_is_kept_while_it_comes(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a ", Wait(gate), "b"])
    other = Tab.of(context, proxy)
    other.ask(word)  # It is the other tab that leads.
    other.sees("a ")
    eventually(other.page, lambda: [turn["text"] for turn in other.kept[1:]], ["a "])
    (turn,) = other.kept[1:]
    assert turn["cursor"]


def test_tabs_that_close_one_after_the_other_lose_nothing_and_repeat_nothing(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    tabs = [tab] + [Tab.of(context, proxy) for _ in range(4)]
    gates = [threading.Event() for _ in tabs]
    part = len(TOKENS) // len(tabs)

    def script(_: Body) -> Iterator[Step]:
        for n, gate in enumerate(gates):
            yield TOKENS[n * part]
            yield Wait(gate)
            for token in TOKENS[n * part + 1 : (n + 1) * part]:
                yield token
                yield Pause(0.01)

    model.answer(word, script)
    tabs[2].stop_time()
    tabs[2].ask(word)
    tabs[2].sees(TOKENS[0])
    tabs[2].page.clock.resume()
    for n, (leader, following) in enumerate(itertools.pairwise(tabs)):
        # What came last was heard from this leader.
        following.sees("".join(TOKENS[: n * part + 1]))
        gates[n].set()  # Words come while it closes, and when it is gone.
        leader.page.close()
    tabs[-1].sees("".join(TOKENS[: (len(tabs) - 1) * part + 1]))
    gates[-1].set()
    tabs[-1].sees_the_end(TEXT)
    assert len(follows(proxy, tabs[-1])) == len(tabs)


def test_a_question_whose_tab_closed_before_the_reply_is_put_by_another(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    other = Tab.of(context, proxy)
    tab.page.clock.install()
    other.page.route("**/chat", lambda route: None)
    other.ask(word)
    eventually(tab.page, lambda: tab.turn["prompt"], word)
    other.page.close()
    tab.page.clock.fast_forward(45_000)
    tab.sees_the_end("a")


def test_a_question_that_was_left_long_ago_is_not_put_by_itself(tab: Tab, word: str) -> None:
    tab.page.route("**/chat", lambda route: None)
    tab.ask(word)
    eventually(tab.page, lambda: len(tab.kept), 2)
    tab.page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=2))
    tab.reload()
    eventually(tab.page, lambda: tab.turn["problem"], "unreachable")


def test_what_was_cleared_in_one_tab_is_forgotten_by_the_other(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    other = Tab.of(context, proxy)
    for n in ("one", "two"):
        model.answer(f"{word} {n}", [n])
        tab.ask(f"{word} {n}")
        tab.sees_the_end(n)
        eventually(tab.page, lambda: [turn["text"] for turn in tab.kept[1:]], [n])
        (conversation,) = tab.kept[0]["conversations"]
        if n == "one":
            other.sees_the_end(n)
            other.do("clearData()")
            eventually(tab.page, lambda: tab.turns, [])
    assert proxy.seen(f"/conversations/{conversation}") == []


def test_a_tab_that_comes_to_lead_while_it_asks_asks_only_once(
    tab: Tab, context: BrowserContext, proxy: Proxy, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    other = Tab.of(context, proxy)
    held: list[Route] = []
    other.page.route("**/chat", lambda route: held.append(route))
    other.ask(word)
    eventually(other.page, lambda: len(held), 1)
    tab.page.close()
    leads = "navigator.locks.query().then(({ pending }) => pending.length)"
    eventually(other.page, lambda: other.page.evaluate(leads), 0)
    held[0].continue_()
    other.sees_the_end("a")
    assert len(held) == 1
