"""A browser that Playwright does not drive, as far as the tests need it; firefox.py and webkit.py are two."""

from typing import Any, ClassVar, Protocol, Self

# Input in the words of WebDriver's actions, which BiDi has taken over.
Actions = list[dict[str, Any]]


class Tab(Protocol):
    """A tab in a window of its own, so that it is never hidden; what fails there raises `Failed`."""

    def go(self, url: str) -> None: ...

    def reload(self) -> None: ...

    def back(self) -> None: ...

    def evaluate(self, function: str, *args: object) -> Any:
        """Return what a JavaScript function returns, or resolves to, in the page; JSON both ways."""

    def act(self, actions: Actions) -> None:
        """Press keys, move the pointer."""

    def go_offline(self) -> None:
        """Tell the page that there is no network; whether there is one is the proxy's business."""

    def go_online(self) -> None: ...

    def close(self) -> None: ...


class Browser(Protocol):
    """A browser; `with` starts and ends it.

    :cvar programs: what has to be on the PATH
    :cvar keeps_pages: for its back button, also one with an answer under way
    :cvar revives_streams: of a kept page, also one that the page has closed
    """

    programs: ClassVar[tuple[str, ...]]
    keeps_pages: ClassVar[bool]
    revives_streams: ClassVar[bool]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def open(self) -> Tab:
        """Open a tab."""

    def close_tabs(self) -> None:
        """Close the tabs that were opened."""


class Failed(Exception):
    """What the browser says of a command that it could not carry out."""
