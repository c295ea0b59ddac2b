#!/usr/bin/env python3
"""Measure what the widget costs the page that it is on: in Chromium, on a blog of another origin.

    bytes           as they came, gzip, without headers: before anybody clicks, and with the chat open
    open            from the click to the frame that shows the chat, whose scripts it has yet to load
    task            the longest of the page's main thread, by Chromium's trace, and the most of the CPU that
                    one took, which holds on a busy machine: at load, at opening, while an answer streams,
                    and when the next page comes up with all of these
    heap            of JavaScript after the answers, and before the click; garbage aside
    layout shift    the sum of those in which a node of the page moved, from the load to the end, after input
                    too; of what moves in the widget's shadow root the browser does not tell the node

An answer is first paragraphs, lists, a block of code and a table, then one of these alone: a block that
grows is what a browser lays out anew for each token.

Ends with status 1 where the bytes or the layout shift are over their limits. Times are for the reader.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
# Of the modules that both folders have, the browser tests' own.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/browser"))

from chromium import ARGS, program
from playwright.sync_api import Browser, Page, Request, sync_playwright
from processes import App, Redis, free_port
from proxy import Proxy
from standin import Pause, StandIn, Step

KB = 1024
TOKEN_CHARS = 4

TEXT = "A stream is a **log** that is read while it is *written*; see [the post](/posts/a) or `EventSource`. "
PART = f"## A part\n\n{TEXT * 3}\n\n" + f"1. {TEXT}\n   - {TEXT}\n" * 3 + "\n"
CODE = "```py\n"
CODE_LINE = "for event in log.after(EventId(1, 48), wait_s=25):  # one range, however long the gap was\n"
TABLE = "| reader | cursor | what it does | s |\n|---|---|---|--:|\n"
TABLE_ROW = "| the *next* one | `1-48` | waits for a frame | 25 |\n"

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8"><title>A blog</title><link rel="icon" href="data:,">
  <script async src="{server}/widget.js"></script>
</head>
<body><header><a href="/">A blog</a></header><main><h1>A post</h1>{text}</main><footer>The end</footer></body>
</html>"""
WATCH = """
shifted = 0;
new PerformanceObserver((list) => {
  for (const { value, sources } of list.getEntries()) {
    if (sources.some(({ node }) => node && node.localName !== "chatsse-widget")) shifted += value;
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("click", ({ timeStamp }) => (clickedAt = timeStamp), true);
addEventListener("chatsse:open", () =>
  requestAnimationFrame(() => setTimeout(() => (open_ms = performance.now() - clickedAt))));
"""
ASK = """(question) => new Promise((done) => {
  addEventListener("chatsse:answer-end", ({ detail }) => done(detail.text), { once: true });
  document.querySelector("chatsse-widget").ask(question);
})"""
# What was drawn last is on the screen.
DRAWN = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
)


@dataclass
class Figure:
    """A line of the table."""

    name: str
    value: str
    limit: str
    is_over: bool = False


@dataclass
class Task:
    """The longest that a task took, and the most of the CPU that one took."""

    wall_ms: float = 0
    cpu_ms: float = 0

    def figure(self, name: str, limit_ms: int) -> Figure:
        return Figure(f"task, {name} (CPU), ms", f"{self.wall_ms:.0f} ({self.cpu_ms:.0f})", str(limit_ms))


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[Task]:
    """Trace the page's main thread; what is yielded is known afterwards."""
    task = Task()
    categories = ["-*", "disabled-by-default-devtools.timeline", "blink.user_timing"]
    browser.start_tracing(page=page, categories=categories)
    yield task
    # Chromium's own windows, such as the list under its address bar, are pages with threads of that name too.
    page.evaluate("performance.mark('here')")
    events = json.loads(browser.stop_tracing())["traceEvents"]
    (here,) = [event for event in events if event["name"] == "here"]
    for event in events:
        is_here = (event["pid"], event["tid"]) == (here["pid"], here["tid"])
        # One that had not ended when the trace did has no duration.
        if event["name"] == "RunTask" and is_here and "dur" in event:
            task.wall_ms = max(task.wall_ms, event["dur"] / 1000)
            task.cpu_ms = max(task.cpu_ms, event["tdur"] / 1000)


