"""WebKitGTK's MiniBrowser, by WebDriver, on a screen that nobody sees."""

import http.client
import re
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from client import call
from driven import Actions, Failed
from processes import Process, free_port

DISPLAY = re.compile(r"^(\d+)$", re.MULTILINE)


class _Screen(Process):
    def __init__(self, directory: Path) -> None:
        # It takes the first number that is free and says which.
        command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1280x900x24"]
        super().__init__(command, directory / "screen.log")

    def answers(self) -> bool:
        return bool(self.number)

    @property
    def number(self) -> str:
        found = DISPLAY.search(self.log.read_text())
        return found[1] if found else ""


class _Driver(Process):
    def __init__(self, directory: Path, home: str, display: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = {
            "DISPLAY": f":{display}",
            # Else it speaks to the desktop of whoever runs the tests.
            "GDK_BACKEND": "x11",
            "HOME": home,
            "NO_AT_BRIDGE": "1",
            "XDG_RUNTIME_DIR": home,
        }
        super().__init__(["WebKitWebDriver", f"--port={port}"], directory / "webkit.log", settings)

    def answers(self) -> bool:
        try:
            return call("GET", f"{self.url}/status").status == 200
        except (OSError, http.client.HTTPException):
            return False


class WebKit:
    programs: ClassVar[tuple[str, ...]] = ("WebKitWebDriver", "Xvfb")
    keeps_pages = True
    revives_streams = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._tabs: list[str] = []
        self._current = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Its sockets lie there, whose paths have to be short. At the end its processes may still write.
            home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            screen = _Screen(self._directory)
            stack.callback(screen.end)
            screen.start()
            driver = _Driver(self._directory, home, screen.number)
            stack.callback(driver.end)
            driver.start()
            self._session = f"{driver.url}/session"
            self._session += "/" + self.send("POST", "", {"capabilities": {}})["sessionId"]
            stack.callback(self.send, "DELETE", "")
            # The window that it comes with stays, as the session ends with the last one.
            self._first: str = self.send("GET", "/window")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self) -> "WebKitTab":
        # A command wants a window to go to, and that of the last one may be gone.
        self._tabs.append(self.send_to(self._first, "POST", "/window/new", {"type": "window"})["handle"])
        return WebKitTab(self, self._tabs[-1])

    def close_tabs(self) -> None:
        while self._tabs:
            with suppress(Failed):  # The test has closed it.
                self.send_to(self._tabs.pop(), "DELETE", "/window")

    def send(self, method: str, path: str, body: object = None) -> Any:
        """Return the value of a command's reply."""
        reply = call(method, self._session + path, {} if method == "POST" and body is None else body)
        value = reply.json["value"]
        if reply.status != 200:
            raise Failed(f"{path}: {value['error']}: {value['message']}")
        return value

    def send_to(self, tab: str, method: str, path: str, body: object = None) -> Any:
        """Return the value of the reply to a command for one tab."""
        if self._current != tab:
            self.send("POST", "/window", {"handle": tab})
            self._current = tab
        return self.send(method, path, body)


class WebKitTab:
    def __init__(self, browser: WebKit, handle: str) -> None:
        self._browser = browser
        self._handle = handle

    def go(self, url: str) -> None:
        self._post("/url", {"url": url})

    def reload(self) -> None:
        self._post("/refresh")

    def back(self) -> None:
        self._post("/back")

    def evaluate(self, function: str, *args: object) -> Any:
        return self._post("/execute/sync", {"script": f"return ({function})(...arguments)", "args": args})

    def act(self, actions: Actions) -> None:
        self._post("/actions", {"actions": actions})

    def go_offline(self) -> None:
        self._network("offline")

    def go_online(self) -> None:
        self._network("online")

    def close(self) -> None:
        self._browser.send_to(self._handle, "DELETE", "/window")

    def _network(self, event: str) -> None:
        # No command of WebDriver's switches it.
        self.evaluate(
            """(event) => {
              Object.defineProperty(navigator, "onLine", { configurable: true, value: event === "online" });
              dispatchEvent(new Event(event));
            }""",
            event,
        )

    def _post(self, path: str, body: object = None) -> Any:
        return self._browser.send_to(self._handle, "POST", path, body)
