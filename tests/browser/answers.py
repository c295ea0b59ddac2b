"""The answer that the tests have told, and how they wait for a page to show it."""

import time
from collections.abc import Callable
from typing import TypeVar

from playwright.sync_api import Page

T = TypeVar("T")
DEADLINE_S = 60

# What each of them costs on the wire and in UTF-16 differs; the last is five code points in one picture.
PIECES = ("über ", "Straße\n", "🙂", "日本語", "plain ", "\n\n", "e\u0301 ", "tab\t", "👩‍👩‍👧 ", '"\\u0041" ')
TOKENS = [f"{n}{PIECES[n % len(PIECES)]}" for n in range(200)]
TEXT = "".join(TOKENS)


def eventually(page: Page, read: Callable[[], T], expected: T | Callable[[T], bool]) -> T:
    """Return what `read` returns once it is `expected`, or fulfils it."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        value = read()
        if expected(value) if callable(expected) else value == expected:
            return value
        assert time.monotonic() < deadline, f"still {value!r}, not {expected!r}"
        # Playwright's own pause: its events are heard meanwhile.
        page.wait_for_timeout(20)
