"""Hostile answers in a real page: nothing runs, nothing leaves, no link leads where none may."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
TAGS = frozenset(
    "a blockquote br code del div em h3 h4 h5 h6 hr li ol p pre span strong table tbody td th thead tr ul".split()
)
ATTRIBUTES = frozenset({"class", "dir", "href", "rel", "start", "tabindex", "target"})
PROTOCOLS = frozenset({"http:", "https:", "mailto:"})


class Quiet(SimpleHTTPRequestHandler):
    """The repository's files."""

    def log_message(self, format: str, *args: object) -> None:
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
        assert set(shown["tags"]) <= TAGS, i
        assert set(shown["attributes"]) <= ATTRIBUTES, i
        assert set(shown["protocols"]) <= PROTOCOLS, i
        assert shown["secrets"] == shown["home"] == 0, i
    assert page.evaluate("fallen") == 0
    assert events == []
