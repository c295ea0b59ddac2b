"""Why a server gave nothing, in a few words for the owner: it said no, or it did not answer."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from chatsse.errors import Unreadable

_BUSY = (429, 503)
# The first that fits counts: in urllib3 a name that can't be resolved is a kind of refused connection.
_TROUBLES: tuple[tuple[type[HTTPError], str], ...] = (
    (NameResolutionError, "no such host"),
    (NewConnectionError, "no connection"),
    (ConnectTimeoutError, "no connection"),
    (ReadTimeoutError, "fell silent"),
    (SSLError, "no secure connection"),
    (HTTPError, "broke off"),
)


class Refused(Unreadable):
    """The server's answer is no; `status` is its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(_phrase(status))
        self.status = status


class Unanswered(Unreadable):
    """The server has no answer for now; `retry_after_s` is when it expects one, if it says so."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


def refusal(status: int, retry_after: str | None) -> Unreadable:
    """Return what a status means that is not of success."""
    if status in _BUSY:
        return Unanswered(_phrase(status), _seconds(retry_after))
    is_passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Unanswered(_phrase(status)) if is_passing else Refused(status)


def translated(error: HTTPError) -> Unreadable:
    """Return what an error of `urllib3` means."""
    if isinstance(error, DecodeError):
        return Unreadable("badly compressed")
    return Unanswered(next(why for kind, why in _TROUBLES if isinstance(error, kind)))


def _seconds(retry_after: str | None) -> float | None:
    """Return what a `Retry-After` asks for, which is a number or a date (RFC 9110, 10.2.3)."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"
