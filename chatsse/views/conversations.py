"""What was asked and answered: reading it, rating it, erasing it."""

from flask import Blueprint, Response, jsonify, request

from chatsse.errors import NotFound
from chatsse.questions import Questions
from chatsse.views.asked import ID, rated
from chatsse.views.stream import keep_out_of_caches


def conversations(questions: Questions) -> Blueprint:
    """Return `/conversations/<id>` and `/feedback`."""
    views = Blueprint("conversations", __name__)

    @views.get("/conversations/<conversation>")
    def turns(conversation: str) -> Response:
        return jsonify(turns=questions.conversation(_checked(conversation)))

    @views.delete("/conversations/<conversation>")
    def erase(conversation: str) -> Response:
        questions.erase(_checked(conversation))
        return Response(status=204)

    @views.post("/feedback")
    def rate() -> Response:
        questions.rate(*rated(request))
        return Response(status=204)

    views.after_request(keep_out_of_caches)
    return views


def _checked(conversation: str) -> str:
    if not ID.fullmatch(conversation):
        raise NotFound
    return conversation
