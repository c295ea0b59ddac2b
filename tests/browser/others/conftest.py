"""What these tests share beside the servers of the folder above: a browser, one after the other."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from driven import Browser
from firefox import Firefox
from guest import Guest
from proxy import Proxy
from webkit import WebKit


@pytest.fixture(scope="session", params=[Firefox, WebKit])
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    missing = [program for program in request.param.programs if not shutil.which(program)]
    if missing:
        reason = f"not on the PATH: {', '.join(missing)}"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with request.param(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def come(browser: Browser, proxy: Proxy) -> Iterator[Callable[[], Guest]]:
    """Open the blog in another tab: behind a proxy of its own, each test has an origin without a past."""
    yield lambda: Guest(browser.open(), proxy.url)
    browser.close_tabs()


@pytest.fixture
def guest(come: Callable[[], Guest]) -> Guest:
    return come()
