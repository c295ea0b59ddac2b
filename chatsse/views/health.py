"""For load balancers and whoever looks after the server."""

from flask import Blueprint, Response, jsonify

from chatsse.connections import SharedLine


def health(commands: SharedLine) -> Blueprint:
    """Return `/healthz` (the process answers) and `/readyz` (Redis does, too)."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @views.get("/readyz")
    def readyz() -> Response:
        commands.execute(("PING",))
        return jsonify(status="ok")

    return views
