"""The widget on the pages of other sites: strict ones, those that swap their content, and hostile ones."""

import json
import threading
from collections.abc import Iterator
from html import escape

import pytest
from answers import eventually
from playwright.sync_api import Browser, Page, expect
from processes import App
from proxy import Proxy
from standin import ErrorEvent, StandIn, Wait
from visitor import Visitor

STRICT = (
    "default-src 'none'; img-src data:; script-src {server}; connect-src {server}; style-src 'self';"
    " require-trusted-types-for 'script'"
)
QUESTIONS = ["What is this?", "Why?"]


class Host:
    """A blog on another origin than the chat's server."""

    def __init__(self, blog: Proxy, app: App) -> None:
        self.server = app.url
        self._blog = blog

    @property
    def tag(self) -> str:
        return f'<script async src="{self.server}/widget.js"></script>'

    def serve(self, body: str = "", head: str | None = None, path: str = "/page", html: str = "") -> str:
        """Serve a page and return its address.

        :param head: None: the tag
        :param html: attributes of the page
        """
        head = self.tag if head is None else head
        self._blog.pages[path] = (
            f'<!doctype html><html {html}><head><meta charset="utf-8"><title>A blog</title>'
            f'<link rel="icon" href="data:,">{head}</head><body>{body}</body></html>'
        )
        return self._blog.url + path


@pytest.fixture
def host(blog: Proxy, app: App) -> Host:
    return Host(blog, app)


def widgets(page: Page) -> int:
    return page.locator("chatsse-widget").count()


# The tag


INJECT = """<script>
  const tag = Object.assign(document.createElement("script"), { src: "%s/widget.js" });
  addEventListener("load", () => document.body.append(tag));
</script>"""


@pytest.mark.parametrize("place", ["head", "head, async", "end of body", "injected late", "as a module"])
def test_the_tag_works_wherever_it_stands(
    host: Host, page: Page, model: StandIn, word: str, place: str
) -> None:
    model.answer(word, ["Hello from afar."])
    plain = host.tag.replace("async ", "")
    bodies = {"end of body": plain, "injected late": INJECT % host.server}
    heads = {"head": plain, "head, async": host.tag, "as a module": host.tag.replace("async", "type=module")}
    visitor = Visitor(page, host.serve(bodies.get(place, ""), heads.get(place, "")))
    visitor.ask(word)
    visitor.sees_the_end("Hello from afar.")
    assert widgets(page) == 1


def test_a_second_tag_does_nothing_but_warn(host: Host, page: Page) -> None:
    warnings: list[str] = []
    page.on("console", lambda message: message.type == "warning" and warnings.append(message.text))
    visitor = Visitor(page, host.serve(host.tag.replace("async ", "") * 2, ""))
    visitor.launcher.wait_for()
    assert widgets(page) == 1
    assert len(warnings) == 1
    assert "more than one tag" in warnings[0]


