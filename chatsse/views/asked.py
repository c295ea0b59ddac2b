"""What a client may ask for in a request's body and headers, checked; pure but for Flask's request."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Request

from chatsse.errors import BadRequest
from chatsse.event import START, EventId, parse_id

MAX_PAGE_CHARS = 2048
RATINGS = ("up", "down", "")
ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """The checked body of a question."""

    prompt: str
    conversation: str | None
    page: str | None
    after: str | None


def asked(request: Request, max_prompt_chars: int, *names: str) -> Asked:
    """Return the question in a request's body.

    :param names: the fields that may hold the prompt; the first that is there counts
    :raises BadRequest: the body breaks a rule; its code says which
    """
    body = _body(request)
    name = next((name for name in names if name in body), names[0])
    return Asked(
        _prompt(body, name, max_prompt_chars),
        _id(body, "conversation", "a conversation"),
        _page(body),
        _id(body, "after", "a question"),
    )


def rated(request: Request) -> tuple[str, str]:
    """Return the id of an answer and the rating in a request's body.

    :raises BadRequest: the body breaks a rule; its code says which
    """
    body = _body(request)
    answer_id, rating = body.get("id"), body.get("rating")
    if not isinstance(answer_id, str) or not ID.fullmatch(answer_id):
        raise BadRequest("id_invalid", '"id" is not the id of an answer.')
    if not isinstance(rating, str) or rating not in RATINGS:
        raise BadRequest("rating_invalid", '"rating" must be "up", "down" or "".')
    return answer_id, rating


def idempotency_key(request: Request) -> str | None:
    """Return the request's `Idempotency-Key`, if it has one.

    :raises BadRequest: it is not 1 to 255 visible ASCII characters
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequest(
            "idempotency_key_invalid", "Idempotency-Key must be 1 to 255 visible ASCII characters."
        )
    return key


def cursor(request: Request) -> EventId:
    """Return the last id that the reader holds; `START` for none, or for what is none."""
    spelled = (
        request.headers.get("Last-Event-ID")
        or request.args.get("last_event_id")
        or request.args.get("lastEventId")
    )
    return parse_id(spelled) or START


def _body(request: Request) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise BadRequest("not_json", "Send the body with Content-Type: application/json.", 415)
    try:
        body = json.loads(request.get_data().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadRequest("invalid_json", "The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("invalid_json", "The body must be a JSON object.")
    return body


def _prompt(body: dict[str, Any], name: str, max_chars: int) -> str:
    prompt = body.get(name)
    if prompt is None:
        raise BadRequest("prompt_missing", f'The body has no "{name}".')
    if not isinstance(prompt, str):
        raise BadRequest("prompt_invalid", f'"{name}" must be a string.')
    if len(prompt) > max_chars:
        raise BadRequest(
            "prompt_too_long", f"The question has {len(prompt)} characters; {max_chars} are allowed.", 413
        )
    _check_text(prompt, "prompt_invalid", name)
    if not prompt.strip():
        raise BadRequest("prompt_empty", "The question is empty.")
    return prompt


def _check_text(text: str, code: str, name: str) -> None:
    if "\0" in text:
        raise BadRequest(code, f'"{name}" holds a NUL character.')
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRequest(code, f'"{name}" holds half of a surrogate pair.') from error


def _id(body: dict[str, Any], name: str, of: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise BadRequest(f"{name}_invalid", f'"{name}" is not the id of {of}.')
    return value


def _page(body: dict[str, Any]) -> str | None:
    page = body.get("page")
    if page is None:
        return None
    if not isinstance(page, str) or len(page) > MAX_PAGE_CHARS:
        raise BadRequest("page_invalid", f'"page" must be an address of at most {MAX_PAGE_CHARS} characters.')
    _check_text(page, "page_invalid", "page")
    try:
        parts = urlsplit(page)
    except ValueError as error:
        raise BadRequest("page_invalid", '"page" is not an address.') from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadRequest("page_invalid", '"page" must start with http:// or https://.')
    return page
