"""A page that loads the widget's engine and nothing else, and what the engine says there."""

from datetime import UTC, datetime, timedelta
from typing import Any

from answers import eventually
from playwright.sync_api import BrowserContext, Page
from proxy import Proxy

# `shown` follows the events alone, as a panel does that never reads a turn's text.
PAGE = """<!doctype html><meta charset="utf-8"><title>Engine</title><link rel="icon" href="data:,">
<script type="module">
  %(before)s
  const { Chat } = await import("%(server)s/static/widget/chat.js");
  const shown = new Map(), stages = [], rewinds = [];
  const chat = new Chat({ server: "%(server)s/", page: () => location.href });
  const show = () => {
    for (const turn of chat.turns) if (!shown.has(turn.key)) shown.set(turn.key, turn.text);
  };
  chat.addEventListener("turns", show);
  chat.addEventListener("text", ({ detail: { turn, text } }) => {
    shown.set(turn.key, shown.get(turn.key) + text);
  });
  chat.addEventListener("rewind", ({ detail: { turn, length } }) => {
    rewinds.push(length);
    shown.set(turn.key, shown.get(turn.key).slice(0, length));
  });
  chat.addEventListener("change", ({ detail: { turn } }) => stages.push(turn.stage));
  const pick = (turn, fields) => Object.fromEntries(fields.map((field) => [field, turn[field]]));
  await chat.load();
  Object.assign(globalThis, { chat, shown, stages, rewinds, pick });
</script>
"""
FIELDS = [
    "key",
    "prompt",
    "stream",
    "text",
    "shown",
    "end",
    "problem",
    "retryAt",
    "rating",
    "stage",
    "sources",
]
DONE = {"event": "done", "reason": "end_turn"}
STOPPED = {"event": "done", "reason": "stopped"}


class Tab:
    """A tab that shows the conversation.

    :ivar page: stays the same through reloads
    """

    def __init__(self, page: Page, site: Proxy, before: str = "", server: str = "") -> None:
        """Open a tab.

        :param before: a script to run before the engine is loaded
        :param server: whose engine it is; empty: the site's own
        """
        self.page = page
        site.pages["/engine"] = PAGE % {"before": before, "server": server or site.url}
        page.goto(site.url + "/engine")
        self.is_ready()

    @classmethod
    def of(cls, context: BrowserContext, proxy: Proxy, before: str = "") -> "Tab":
        return cls(context.new_page(), proxy, before)

    def is_ready(self) -> None:
        self.page.wait_for_function("globalThis.chat")

    def stop_time(self) -> None:
        """Have no time pass in the visitor's tabs, until `clock.resume`.

        One that asks by another soon takes that for asleep, and leads; a slow machine may well be that slow.
        """
        self.page.clock.install()
        self.page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))

    def reload(self) -> None:
        self.page.reload()
        self.is_ready()

    def ask(self, prompt: str) -> None:
        """Ask, and do not wait for anything."""
        self.page.evaluate("(prompt) => void chat.ask(prompt)", prompt)

    def do(self, call: str) -> Any:
        """Return what `chat.<call>` resolves to."""
        return self.page.evaluate(f"chat.{call}")

    @property
    def turns(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = self.page.evaluate(
            "(fields) => chat.turns.map((turn) => pick({ ...turn, shown: shown.get(turn.key) }, fields))",
            FIELDS,
        )
        return turns

    @property
    def turn(self) -> dict[str, Any]:
        """The last turn; an empty one where there is none."""
        turns = self.turns
        return turns[-1] if turns else dict.fromkeys(FIELDS)

    @property
    def connection(self) -> str:
        return str(self.page.evaluate("chat.connection"))

    @property
    def kept(self) -> list[dict[str, Any]]:
        """What the databases of the page hold."""
        kept: list[dict[str, Any]] = self.page.evaluate(
            """async () => {
              const all = [];
              for (const { name } of await indexedDB.databases()) {
                const open = indexedDB.open(name);
                await new Promise((resolve) => (open.onsuccess = resolve));
                const read = open.result.transaction("chat").objectStore("chat").getAll();
                await new Promise((resolve) => (read.onsuccess = resolve));
                open.result.close();
                all.push(...read.result);
              }
              return all;
            }"""
        )
        return kept

    @property
    def databases(self) -> list[str]:
        names: list[str] = self.page.evaluate(
            "indexedDB.databases().then((all) => all.map(({ name }) => name))"
        )
        return names

    def sees(self, text: str) -> None:
        """Wait until the last answer is this, in its turn and by its events alike."""
        eventually(self.page, lambda: [self.turn["text"], self.turn["shown"]], [text, text])

    def sees_the_end(self, text: str, end: dict[str, Any] = DONE) -> None:
        eventually(self.page, lambda: self.turn["end"], end)
        assert [self.turn["text"], self.turn["shown"]] == [text, text]
