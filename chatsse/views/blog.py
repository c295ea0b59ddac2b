"""The sample blog's pages, and the page where an owner tries the chat."""

import re
from collections.abc import Sequence
from pathlib import Path

from flask import Blueprint, Response, render_template

from chatsse.config import folder_and_address
from chatsse.knowledge.sample import Sample

# `require-trusted-types-for`: the browser itself refuses `innerHTML`, so that nothing a model says
# can become markup.
_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'"
)

# What content that is these very pages ends with.
_OWN = "=/posts"
# Without a password and a query: a feed for members has its key in there.
_KEYS = re.compile(r"(?<=://)[^/?#]*@|[?#].*", re.DOTALL)
_LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
    "ja": "日本語",
    "zh": "中文",
    "ar": "العربية",
}


def blog(sample: Sample, content: Sequence[str], *, is_demo: bool) -> Blueprint:
    """Return the pages of `sample`, `/` and `/posts/<slug>`, and `/widget`.

    :param content: what the chat answers from, as the owner named it
    :param is_demo: whether without any it answers from these pages
    """
    pages = Blueprint("blog", __name__)
    posts = {post.slug: post for post in sample.posts}

    @pages.get("/")
    def home() -> str:
        return render_template("home.html", posts=sample.posts)

    @pages.get("/posts/<slug>")
    def post(slug: str) -> str | tuple[str, int]:
        if slug not in posts:
            return render_template("not_found.html", posts=sample.posts), 404
        return render_template("post.html", post=posts[slug], posts=sample.posts)

    @pages.get("/widget")
    def knobs() -> str:
        return render_template("widget.html", posts=sample.posts, languages=_LANGUAGES)

    @pages.context_processor
    def variables() -> dict[str, str | bool]:
        is_sample = any(word.endswith(_OWN) for word in content)
        return {
            "content": "" if is_sample else ", ".join(map(_named, content)),
            "is_demo": is_demo or is_sample,
        }

    @pages.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        return response

    return pages


def _named(word: str) -> str:
    """Return what a visitor may know of where content is: no path on the server's disk, no key."""
    if re.match("https?://", word, re.IGNORECASE):
        return _KEYS.sub("", word)
    folder, address = folder_and_address(word)
    return _KEYS.sub("", address) if address else Path(folder).name or "its folder"
