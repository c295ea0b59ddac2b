"""Someone who uses the chat where Playwright does not drive the browser, and what they see of it."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from driven import Actions, Tab
from processes import DEADLINE_S
from visitor import words

T = TypeVar("T")

ENTER = "\ue007"
# None of the two finds its way into a shadow root with a selector, so the page itself looks.
TEXTS = """(selector) => Array.from(
  document.querySelector("chatsse-widget")?.shadowRoot.querySelectorAll(selector) ?? [],
  ({ textContent }) => textContent)"""
IS_TO_BE_OPEN = '() => document.querySelector("chatsse-widget")?.hasAttribute("open") ?? false'
PLACE = """(selector, name) => {
  const root = document.querySelector("chatsse-widget")?.shadowRoot;
  for (const each of root?.querySelectorAll(selector) ?? []) {
    const { x, y, width, height } = each.getBoundingClientRect();
    const place = [Math.round(x + width / 2), Math.round(y + height / 2)];
    const isNamed = !name || (each.getAttribute("aria-label") ?? each.textContent) === name;
    if (isNamed && !each.disabled && each.contains(root.elementFromPoint(...place))) return place;
  }
}"""


def eventually(read: Callable[[], T], expected: T | Callable[[T], bool]) -> T:
    """Return what `read` returns once it is `expected`, or fulfils it."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        value = read()
        if expected(value) if callable(expected) else value == expected:
            return value
        assert time.monotonic() < deadline, f"still {value!r}, not {expected!r}"
        time.sleep(0.02)


class Guest:
    """A person at a page.

    :ivar tab: stays the same through reloads
    """

    def __init__(self, tab: Tab, url: str) -> None:
        self.tab = tab
        tab.go(url)

    def open(self) -> None:
        """Open the chat, unless the page came up with it open."""
        # Not what can be seen, which the panel has to be loaded for: a click meanwhile would close it.
        if not self.tab.evaluate(IS_TO_BE_OPEN):
            self.click(".launcher")
        eventually(lambda: len(self._texts("dialog[open]")), 1)

    def ask(self, prompt: str) -> None:
        self.open()
        self.click(".prompt")
        self._type(prompt + ENTER)

    def click(self, selector: str, name: str = "") -> None:
        """Click what can be seen, by its class or name, once it stands still."""
        before: list[Any] = [None]

        def stands(place: list[int] | None) -> bool:
            before.append(place)
            return place is not None and before[-2] == place

        x, y = eventually(lambda: self.tab.evaluate(PLACE, selector, name), stands)
        self._act(
            "pointer",
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    def press(self, name: str) -> None:
        """Press a button of the panel, by its name."""
        self.click(".panel button", name)

    @property
    def answers(self) -> list[str]:
        """Each turn's answer so far, as the text that is in the page."""
        return self._texts(".turn .answer")

    @property
    def questions(self) -> list[str]:
        return self._texts(".turn .question > span:last-child")

    @property
    def note(self) -> str:
        """What is said beneath the last answer."""
        return (self._texts(".turn .note") or [""])[-1]

    def sees(self, answer: str) -> None:
        """Wait until the last answer is this, however its lines are broken."""
        eventually(lambda: [words(each) for each in self.answers[-1:]], [words(answer)])

    def sees_the_end(self, answer: str) -> None:
        """Wait until the last answer is this, and whole."""
        self.sees(answer)
        eventually(lambda: len(self._texts(".turn:last-of-type[aria-busy=false]")), 1)
        assert words(self.answers[-1]) == words(answer)

    def _texts(self, selector: str) -> list[str]:
        texts: list[str] = self.tab.evaluate(TEXTS, selector)
        return texts

    def _type(self, text: str) -> None:
        kinds = ("keyDown", "keyUp")
        self._act("key", *({"type": kind, "value": key} for key in text for kind in kinds))

    def _act(self, kind: str, *steps: dict[str, Any]) -> None:
        actions: Actions = [{"type": kind, "id": kind, "actions": list(steps)}]
        self.tab.act(actions)
