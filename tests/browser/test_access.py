"""What axe finds in the chat, in each of its states."""

import os
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from processes import TREE, App
from standin import Citation, ErrorEvent, StandIn, Wait
from visitor import Visitor

SOURCE = TREE / "tests/node_modules/axe-core/axe.min.js"
ANSWER = [
    "A claim",
    Citation("/posts/one-way-is-enough", "a quote", "One way"),
    ".\n\n## Heading\n\n- item\n- [far](https://example.com/)\n\n```js\nlet x = 1;\n```\n\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted `code`\n",
]


@pytest.fixture(scope="module")
def axe() -> str:
    if not SOURCE.exists():
        assert not os.environ.get("CI"), "npm has not installed axe-core"
        pytest.skip("axe-core is not installed: make tests/node_modules/ready")
    return SOURCE.read_text(encoding="utf-8")


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    # Colours are measured where they have come to rest.
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    "state", ["closed", "open", "menu", "waiting", "streaming", "finished", "failed", "editing"]
)
def test_axe_finds_nothing(
    app: App, page: Page, model: StandIn, word: str, gate: threading.Event, axe: str, state: str
) -> None:
    scripts = {
        "waiting": [Wait(gate)],
        "streaming": [*ANSWER, Wait(gate)],
        "failed": [*ANSWER, ErrorEvent("overloaded_error", "x")],
    }
    model.answer(word, scripts.get(state, ANSWER))
    visitor = Visitor(page, app.url)
    visitor.launcher.wait_for()
    if state != "closed":
        visitor.open()
    if state == "menu":
        visitor.button("More").click()
    elif state not in ("closed", "open"):
        visitor.ask(word)
        busy = str(state in ("waiting", "streaming")).lower()
        visitor.panel.locator(f".turn[aria-busy={busy}]").wait_for()
        if state != "waiting":
            visitor.panel.locator(".answer blockquote code").wait_for()
    if state == "editing":
        visitor.button("Edit").click()
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    assert [
        (rule["id"], node["target"], node["failureSummary"])
        for rule in found["violations"]
        for node in rule["nodes"]
    ] == []
    # It has looked into the shadow root.
    assert "chatsse-widget" in str(found["passes"])
