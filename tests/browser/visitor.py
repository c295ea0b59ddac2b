"""Someone who uses the sample page's chat box, and what they see of it."""

from answers import eventually
from playwright.sync_api import Page

ANSWER = "[data-part=answer]"


class Visitor:
    """A person at a page.

    :ivar page: stays the same tab, also through reloads
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(url)
        page.locator("chat-box").wait_for(state="visible")

    def ask(self, prompt: str) -> None:
        self.page.fill("#chat-prompt", prompt)
        self.page.press("#chat-prompt", "Enter")

    def reload(self) -> None:
        self.page.reload(wait_until="commit")

    @property
    def answers(self) -> list[str]:
        """Each turn's answer so far, as the text that is in the page."""
        return self._texts(ANSWER)

    @property
    def answer(self) -> str:
        """The last turn's answer so far."""
        return self.answers[-1] if self.answers else ""

    @property
    def questions(self) -> list[str]:
        return self._texts("[data-part=question]")

    @property
    def note(self) -> str:
        """What is said beneath the last answer."""
        return (self._texts("[data-part=note]") or [""])[-1]

    def sees(self, answer: str) -> None:
        """Wait until the last answer is this."""
        eventually(self.page, lambda: self.answer, answer)

    def sees_the_end(self, answer: str) -> None:
        """Wait until the last answer is this, and whole."""
        self.sees(answer)
        self.page.locator(".turn:last-of-type[aria-busy=false]").wait_for()
        assert self.answer == answer

    def _texts(self, selector: str) -> list[str]:
        return self.page.locator(f".turn {selector}").all_text_contents()
