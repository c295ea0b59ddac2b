"""Reading an answer, as Server-Sent Events or as JSON, and stopping it."""

import random

from flask import Blueprint, Response, jsonify, request
from gevent import Timeout
from werkzeug.wsgi import ClosingIterator

from chatsse.errors import BadRequest, NotFound, RedisAway
from chatsse.event import PING, EventId, as_json, decode, join
from chatsse.hub import Hub
from chatsse.questions import Questions
from chatsse.reader import Reader
from chatsse.views.asked import ID, cursor

RETRY_MS = 1500
# Readers that are dismissed come back at different moments. Firefox waits half a second in any case.
RETRY_SOON_MS = (500, 2000)
MAX_WAIT_S = 25
HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


def stream(hub: Hub, questions: Questions) -> Blueprint:
    """Return `/stream/<id>`."""
    views = Blueprint("stream", __name__)

    @views.get("/stream/<answer_id>")
    def read(answer_id: str) -> Response:
        _check(answer_id)
        accepted = request.accept_mimetypes.best_match(["text/event-stream", "application/json"])
        if accepted == "application/json":
            return _json(hub, answer_id, cursor(request), _wait_s())
        return _events(hub, answer_id, cursor(request))

    @views.delete("/stream/<answer_id>")
    def stop(answer_id: str) -> Response:
        _check(answer_id)
        return Response(status=202 if questions.stop(answer_id) else 204)

    views.after_request(keep_out_of_caches)
    return views


def keep_out_of_caches(response: Response) -> Response:
    """Return the response, not to be stored unless it says otherwise."""
    response.headers.setdefault("Cache-Control", HEADERS["Cache-Control"])
    return response


def event_stream(body: Reader | ClosingIterator) -> Response:
    """Return the response whose body comes piece by piece, and is closed at its end."""
    # Passed through, the body meets the server without werkzeug's layers around it: at a thousand streams
    # each of them costs.
    return Response(body, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


def catch_up(reader: Reader) -> bytes:
    """Return what the reader missed, nothing where Redis is away: it then catches up in the response.

    :raises NotFound: the reader is given back
    """
    try:
        return reader.catch_up()
    except RedisAway:
        return b""
    except BaseException:
        reader.close()
        raise


def _events(hub: Hub, answer_id: str, after: EventId) -> Response:
    reader = hub.read(answer_id, after)
    missed = catch_up(reader)
    if reader.has_ended and not missed:
        reader.close()
        return Response(status=204)
    if request.method == "HEAD":
        reader.close()
    reader.first = _retry(RETRY_MS) + missed
    reader.last = _retry(random.randint(*RETRY_SOON_MS))
    return event_stream(reader)


def _retry(ms: int) -> bytes:
    return b"retry: %d\n\n" % ms


def _json(hub: Hub, answer_id: str, after: EventId, wait_s: float) -> Response:
    reader = hub.read(answer_id, after)
    try:
        frames = reader.catch_up()
        if not (frames or reader.has_ended) and wait_s:
            frames = _first(reader, wait_s)
        events = [as_json(event) for event in join(decode(frames))]
        return jsonify(events=events, cursor=str(reader.cursor), ended=reader.has_ended)
    finally:
        reader.close()


def _first(reader: Reader, wait_s: float) -> bytes:
    with Timeout(wait_s, False):
        return next((frames for frames in reader if frames != PING), b"")
    return b""


def _wait_s() -> float:
    wait = request.args.get("wait", "0")
    if not (wait.isascii() and wait.isdigit() and len(wait) < 10):
        raise BadRequest("wait_invalid", "wait must be a whole number of seconds.")
    return min(int(wait), MAX_WAIT_S)


def _check(answer_id: str) -> None:
    if not ID.fullmatch(answer_id):
        raise NotFound
