"""The npm package event-source-polyfill, which names its cursor in the address."""

import os
import threading
from random import Random
from urllib.parse import parse_qs

import pytest
from answers import TEXT
from playwright.sync_api import Page
from processes import TREE
from proxy import Cut, Proxy
from readers import CUTS, LEAST_BYTES, PAGE, Reading, asked, conduct, in_parts
from standin import StandIn

SOURCE = TREE / "tests/node_modules/event-source-polyfill/src/eventsource.js"
POLYFILL = "{ Source: EventSourcePolyfill }"


@pytest.fixture(scope="module")
def polyfill_page() -> str:
    """A page whose readers may be the package's."""
    if not SOURCE.exists():
        assert not os.environ.get("CI"), "npm has not installed event-source-polyfill"
        pytest.skip("event-source-polyfill is not installed: make tests/node_modules/ready")
    return f"{PAGE}<script>{SOURCE.read_text(encoding='utf-8')}</script>"


@pytest.mark.parametrize("origin", ["its own", "another"])
def test_the_polyfill_resumes_an_answer_each_time_it_is_cut(
    proxy: Proxy, blog: Proxy, page: Page, model: StandIn, word: str, polyfill_page: str, origin: str
) -> None:
    gates = in_parts(model, word)
    stream = asked(proxy, word)
    proxy.cut(
        stream, [Cut(place, reset=place % 2 == 0) for place in Random(5).sample(range(LEAST_BYTES), CUTS)]
    )
    # The page may be another's, the stream is cut all the same; the origins differ by the port.
    server = proxy if origin == "its own" else blog
    server.pages["/readers"] = polyfill_page
    page.goto(server.url + "/readers")
    reading = Reading.start(page, proxy.url + stream, POLYFILL)
    conductor = threading.Thread(target=conduct, args=(proxy, stream, gates), daemon=True)
    conductor.start()
    reading.check(TEXT)
    conductor.join()
    assert [seen.cut for seen in proxy.seen(stream)] == [True] * CUTS + [False]
    cursors = [parse_qs(seen.query).get("lastEventId") for seen in proxy.seen(stream)]
    assert any(cursors)
    assert all("last-event-id" not in seen.headers for seen in proxy.seen(stream))
