"""Hostile answers in a real page: nothing runs, nothing leaves, no link leads where none may."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
TAGS = re.compile(
    "a|b(r|lockquote)|code|d(el|iv)|em|h[4-6r]|li|ol|p(re)?|s(pan|trong)|t(able|[dhr]|body|head)|ul"
)
ATTRIBUTES = {"class", "dir", "href", "rel", "start", "tabindex", "target"}
PROTOCOLS = {"http:", "https:", "mailto:"}


class Quiet(SimpleHTTPRequestHandler):
    """The repository's files."""

    def log_request(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    """Where the repository's files are served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(ROOT))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_hostile_answers_run_nothing_fetch_nothing_and_link_nowhere_else(page: Page, files: str) -> None:
    page.goto(f"{files}/tests/hostile/page.html")
    page.wait_for_function("window.count")
    events: list[str] = []
    page.on("request", lambda request: events.append(request.url))
    page.on("dialog", lambda dialog: events.append(dialog.message))
    page.on("popup", lambda popup: events.append(popup.url))
    page.on("framenavigated", lambda frame: events.append(frame.url))
    page.on("worker", lambda worker: events.append(worker.url))
    for i in range(page.evaluate("count")):
        shown = page.evaluate("i => show(i)", i)
        assert shown["same"], i
        assert all(map(TAGS.fullmatch, shown["tags"])), i
        assert set(shown["attributes"]) <= ATTRIBUTES, i
        assert set(shown["protocols"]) <= PROTOCOLS, i
        assert shown["secrets"] == shown["astray"] == 0, i
    assert page.evaluate("fallen") == 0
    assert events == []
