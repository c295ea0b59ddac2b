"""What the tests in a browser share: real servers, and Chromium; nothing here is patched by gevent."""

import os
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from chromium import ARGS, program
from playwright.sync_api import Browser, Page, expect, sync_playwright
from processes import App, Redis, free_port
from proxy import Proxy
from standin import StandIn

# As long as Playwright waits for anything else.
expect.set_options(timeout=30_000)

# What Chromium says of it, and event-source-polyfill.
CUT_OFF = ("Failed to load resource: net::", "TypeError: network error")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = program()
    if not path:
        assert not os.environ.get("CI"), "no Chromium on the PATH"
        pytest.skip("no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def model() -> Iterator[StandIn]:
    """The model's stand-in; a test scripts its answers by a word of its prompts that no other test uses."""
    with StandIn() as standin:
        yield standin


@pytest.fixture(scope="session")
def blog_port() -> int:
    """Where pages of another origin, one that may ask, are served."""
    return free_port()


@pytest.fixture(scope="session")
def app(model: StandIn, blog_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """chatsse under a real gunicorn, answering by the stand-in."""
    directory = tmp_path_factory.mktemp("app")
    origins = {"CHATSSE_ORIGINS": f"http://127.0.0.1:{blog_port}"}
    with (
        Redis("valkey", directory) as redis,
        App(redis.url(0), model.url, directory, origins) as app,
    ):
        yield app


@pytest.fixture
def proxy(app: App) -> Iterator[Proxy]:
    with Proxy(app.port) as proxy:
        yield proxy


@pytest.fixture
def blog(app: App, blog_port: int) -> Iterator[Proxy]:
    """Another origin, whose pages may ask."""
    with Proxy(app.port, blog_port) as blog:
        yield blog


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of a visitor of its own; any error in its console fails the test, as does a breach of its policy.

    Not so, behind the proxy, what a cut connection leaves there.
    """
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    yield page
    context.close()
    expected = CUT_OFF if "proxy" in request.fixturenames else ()
    assert [text for text in complaints if not text.startswith(expected)] == []


@pytest.fixture
def word() -> str:
    """A word that no other prompt has."""
    return uuid4().hex


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What an answer waits for; open at the latest when the test ends."""
    gate = threading.Event()
    yield gate
    gate.set()