def answers(tokens: int) -> dict[str, str]:
    """Return the answers, by what they are made of."""
    length = tokens * TOKEN_CHARS
    code = CODE + CODE_LINE * (length // len(CODE_LINE) + 1)
    table = TABLE + TABLE_ROW * (length // len(TABLE_ROW) + 1)
    text = TEXT * (length // len(TEXT) + 1)
    mixed = f"{PART}{code[: length // 3]}\n```\n\n{table[: length // 4]}\n\n" + PART * (
        length // len(PART) + 1
    )
    whole = {"all kinds": mixed, "code": code, "table": table, "paragraph": text}
    return {kind: answer[:length] for kind, answer in whole.items()}


def spoken(text: str, rate: int) -> Iterator[Step]:
    """Yield a text's tokens, so many a second."""
    for at in range(0, len(text), TOKEN_CHARS):
        yield text[at : at + TOKEN_CHARS]
        yield Pause(1 / rate)


def sent(name: str, requests: list[Request], limit: int) -> Figure:
    """Return the bytes of the responses."""
    count = sum(request.sizes()["responseBodySize"] for request in requests)
    return Figure(f"bytes, {name}", f"{count:,}", f"{limit:,}", count > limit)


def heap_mb(page: Page) -> float:
    page.request_gc()
    session = page.context.new_cdp_session(page)
    used: float = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    session.detach()
    return used


def visit(browser: Browser, page: Page, server: str, url: str, texts: Mapping[str, str]) -> Iterator[Figure]:
    """Load the page, open the chat, get the answers, load it again; yield the figures as they come."""
    requests: list[Request] = []
    page.on("requestfinished", lambda request: request.url.startswith(server) and requests.append(request))
    page.add_init_script(WATCH)
    launcher = page.locator("chatsse-widget .launcher")
    with traced(browser, page) as loading:
        page.goto(url)
        launcher.wait_for()
        page.wait_for_load_state("networkidle")
    yield sent("before a click", requests, 5 * KB)
    before_mb = heap_mb(page)
    with traced(browser, page) as opening:
        launcher.click()
        page.wait_for_function("globalThis.open_ms")
        page.wait_for_load_state("networkidle")
    yield sent("chat open", requests, 25 * KB)
    yield Figure("open, ms", f"{page.evaluate('open_ms'):.0f}", "100")
    yield loading.figure("load", 50)
    yield opening.figure("open", 50)
    for kind, text in texts.items():
        with traced(browser, page) as answering:
            assert page.evaluate(ASK, kind) == text
            page.evaluate(DRAWN)
        yield answering.figure(kind, 100)
    after_mb = heap_mb(page)
    shifted = page.evaluate("shifted")
    with traced(browser, page) as returning:
        page.reload()
        page.locator("chatsse-widget .turn").nth(len(texts) - 1).wait_for()
        page.evaluate(DRAWN)
    yield returning.figure("next page", 100)
    yield Figure("heap (before), MB", f"{after_mb:.1f} ({before_mb:.1f})", "")
    shifted += page.evaluate("shifted")
    yield Figure("layout shift", f"{shifted:.4f}", "0", shifted > 0)


def main() -> int:
    """Measure as the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=2000, help="per answer")
    parser.add_argument("--rate", type=int, default=200, help="tokens a second")
    parser.add_argument("--slowdown", type=float, default=1, help="of the CPU for the page, as on a phone")
    asked = parser.parse_args()
    texts = answers(asked.tokens)
    path = program()
    if not path:
        sys.exit("Chromium is not installed.")
    blog_port = free_port()
    origins = {"CHATSSE_ORIGINS": f"http://127.0.0.1:{blog_port}"}
    with (
        tempfile.TemporaryDirectory() as directory,
        Redis("valkey", Path(directory)) as redis,
        StandIn() as model,
        App(redis.url(0), model.url, Path(directory), origins) as app,
        Proxy(app.port, blog_port) as blog,
        sync_playwright() as playwright,
    ):
        blog.pages["/"] = PAGE.format(server=app.url, text=f"<p>{'Some words of a post. ' * 25}</p>" * 20)
        for kind, text in texts.items():
            model.answer(kind, lambda _, text=text: spoken(text, asked.rate))
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        page = browser.new_page()
        slowdown = {"rate": asked.slowdown}
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", slowdown)
        print(f"Chromium {browser.version}, {asked.tokens} tokens an answer, {asked.rate}/s")
        print(f"{'':<30}{'measured':>12}{'limit':>9}")
        is_over = False
        for figure in visit(browser, page, app.url, blog.url, texts):
            over = "  over" if figure.is_over else ""
            print(f"{figure.name:<30}{figure.value:>12}{figure.limit:>9}{over}".rstrip(), flush=True)
            is_over |= figure.is_over
        browser.close()
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main())
