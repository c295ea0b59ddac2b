"""What can go wrong, as one tree.

`code` is a stable word for programs, `message` a sentence for people that never holds an upstream's
words, a path or a key. Whatever else an error knows is an attribute, for the log.
"""

from pathlib import Path


class ChatsseError(Exception):
    """Root of the errors that chatsse raises."""

    code = "internal"
    status = 500
    message = "Something went wrong on our side."
    retryable = True

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message


class ConfigError(ChatsseError):
    """An environment variable, or what it names, can't be used."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem


class ContentError(ChatsseError):
    """What the owner named as content can't be read at all; `word` is the owner's name for it."""

    def __init__(self, word: str, problem: str) -> None:
        super().__init__(f"{word}: {problem}")
        self.word = word
        self.problem = problem


class Unreadable(ChatsseError):
    """A page is not for reading; `why` says it in a few words, for the owner's report."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class BadIndex(ChatsseError):
    """A file is no index that this version can read; `path` is the file, `problem` what is wrong with it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class IndexBusy(ChatsseError):
    """Another process reads the blog."""

    message = "Another process reads the blog just now."


class BadRequest(ChatsseError):
    """What the client sent can't be taken; `code` says which rule it breaks."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class NotFound(ChatsseError):
    """There is no such answer or conversation, or it has expired."""

    code = "not_found"
    status = 404
    message = "There is nothing here, or it has expired."


class RateLimited(ChatsseError):
    """One address asked more than its share."""

    code = "rate_limited"
    status = 429
    message = "Too many questions at once. Please wait a moment."

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class RedisAway(ChatsseError):
    """Redis can't be reached, or can't take the command now; `__cause__` says why."""

    code = "unavailable"
    status = 503
    message = "The chat is out of reach for a moment. Please try again."
    retry_after_s = 2


class Fenced(ChatsseError):
    """Another producer has claimed the answer: whatever this one still holds must not be written."""

    def __init__(self, log: str, top: str) -> None:
        super().__init__(f"{log} is at {top}")
        self.log = log
        self.top = top


class ModelError(ChatsseError):
    """The model's service failed an answer.

    :param code: `model_overloaded`, `model_rate_limited`, `model_unavailable`, `model_interrupted`,
        `model_stalled`, `model_garbled` or `model_rejected`
    :param detail: what the service said, for the owner's log only
    :param retryable: whether the same question may well succeed later
    """

    status = 502
    message = "The answer could not be finished. Please try again."
    final_message = "The chat can’t answer at the moment."

    def __init__(self, code: str, detail: str, *, retryable: bool = True) -> None:
        super().__init__(None if retryable else self.final_message)
        self.code = code
        self.detail = detail
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def failure(error: ChatsseError) -> dict[str, str | bool]:
    """Return the data of the `failed` event that tells readers of an error."""
    return {"code": error.code, "message": error.message, "retryable": error.retryable}
