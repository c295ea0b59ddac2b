"""Someone who uses the chat of a page, and what they see of it."""

from answers import eventually
from playwright.sync_api import Locator, Page


def words(text: str) -> str:
    """Return a text without the white space, which Markdown turns into paragraphs."""
    return "".join(text.split())


class Visitor:
    """A person at a page.

    :ivar page: stays the same tab, also through reloads
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(url)

    def open(self) -> None:
        """Open the chat, unless the page came up with it open."""
        self.launcher.wait_for()
        # Not what the launcher says, which the panel has to be loaded for: a click meanwhile would close it.
        if self.page.locator("chatsse-widget").get_attribute("open") is None:
            self.launcher.click()
        self.panel.wait_for()

    def ask(self, prompt: str) -> None:
        self.open()
        self.prompt.fill(prompt)
        self.prompt.press("Enter")

    def reload(self) -> None:
        self.page.reload(wait_until="commit")

    @property
    def launcher(self) -> Locator:
        return self.page.locator("chatsse-widget .launcher")

    @property
    def panel(self) -> Locator:
        return self.page.locator("chatsse-widget .panel")

    @property
    def prompt(self) -> Locator:
        return self.panel.locator(".prompt")

    @property
    def send(self) -> Locator:
        """The button that sends, or, while an answer comes, stops it."""
        return self.panel.locator(".send")

    @property
    def answers(self) -> list[str]:
        """Each turn's answer so far, as the text that is in the page."""
        return self._texts(".answer")

    @property
    def answer(self) -> str:
        """The last turn's answer so far."""
        return self.answers[-1] if self.answers else ""

    @property
    def questions(self) -> list[str]:
        return self._texts(".question > span:last-child")

    @property
    def note(self) -> str:
        """What is said beneath the last answer."""
        return (self._texts(".note") or [""])[-1]

    def button(self, name: str) -> Locator:
        """A button of the panel that is in view, by its name."""
        return self.panel.get_by_role("button", name=name, exact=True)

    def sees(self, answer: str) -> None:
        """Wait until the last answer is this, however its lines are broken."""
        eventually(self.page, lambda: words(self.answer), words(answer))

    def sees_the_end(self, answer: str) -> None:
        """Wait until the last answer is this, and whole."""
        self.sees(answer)
        self.panel.locator(".turn:last-of-type[aria-busy=false]").wait_for(state="attached")
        assert words(self.answer) == words(answer)

    def _texts(self, selector: str) -> list[str]:
        return self.page.locator(f"chatsse-widget .turn {selector}").all_text_contents()
