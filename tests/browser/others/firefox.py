"""Firefox without a window, by WebDriver BiDi: it speaks this itself, over a WebSocket.

Selenium would need geckodriver, which Debian lacks; Playwright's own way needs a newer Firefox than Debian's.
"""

import json
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from driven import Actions, Failed
from processes import DEADLINE_S, Process, until
from websockets.sync.client import connect

# Nothing that Firefox does by itself: it would want a network.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "",
}
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class _Program(Process):
    def __init__(self, directory: Path) -> None:
        profile = directory / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        # As root, it starts only in root's own home.
        command = ["firefox-esr", "--headless", "--remote-debugging-port=0", "--profile", str(profile)]
        super().__init__(command, directory / "firefox.log", {"HOME": str(directory)})

    def answers(self) -> bool:
        return bool(self.address)

    @property
    def address(self) -> str:
        found = LISTENS.search(self.log.read_text())
        return found[1] if found else ""


class Firefox:
    programs: ClassVar[tuple[str, ...]] = ("firefox-esr",)
    # Not one that holds a lock or reads a stream, even if it lets go of them with `pagehide`.
    keeps_pages = False
    revives_streams = False

    def __init__(self, directory: Path) -> None:
        self._program = _Program(directory)
        self._stack = ExitStack()
        self._commands = 0
        self._tabs: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._program.end)
            self._program.start()
            self._socket = stack.enter_context(connect(f"{self._program.address}/session", max_size=None))
            self.send("session.new", capabilities={})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self) -> "FirefoxTab":
        self._tabs.append(self.send("browsingContext.create", type="window")["context"])
        return FirefoxTab(self, self._tabs[-1])

    def close_tabs(self) -> None:
        while self._tabs:
            with suppress(Failed):  # The test has closed it.
                self.send("browsingContext.close", context=self._tabs.pop())

    def send(self, method: str, **params: object) -> Any:
        """Return the result of a command."""
        self._commands += 1
        self._socket.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while True:
            reply = json.loads(self._socket.recv(timeout=DEADLINE_S))
            if reply.get("id") == self._commands:
                break
        if reply["type"] == "error":
            raise Failed(f"{method}: {reply['error']}: {reply['message']}")
        return reply["result"]


class FirefoxTab:
    def __init__(self, browser: Firefox, context: str) -> None:
        self._browser = browser
        self._context = context

    def go(self, url: str) -> None:
        self._send("browsingContext.navigate", url=url, wait="complete")

    def reload(self) -> None:
        self._send("browsingContext.reload", wait="complete")

    def back(self) -> None:
        left = self._address
        self._send("browsingContext.traverseHistory", delta=-1)
        # The reply comes before the page does.
        until(lambda: self._address != left, "back")

    def evaluate(self, function: str, *args: object) -> Any:
        # As text: BiDi's own form of a value names the type of each part.
        wrapped = f"async (args) => JSON.stringify((await ({function})(...JSON.parse(args))) ?? null)"
        reply = self._browser.send(
            "script.callFunction",
            functionDeclaration=wrapped,
            arguments=[{"type": "string", "value": json.dumps(args)}],
            awaitPromise=True,
            target={"context": self._context},
        )
        if reply["type"] == "exception":
            raise Failed(reply["exceptionDetails"]["text"])
        return json.loads(reply["result"]["value"])

    def act(self, actions: Actions) -> None:
        self._send("input.performActions", actions=actions)

    def go_offline(self) -> None:
        self._network({"type": "offline"})

    def go_online(self) -> None:
        self._network(None)

    def close(self) -> None:
        self._send("browsingContext.close")

    @property
    def _address(self) -> str:
        tree = self._browser.send("browsingContext.getTree", root=self._context)
        address: str = tree["contexts"][0]["url"]
        return address

    def _network(self, conditions: object) -> None:
        self._browser.send(
            "emulation.setNetworkConditions", networkConditions=conditions, contexts=[self._context]
        )

    def _send(self, method: str, **params: object) -> None:
        self._browser.send(method, context=self._context, **params)
