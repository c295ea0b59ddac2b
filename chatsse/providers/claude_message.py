"""The events of Anthropic's Messages API as parts of an answer, and its errors as ours; no I/O.

https://docs.anthropic.com/en/docs/build-with-claude/streaming: new kinds of events, blocks and deltas may
come at any time and are passed over; the known ones must be whole.
"""

import json
from collections.abc import Sequence
from typing import Any

from chatsse.errors import ModelError
from chatsse.providers import Citation, Part, Stop, StopReason, Text, Thinking, Usage

# What moves an answer on; pings do not.
EVENTS = frozenset(
    (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    )
)
# Whatever else ends a message ends it well: we offer no tools, so nobody waits for one.
STOP_REASONS: dict[object, StopReason] = {
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}
THINKING = ("thinking", "redacted_thinking")
CODES = {
    "rate_limit_error": "model_rate_limited",
    "overloaded_error": "model_overloaded",
    "api_error": "model_unavailable",
    "timeout_error": "model_unavailable",
    "invalid_request_error": "model_rejected",
    "authentication_error": "model_rejected",
    "billing_error": "model_rejected",
    "permission_error": "model_rejected",
    "not_found_error": "model_rejected",
    "request_too_large": "model_rejected",
}
STATUS_CODES = {
    408: "model_unavailable",
    409: "model_unavailable",
    429: "model_rate_limited",
    529: "model_overloaded",
}
MAX_DETAIL_CHARS = 1000


class Message:
    """One message as it comes in, event by event.

    A block of text may cite before it says anything: its citations come at its end, where the claim does.
    """

    __slots__ = ("_cited", "_input_tokens", "_output_tokens", "_reason")

    def __init__(self) -> None:
        self._cited: list[Citation] = []
        self._input_tokens = self._output_tokens = 0
        self._reason: StopReason = "end_turn"

    def parts(self, name: str, data: bytes) -> Sequence[Part]:
        """Return the parts that follow from an event of `EVENTS`.

        :raises ModelError: the event reports an error, or is not what its name says
        """
        try:
            return self._parts(name, json.loads(data.decode()))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError("model_garbled", f"{name}: {error!r} in {data[:200]!r}") from error

    def _parts(self, name: str, event: Any) -> Sequence[Part]:
        if name == "content_block_delta":
            return self._delta(event["delta"])
        if name == "content_block_start":
            return _block(event["content_block"])
        if name == "content_block_stop":
            cited, self._cited = self._cited, []
            return cited
        if name == "message_start":
            return self._usage(event["message"].get("usage"))
        if name == "message_delta":
            self._reason = STOP_REASONS.get(event["delta"].get("stop_reason"), "end_turn")
            return self._usage(event.get("usage"))
        if name == "message_stop":
            return (Stop(self._reason),)
        raise failure(event["error"]["type"], 200, event["error"].get("message"))

    def _delta(self, delta: Any) -> Sequence[Part]:
        if delta["type"] == "text_delta":
            return _text(delta["text"])
        if delta["type"] == "citations_delta" and delta["citation"]["type"] == "search_result_location":
            self._cited.append(_citation(delta["citation"]))
        return ()

    def _usage(self, usage: Any) -> Sequence[Part]:
        """Return the tokens so far; a count that `usage` leaves out has not changed."""
        if usage is None:
            return ()
        self._input_tokens = _count(usage.get("input_tokens"), self._input_tokens)
        self._output_tokens = _count(usage.get("output_tokens"), self._output_tokens)
        return (Usage(self._input_tokens, self._output_tokens),)


def _block(block: Any) -> Sequence[Part]:
    if block["type"] in THINKING:
        return (Thinking(),)
    return _text(block["text"]) if block["type"] == "text" else ()


def _citation(citation: Any) -> Citation:
    title = citation.get("title")
    return Citation(
        source=_string(citation["source"]),
        title="" if title is None else _string(title),
        quote=_string(citation["cited_text"]),
    )


def _text(value: object) -> Sequence[Part]:
    text = _string(value)
    return (Text(text),) if text else ()


def _string(value: object) -> str:
    """Return `value`, half of a surrogate pair replaced: JSON can hold one, UTF-8 can't.

    :raises TypeError: it is no string
    """
    if not isinstance(value, str):
        raise TypeError(f"a string was due, not {type(value).__name__}")
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(value: object, unchanged: int) -> int:
    if value is None:
        return unchanged
    if not isinstance(value, int):
        raise TypeError(f"a number was due, not {type(value).__name__}")
    return value


def failure(kind: object, status: int, words: object) -> ModelError:
    """Return the error for what the API answers in place of a message, or in the middle of one.

    :param kind: the `type` of its error object, if it sent one
    :param status: of the response; 200 in the middle of a message
    """
    code = CODES.get(str(kind)) or STATUS_CODES.get(status)
    if code is None:
        code = "model_rejected" if 300 <= status < 500 else "model_unavailable"
    detail = f"{status} {kind}: {words}"[:MAX_DETAIL_CHARS]
    return ModelError(code, detail, retryable=code != "model_rejected")
