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
    ".\n\n### Heading\n\n##### Beneath it\n\n## Above it\n\n",
    "- item\n- [far](https://example.com/)\n\n```js\nlet x = 1;\n```\n\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted `code`\n",
]
# axe does not see what lies behind a panel that floats, so its text is measured here, by WCAG 2's formula.
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const pixel = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    const color = pixel(getComputedStyle(element).backgroundColor);
    return color[3] === 255 || !element.parentElement ? color : ground(element.parentElement);
  };
  const measure = (element, color) => {
    const [a, b] = [light(pixel(color)), light(ground(element))].sort((a, b) => b - a);
    return [element.className || element.localName, (a + 0.05) / (b + 0.05)];
  };
  const panel = document.querySelector("chatsse-widget").shadowRoot.querySelector(".panel");
  const texts = [...panel.querySelectorAll("*")].filter((each) =>
    each.checkVisibility() && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const field = panel.querySelector(".prompt");
  return [
    ...texts.map((each) => measure(each, getComputedStyle(each).color)),
    measure(field, getComputedStyle(field, "::placeholder").color),
  ];
}"""


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
def test_axe_finds_nothing_and_all_texts_stand_out(
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
    if state != "closed":
        measured = page.evaluate(CONTRAST)
        assert len(measured) > 3
        assert [(name, ratio) for name, ratio in measured if ratio < 4.5] == []
    # It has looked into the shadow root.
    assert "chatsse-widget" in str(found["passes"])
