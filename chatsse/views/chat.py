"""Asking a question."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from json import loads

from flask import Blueprint, Response, jsonify, request
from werkzeug.wsgi import ClosingIterator

from chatsse.config import Config
from chatsse.event import PING, START, Event, cut, decode, json_line
from chatsse.hub import Hub
from chatsse.questions import Question, Questions
from chatsse.views.asked import asked, idempotency_key
from chatsse.views.stream import catch_up, event_stream, keep_out_of_caches

HELLO = b": chatsse\n\n"
DONE = b"data: [DONE]\n\n"


def chat(config: Config, hub: Hub, questions: Questions) -> Blueprint:
    """Return `/chat` and `/chat/stream`."""
    views = Blueprint("chat", __name__)

    def ask(*names: str) -> Question:
        question = asked(request, config.max_prompt_chars, *names)
        key = idempotency_key(request)
        address = visitor_address(request.remote_addr, request.headers.get("X-Forwarded-For"))
        if address and config.max_prompts_per_minute:
            questions.limit(address, config.max_prompts_per_minute)
        return questions.ask(question.prompt, question.conversation, question.page, key, question.after)

    @views.post("/chat")
    def post() -> tuple[Response, int]:
        question = ask("prompt")
        body = jsonify(id=question.id, stream=_path(question), conversation=question.conversation)
        return body, 201

    @views.post("/chat/stream")
    def post_and_stream() -> Response:
        question = ask("prompt", "message")
        reader = hub.read(question.id, START)
        reader.first = catch_up(reader)
        response = event_stream(ClosingIterator(tutorial_frames(reader), reader.close))
        response.headers["Chatsse-Stream"] = _path(question)
        return response

    views.after_request(keep_out_of_caches)
    return views


def tutorial_frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an answer in the dialect that tutorials teach, from the frames of its stream.

    Its readers can only append: what a `rewind` took back is held until it is said again. Where the
    answer then goes another way than what was sent, it ends with an error.
    """
    sent = answer = ""
    yield HELLO
    for chunk in chunks:
        if chunk == PING:
            yield b": ping\n\n"
        for event in decode(chunk):
            answer = _applied(event, answer)
            if answer.startswith(sent) and answer != sent:
                yield _data({"token": answer[len(sent) :]})
                sent = answer
            if event.kind == "failed":
                yield _data({"error": loads(event.data)["message"]}) + DONE
            elif not sent.startswith(answer) or (event.kind == "done" and sent != answer):
                yield _data({"error": "The answer was begun anew. Please ask again."}) + DONE
                return
            elif event.kind == "done":
                yield DONE


def visitor_address(peer: str | None, forwarded_for: str | None) -> str | None:
    """Return whose share of questions a request counts against; None: nobody's.

    A peer in a private network is a proxy, and the last hop that it names is the visitor: the ones before
    can be made up. A loopback peer that names nobody hides all its visitors behind one address. IPv6 gives
    every household a /64.
    """
    address = _address(peer or "")
    if address and address.is_private:
        address = _address((forwarded_for or "").rsplit(",", 1)[-1]) or address
    if address is None or address.is_loopback:
        return None
    return str(address) if address.version == 4 else str(ip_network((int(address), 64), strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a hop is named by, with or without a port."""
    named = re.fullmatch(r"\s*(?:\[(?P<six>[^]]+)\]|(?P<four>[0-9.]+))(?::[0-9]+)?\s*", text)
    try:
        address = ip_address((named["six"] or named["four"] if named else text.strip()).partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address


def _applied(event: Event, answer: str) -> str:
    match event.kind:
        case "token":
            return answer + str(loads(event.data)["token"])
        case "rewind":
            return cut(answer, loads(event.data)["length"])
    return answer


def _data(value: dict[str, str]) -> bytes:
    return b"data: " + json_line(value).encode("ascii") + b"\n\n"


def _path(question: Question) -> str:
    return f"/stream/{question.id}"