@pytest.mark.parametrize("scripts", ["{server}", "'nonce-n1' 'strict-dynamic'"])
def test_a_strict_page_meets_no_breach_of_its_policy(
    host: Host, page: Page, model: StandIn, word: str, scripts: str
) -> None:
    """The page's fixture fails on any complaint in the console, and a breach is one."""
    model.answer(word, ["Hello from afar."])
    policy = escape(STRICT.replace("script-src {server}", f"script-src {scripts}").format(server=host.server))
    tag = host.tag.replace("async", "async nonce=n1")
    url = host.serve(head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">{tag}')
    visitor = Visitor(page, url)
    visitor.ask(word)
    visitor.sees_the_end("Hello from afar.")
    color = visitor.launcher.evaluate("(launcher) => getComputedStyle(launcher).borderRadius")
    assert color == "50%"
    assert page.context.cookies() == []


@pytest.mark.parametrize(
    "swap",
    [
        pytest.param("document.documentElement.replaceChild(next, document.body)", id="Turbo"),
        pytest.param("document.body.replaceWith(next)", id="Astro"),
        pytest.param("document.body.innerHTML = next.innerHTML", id="htmx"),
    ],
)
def test_an_answer_goes_on_while_the_page_is_swapped(
    host: Host, page: Page, model: StandIn, word: str, gate: threading.Event, swap: str
) -> None:
    model.answer(word, ["before ", Wait(gate), "after"])
    visitor = Visitor(page, host.serve("<p>One</p>"))
    visitor.ask(word)
    visitor.sees("before ")
    page.evaluate(
        f"""() => {{
          const next = document.createElement("body");
          const tag = Object.assign(document.createElement("script"), {{ src: "{host.server}/widget.js" }});
          next.append("Two", tag);
          {swap};
        }}"""
    )
    expect(page.locator("body")).to_contain_text("Two")
    gate.set()
    visitor.sees_the_end("before after")
    assert visitor.questions == [word]
    assert widgets(page) == 1


def test_an_element_that_is_moved_keeps_its_state_and_one_that_is_gone_lets_go(
    host: Host, page: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["before ", Wait(gate), "after"])
    visitor = Visitor(
        page, host.serve('<main><chatsse-widget mode="inline"></chatsse-widget></main><div></div>')
    )
    visitor.panel.wait_for()
    visitor.prompt.fill(word)
    visitor.prompt.press("Enter")
    visitor.sees("before ")
    visitor.prompt.fill("a draft")
    page.evaluate("document.querySelector('div').append(document.querySelector('chatsse-widget'))")
    gate.set()
    visitor.sees_the_end("before after")
    expect(visitor.prompt).to_have_value("a draft")
    page.evaluate("kept = document.querySelector('chatsse-widget'); kept.remove()")
    eventually(page, lambda: page.evaluate("kept.shadowRoot.querySelector('.panel')"), None)
    page.evaluate("document.body.append(kept)")
    visitor.sees_the_end("before after")


def test_the_floating_one_goes_where_a_page_has_its_own_and_comes_back_after_it(
    host: Host, page: Page
) -> None:
    inline = '<chatsse-widget mode="inline"></chatsse-widget>'
    visitor = Visitor(page, host.serve(inline))
    visitor.panel.wait_for()
    for body, launchers in (("Two", 1), (inline, 0), ("Four", 1)):
        page.evaluate("(body) => (document.body.innerHTML = body)", body)
        expect(visitor.launcher).to_have_count(launchers)
        assert widgets(page) == 1
        if launchers:
            visitor.open()


def test_an_element_that_comes_back_again_and_again_has_its_styles_once(host: Host, page: Page) -> None:
    visitor = Visitor(page, host.serve('<chatsse-widget mode="inline"></chatsse-widget>'))
    page.evaluate("kept = document.querySelector('chatsse-widget')")
    for _ in range(3):
        visitor.panel.wait_for()
        page.evaluate("kept.remove()")
        eventually(page, lambda: page.evaluate("kept.shadowRoot.querySelector('.panel')"), None)
        page.evaluate("document.body.append(kept)")
    visitor.panel.wait_for()
    assert page.evaluate("kept.shadowRoot.adoptedStyleSheets.length") == 2


def test_a_chat_in_the_page_that_can_not_be_loaded_is_loaded_when_it_is_seen_again(
    host: Host, browser: Browser
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/panel.js", lambda route: route.abort(), times=1)
    page.add_init_script(
        "document.addEventListener('chatsse:error', ({ detail }) => (problem = detail.code))"
    )
    visitor = Visitor(
        page,
        host.serve('<chatsse-widget mode="inline"></chatsse-widget><p style="margin: 5000px 0 0">End</p>'),
    )
    eventually(page, lambda: page.evaluate("globalThis.problem"), "not_loaded")
    page.get_by_text("End").scroll_into_view_if_needed()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("scrollTo(0, 0)")
    visitor.panel.wait_for()
    context.close()


OPENED = """<script>
  told = [];
  for (const name of ["open", "close"]) document.addEventListener(`chatsse:${name}`, () => told.push(name));
</script>"""


def test_a_chat_that_is_to_be_open_says_so_once_and_stays_closed_when_it_was_closed(
    host: Host, page: Page
) -> None:
    visitor = Visitor(page, host.serve(head=OPENED + host.tag.replace("async", "async data-open")))
    expect(visitor.launcher).to_have_attribute("aria-expanded", "true")
    assert page.evaluate("told") == ["open"]
    visitor.button("Close").click()
    page.evaluate("document.body.append(document.querySelector('chatsse-widget'))")
    expect(visitor.panel).to_be_hidden()
    assert page.evaluate("told") == ["open", "close"]


def test_a_phone_loads_no_more_than_the_launcher_of_a_chat_that_is_to_be_open(host: Host, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    paths: list[str] = []
    page.on("request", lambda request: paths.append(request.url))
    visitor = Visitor(page, host.serve(head=OPENED + host.tag.replace("async", "async data-open")))
    visitor.launcher.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("told") == []
    assert [path for path in paths if "panel" in path] == []


@pytest.mark.parametrize("page_path", ["/short", "/" + "a" * 2100])
def test_the_server_is_told_the_page_without_what_may_name_its_visitor(
    host: Host, page: Page, model: StandIn, word: str, page_path: str
) -> None:
    model.answer(word, ["a"])
    address = host.serve(path=page_path)
    visitor = Visitor(page, address)
    page.evaluate("history.replaceState(null, '', '?token=secret#part')")
    with page.expect_request("**/chat") as request:
        visitor.ask(word)
    assert request.value.post_data_json.get("page") == (address if page_path == "/short" else None)
    visitor.sees_the_end("a")


def test_attributes_of_an_element_run_nothing(host: Host, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = (
        f'<img name=currentScript src="data:,"><chatsse-widget server="https://elsewhere.example"'
        f' privacy-url="javascript:pwned=1"></chatsse-widget>{host.tag}'
    )
    visitor = Visitor(page, host.serve(body, ""))
    visitor.open()
    expect(visitor.panel.locator(".privacy")).to_be_hidden()
    assert [url for url in asked if "elsewhere" in url] == []


def test_a_page_may_begin_anew_before_the_conversation_is_loaded_and_keeps_the_focus(
    host: Host, page: Page, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    visitor = Visitor(page, host.serve())
    visitor.ask(word)
    visitor.sees_the_end("a")
    visitor.reload()
    visitor.launcher.wait_for()
    page.evaluate("document.querySelector('chatsse-widget').newConversation()")
    expect(visitor.panel).to_be_visible()
    assert visitor.questions == []
    assert page.evaluate("document.activeElement === document.body")


# What a page's author may say


def test_an_element_written_by_hand_takes_the_place_of_the_floating_one(
    host: Host, page: Page, model: StandIn, word: str
) -> None:
    model.answer(word, ["Hello."])
    visitor = Visitor(page, host.serve('<chatsse-widget mode="inline" title="Here"></chatsse-widget>'))
    visitor.panel.wait_for()
    assert visitor.launcher.count() == 0
    assert page.evaluate("document.activeElement === document.body")
    assert visitor.panel.get_by_role("heading").first.text_content() == "Here"
    visitor.prompt.fill(word)
    visitor.prompt.press("Enter")
    visitor.sees_the_end("Hello.")
    assert widgets(page) == 1


def test_the_tag_gives_title_greeting_questions_and_the_rest(host: Host, page: Page) -> None:
    data = {
        "title": "Ask me",
        "greeting": "Moin!",
        "questions": json.dumps(QUESTIONS),
        "placeholder": "Go ahead",
        "privacy-url": "/privacy",
        "position": "left",
        "theme": "dark",
    }
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
    visitor = Visitor(page, host.serve(head=host.tag.replace("async", f"async {attributes}")))
    visitor.open()
    assert visitor.launcher.get_attribute("aria-label") == "Ask me"
    assert visitor.panel.locator(".title").text_content() == "Ask me"
    assert visitor.panel.locator(".greeting").text_content() == "Moin!"
    assert visitor.panel.locator(".starter").all_text_contents() == QUESTIONS
    assert visitor.prompt.get_attribute("placeholder") == "Go ahead"
    assert visitor.panel.locator(".privacy").evaluate("(link) => link.pathname") == "/privacy"
    assert visitor.launcher.evaluate("(it) => it.getBoundingClientRect().left") == 20
    assert visitor.panel.evaluate("(it) => getComputedStyle(it).backgroundColor") == "rgb(23, 25, 29)"


def test_attributes_and_properties_reflect_and_the_chat_follows(host: Host, page: Page) -> None:
    visitor = Visitor(page, host.serve())
    visitor.open()
    page.evaluate(
        """Object.assign(document.querySelector("chatsse-widget"),
             { title: "New", greeting: "Hi", questions: ["One?"], privacyUrl: "https://example.com/" })"""
    )
    widget = page.locator("chatsse-widget")
    assert widget.get_attribute("greeting") == "Hi"
    assert widget.get_attribute("privacy-url") == "https://example.com/"
    assert visitor.panel.locator(".title").text_content() == "New"
    assert visitor.panel.locator(".starter").all_text_contents() == ["One?"]
    page.evaluate("document.querySelector('chatsse-widget').removeAttribute('open')")
    expect(visitor.panel).to_be_hidden()


def test_a_page_can_use_the_methods(
    host: Host, page: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["said ", Wait(gate), "never"])
    visitor = Visitor(page, host.serve())
    visitor.launcher.wait_for()
    page.evaluate("chat = document.querySelector('chatsse-widget')")
    page.evaluate("chat.prefill('a draft')")
    expect(visitor.prompt).to_have_value("a draft")
    page.evaluate("chat.close()")
    expect(visitor.panel).to_be_hidden()
    page.evaluate("chat.toggle()")
    expect(visitor.panel).to_be_visible()
    page.evaluate("(question) => chat.ask(question)", word)
    visitor.sees("said ")
    page.evaluate("chat.stop()")
    visitor.sees_the_end("said ")
    page.evaluate("chat.newConversation()")
    eventually(page, lambda: visitor.questions, [])
    page.evaluate("chat.clearData()")
    eventually(page, lambda: page.evaluate("indexedDB.databases()"), [])


def test_a_page_is_told_what_happens_and_may_prevent_a_question(
    host: Host, page: Page, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    model.answer(f"{word} fails", [ErrorEvent("overloaded_error", "x")])
    names = [
        "open",
        "close",
        "question",
        "answer-start",
        "answer-end",
        "error",
        "feedback",
        "new-conversation",
    ]
    listen = f"""<script>
      told = [];
      for (const name of {names}) {{
        document.addEventListener(`chatsse:${{name}}`, ({{ detail }}) => told.push([name, detail]));
      }}
      document.addEventListener("chatsse:question", (event) => {{
        if (event.detail.prompt.includes("secret")) event.preventDefault();
      }});
    </script>"""
    visitor = Visitor(page, host.serve(listen))
    visitor.ask(f"my secret {word}")
    visitor.ask(word)
    visitor.sees_the_end("a")
    visitor.button("Good answer").click()
    eventually(page, lambda: page.evaluate("told.at(-1)[0]"), "feedback")
    visitor.button("New conversation").click()
    visitor.button("Close").click()
    told = page.evaluate("told")
    assert [name for name, _ in told] == [
        "open", "question", "question", "answer-start", "answer-end", "feedback", "new-conversation", "close",
    ]  # fmt: skip
    assert visitor.questions == []
    details = dict(told)
    assert details["answer-end"]["text"] == "a"
    assert details["answer-end"]["reason"] == "end_turn"
    assert details["feedback"] == {"id": details["answer-end"]["id"], "rating": "up"}


@pytest.mark.parametrize(
    "element",
    [
        '<a href="/elsewhere" data-chatsse-ask="{}">Ask</a>',
        '<button data-chatsse-ask="{}"><b>Ask</b></button>',
    ],
)
def test_any_link_or_button_can_open_the_chat_and_ask(
    host: Host, page: Page, model: StandIn, word: str, element: str
) -> None:
    model.answer(word, ["a"])
    visitor = Visitor(page, host.serve(element.format(word)))
    visitor.launcher.wait_for()
    page.get_by_text("Ask").click()
    visitor.sees_the_end("a")
    assert visitor.questions == [word]


@pytest.mark.parametrize(
    ("lang", "title", "send", "direction"),
    [
        ("en", "Ask this blog", "Send", "ltr"),
        ("de-AT", "Frag diesen Blog", "Senden", "ltr"),
        ("fr", "Interroger ce blog", "Envoyer", "ltr"),
        ("es", "Pregunta a este blog", "Enviar", "ltr"),
        ("pt-BR", "Pergunte a este blog", "Enviar", "ltr"),
        ("ja", "このブログに質問", "送信", "ltr"),
        ("zh-Hans", "向本博客提问", "发送", "ltr"),
        ("ar", "اسأل هذه المدونة", "إرسال", "rtl"),
        ("xx", "Ask this blog", "Send", "ltr"),
    ],
)
def test_the_interface_speaks_the_pages_language(
    host: Host, page: Page, lang: str, title: str, send: str, direction: str
) -> None:
    visitor = Visitor(page, host.serve(html=f'lang="{lang}"'))
    visitor.open()
    assert visitor.panel.locator(".title").text_content() == title
    assert visitor.send.get_attribute("aria-label") == send
    assert visitor.panel.evaluate("(panel) => getComputedStyle(panel).direction") == direction


def test_an_owner_turns_the_knobs_sees_the_chat_and_copies_the_tag(app: App, host: Host, page: Page) -> None:
    visitor = Visitor(page, app.url + "/widget")
    visitor.open()
    page.get_by_label("Title").fill('Ask "me" & more')
    page.get_by_label("Starter questions").fill("One?\nTwo?")
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Roundness").fill("4")
    page.get_by_label("Language").select_option("de")
    eventually(page, visitor.panel.locator(".title").text_content, 'Ask "me" & more')
    assert visitor.send.get_attribute("aria-label") == "Senden"
    page.get_by_label("Greeting").fill("Moin!")
    page.get_by_label("Greeting").press("Tab")
    tag = eventually(page, lambda: page.locator("#tag").text_content() or "", lambda text: "Moin" in text)
    elsewhere = Visitor(page, host.serve(tag, ""))
    elsewhere.open()
    assert elsewhere.panel.locator(".title").text_content() == 'Ask "me" & more'
    assert elsewhere.panel.locator(".greeting").text_content() == "Moin!"
    assert elsewhere.panel.locator(".starter").all_text_contents() == ["One?", "Two?"]
    assert elsewhere.panel.evaluate("(panel) => getComputedStyle(panel).borderRadius") == "4px"
    assert elsewhere.send.get_attribute("aria-label") == "Senden"


# Pages that are hostile by accident

HOSTILE = {
    "all unset": "* { all: unset }",
    "all important": "* { all: unset !important; position: static !important; display: inline !important }",
    "empty divs hidden": "div:empty, p:empty, button:empty, section:empty { display: none }",
    "huge base font": "html { font-size: 40px } body { font: 3em/3 cursive; letter-spacing: 9px }",
    "loud text": "* { text-transform: uppercase; word-spacing: 1em; text-align: center; white-space: pre }",
    "z-index war": "#war { position: fixed; inset: 0; z-index: 2147483647; background: gold }",
    "nothing overflows": "html, body { overflow: hidden; height: 100% }",
    "a transformed body": "body { transform: rotate(1deg); filter: grayscale(1); perspective: 9px }",
    "right to left": "html { direction: rtl }",
}
MOVING = "document.querySelector('chatsse-widget').shadowRoot.getAnimations().length"
LOOKS = """(element) => {
  const { width, height } = element.getBoundingClientRect();
  const names = ["fontSize", "fontFamily", "letterSpacing", "wordSpacing", "textTransform", "whiteSpace"];
  return [width, height, ...names.map((name) => getComputedStyle(element)[name])];
}"""


@pytest.mark.parametrize("style", HOSTILE)
def test_the_chat_looks_the_same_on_hostile_pages(host: Host, page: Page, style: str) -> None:
    seen = []
    for css in ("", HOSTILE[style]):
        visitor = Visitor(page, host.serve(f"<style>{css}</style><div id=war></div>"))
        visitor.open()
        visitor.prompt.fill("a")
        parts = (
            visitor.launcher,
            visitor.panel,
            visitor.panel.locator(".title"),
            visitor.send,
            visitor.prompt,
        )
        eventually(page, lambda: page.evaluate(MOVING), 0)
        seen.append([part.evaluate(LOOKS) for part in parts])
        # In front of everything: Playwright clicks only what would get the click.
        visitor.button("Close").click()
        expect(visitor.panel).to_be_hidden()
    assert seen[0] == seen[1]


@pytest.fixture
def forced(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(forced_colors="active", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_nothing_moves_for_those_who_do_not_want_it(
    host: Host, forced: Page, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["a", Wait(gate)])
    visitor = Visitor(forced, host.serve())
    visitor.ask(word)
    visitor.sees("a")
    assert forced.evaluate(MOVING) == 0
