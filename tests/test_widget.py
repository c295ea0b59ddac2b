"""The widget's files, over HTTP."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from client import Reply, call
from processes import TREE, App

SCRIPTS = [
    "panel.js",
    *(f"words/{path.name}" for path in sorted((TREE / "static/widget/words").iterdir())),
]
NODE = shutil.which("node")
ELSEWHERE = {"Origin": "https://any.example"}


def home(app: App) -> str:
    """Return where the loader looks for the modules."""
    (path,) = re.findall(rb'"(widget/[0-9a-f]{12}/)"', call("GET", app.url + "/widget.js").body)
    return f"{app.url}/{path.decode()}"


def served(app: App, name: str) -> Reply:
    return call("GET", app.url + "/widget.js" if name == "widget.js" else home(app) + name, headers=ELSEWHERE)


@pytest.mark.parametrize("name", ["widget.js", *SCRIPTS])
def test_a_file_of_the_widget_is_for_the_pages_of_all_sites(app: App, name: str) -> None:
    reply = served(app, name)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert "Set-Cookie" not in reply.headers


def test_the_loader_is_asked_for_again_soon_and_not_sent_again(app: App) -> None:
    first = call("GET", app.url + "/widget.js")
    assert re.search(r"max-age=\d{2,3}\b", first.headers["Cache-Control"])
    again = call("GET", app.url + "/widget.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_of_this_version_is_kept_for_ever_and_one_of_another_is_not(app: App, name: str) -> None:
    assert "immutable" in served(app, name).headers["Cache-Control"]
    other = call("GET", f"{app.url}/widget/0123456789ab/{name}")
    assert (other.status, other.headers["Cache-Control"]) == (200, "no-cache")
    assert other.body == served(app, name).body


@pytest.mark.parametrize("name", ["widget.js", *SCRIPTS])
def test_a_file_is_sent_compressed_to_whoever_takes_that(app: App, name: str) -> None:
    address = app.url + "/widget.js" if name == "widget.js" else home(app) + name
    plain, zipped = call("GET", address), call("GET", address, headers={"Accept-Encoding": "br, gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize(
    "name", ["none.js", "chat.js", "../widget.js", "%2e%2e/widget.js", "../../setup.cfg", ""]
)
def test_there_are_no_other_files(app: App, name: str) -> None:
    assert call("GET", home(app) + name).status == 404


@pytest.mark.skipif(not NODE and not os.environ.get("CI"), reason="Node.js is not installed")
@pytest.mark.parametrize("name", ["widget.js", *SCRIPTS])
def test_what_is_sent_is_a_script(app: App, name: str, tmp_path: Path) -> None:
    path = tmp_path / "sent.mjs"
    path.write_bytes(served(app, name).body)
    subprocess.run([NODE or "node", "--check", path], check=True)


def test_before_the_first_click_at_most_5_kb_are_sent_and_at_most_25_in_all(app: App) -> None:
    sent = {
        name: len(call("GET", address, headers={"Accept-Encoding": "gzip"}).body)
        for name, address in {
            "widget.js": app.url + "/widget.js",
            **{name: home(app) + name for name in SCRIPTS},
        }.items()
    }
    # A visitor has one language.
    languages = [size for name, size in sent.items() if name.startswith("words/")]
    assert sent["widget.js"] <= 5 * 1024
    assert sum(sent.values()) - sum(languages) + max(languages) <= 25 * 1024, sent
