"""For load balancers and whoever looks after the server."""

from flask import Blueprint, Response, jsonify

from chatsse.connections import SharedLine


def health(commands: SharedLine) -> Blueprint:
    """Return `/healthz` (the process answers) and `/readyz` (Redis takes what is asked, too)."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @views.get("/readyz")
    def readyz() -> Response:
        # A write: a full server, or a replica, answers a PING and takes no question.
        commands.execute(("SET", "chatsse:ready", 1, "EX", 60))
        return jsonify(status="ok")

    return views
