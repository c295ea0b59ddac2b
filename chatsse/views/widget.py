"""The widget's files, for the pages of any site.

A blog names `/widget.js` alone, which its visitors' browsers ask for again after some minutes. It is told
where the rest is, `/widget/<version>/`, the version being a digest of it all: so that can be kept for ever,
and a new deploy is picked up as a whole.
"""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, request

from chatsse.bundle import bundle, lean
from chatsse.errors import NotFound

# Where the loader looks for the rest when nobody has told it: there it is always the newest.
UNVERSIONED = b'"widget/current/"'
LOADER_AGE = "public, max-age=300, stale-while-revalidate=86400"
FOR_EVER = "public, max-age=31536000, immutable"
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    # A page that isolates itself (COEP) goes without the widget otherwise.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Script:
    """A file as it is sent."""

    plain: bytes
    zipped: bytes
    etag: str

    @classmethod
    def of(cls, text: bytes) -> "Script":
        """Return the file of this text."""
        # Not every host compresses, and the widget is to be small on all of them.
        return cls(text, gzip.compress(text, mtime=0), sha256(text).hexdigest()[:16])


def widget(static: Path) -> Blueprint:
    """Return `/widget.js` and `/widget/<version>/<file>`, as the files are now."""
    views = Blueprint("widget", __name__)
    folder = static / "widget"
    texts = {f"words/{path.name}": lean(path.read_bytes()) for path in sorted(folder.glob("words/*.js"))}
    texts["panel.js"] = bundle(folder, "panel")
    version = sha256(b"\0".join(texts.values())).hexdigest()[:12]
    scripts = {name: Script.of(text) for name, text in texts.items()}
    loader = lean((static / "widget.js").read_bytes())
    loader_of_version = Script.of(loader.replace(UNVERSIONED, f'"widget/{version}/"'.encode()))

    @views.get("/widget.js")
    def load() -> Response:
        return _response(loader_of_version, LOADER_AGE)

    @views.get("/widget/<asked>/<path:name>")
    def module(asked: str, name: str) -> Response:
        if name not in scripts:
            raise NotFound
        # While a deploy is under way, a process may be asked for the other version: that must not be kept.
        return _response(scripts[name], FOR_EVER if asked == version else "no-cache")

    return views


def _response(script: Script, age: str) -> Response:
    zips = request.accept_encodings["gzip"] > 0
    response = Response(script.zipped if zips else script.plain, mimetype="text/javascript", headers=HEADERS)
    response.headers["Cache-Control"] = age
    response.vary.add("Accept-Encoding")
    if zips:
        response.content_encoding = "gzip"
    # One tag each for the two forms.
    response.set_etag(script.etag + ("-gzip" if zips else ""))
    response.make_conditional(request)
    return response
