"""What holds for every request: whose pages may ask, how large a body may be, how errors look."""

import logging

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from chatsse.config import Config
from chatsse.errors import BadRequest, ChatsseError

log = logging.getLogger(__name__)

# JSON may spend twelve bytes on a character (\\uXXXX\\uXXXX); the rest is for the other fields.
BYTES_PER_CHAR = 12
OTHER_BYTES = 16 * 1024
# Of so many sites the log says that they were refused, each once.
MOST_NAMED = 100
CORS_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}


def guard_origins(app: Flask, config: Config) -> None:
    """Have the app answer the pages that may embed it, and no others."""
    named: set[str] = set()

    @app.before_request
    def check_origin() -> Response | None:
        origin = request.headers.get("Origin")
        if origin and not _may_ask(origin) and request.method not in ("GET", "HEAD"):
            # The page is not told, as its browser keeps the reply to itself.
            if origin not in named and len(named) < MOST_NAMED:
                named.add(origin)
                log.warning("refused the pages of %r, which CHATSSE_ORIGINS does not name", origin)
            raise BadRequest("origin_not_allowed", f"This chat is not for pages of {origin}.", 403)
        if request.method == "OPTIONS" and origin:
            return Response(status=204, headers=CORS_HEADERS)
        return None

    @app.after_request
    def allow_origin(response: Response) -> Response:
        if "Access-Control-Allow-Origin" in response.headers:  # It is for the pages of all sites.
            return response
        origin = request.headers.get("Origin")
        response.vary.add("Origin")
        if origin and _may_ask(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Chatsse-Stream, Retry-After"
        return response

    def _may_ask(origin: str) -> bool:
        # The browser's own word counts too: a proxy may have changed the Host.
        own = (
            origin.partition("://")[2] == request.host
            or request.headers.get("Sec-Fetch-Site") == "same-origin"
        )
        return own or "*" in config.origins or origin.lower() in config.origins


def guard_bodies(app: Flask, config: Config) -> None:
    """Have the app refuse bodies that no question can fill."""
    app.config["MAX_CONTENT_LENGTH"] = config.max_prompt_chars * BYTES_PER_CHAR + OTHER_BYTES


def shape_errors(app: Flask) -> None:
    """Have every error leave in the one form, and nothing of its insides."""

    @app.errorhandler(ChatsseError)
    def known(error: ChatsseError) -> tuple[Response, int]:
        if error.status >= 500:
            log.warning("%s %s: %r", request.method, request.path, error.__cause__ or error)
        return _error(error.code, error.message, error.status, getattr(error, "retry_after_s", None))

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> tuple[Response, int]:
        limit = app.config["MAX_CONTENT_LENGTH"]
        return _error("body_too_large", f"The body is larger than {limit} bytes.", 413)

    @app.errorhandler(ParseException)
    def garbled(_: ParseException) -> tuple[Response, int]:
        return _error("bad_request", "The body is not in the form that HTTP has for it.", 400)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[Response, int]:
        name = error.name.lower().replace(" ", "_")
        response, status = _error(name, error.description or error.name, error.code or 500)
        # Such as Allow, with a method that is not allowed.
        response.headers.extend(h for h in error.get_headers() if h[0] != "Content-Type")
        return response, status

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> tuple[Response, int]:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        return _error(ChatsseError.code, ChatsseError.message, ChatsseError.status)


def _error(code: str, message: str, status: int, retry_after_s: int | None = None) -> tuple[Response, int]:
    response = jsonify(error={"code": code, "message": message})
    response.headers["Cache-Control"] = "no-store"
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response, status
