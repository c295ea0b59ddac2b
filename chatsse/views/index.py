"""The publish hook: an owner's site asks for the blog to be read again."""

import hmac

from flask import Blueprint, Response, jsonify, request

from chatsse.errors import BadRequest, NotFound
from chatsse.knowledge.editions import Editions


def index(editions: Editions, token: str | None, *, has_content: bool) -> Blueprint:
    """Return `/index`.

    :param token: what who asks must know; None: nobody may ask
    :param has_content: whether there is anything to read
    """
    views = Blueprint("index", __name__)

    @views.post("/index")
    def read_again() -> tuple[Response, int]:
        if token is None:
            raise NotFound
        scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(sent.strip().encode(), token.encode()):
            raise BadRequest("token_wrong", "Send the server's CHATSSE_INDEX_TOKEN as a bearer token.", 401)
        if not has_content:
            raise BadRequest("content_missing", "CHATSSE_CONTENT is not set: there is nothing to read.", 409)
        editions.want()
        return jsonify(status="accepted"), 202

    return views
