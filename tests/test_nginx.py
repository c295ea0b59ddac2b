"""Behind a real nginx, set up as its manual begins: `proxy_pass`, and nothing about buffering."""

import http.client
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from client import Reader, ask, call
from processes import App, Process, free_port
from standin import StandIn, Wait

# What nginx would write to places of its package goes to the test's folder; the rest is as it comes.
CONFIG = """
{user}
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
        }}
    }}
}}
"""


class Nginx(Process):
    """nginx in front of `upstream`."""

    def __init__(self, program: str, upstream: str, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Its workers would become `nobody`, who may not enter the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        config = directory / "nginx.conf"
        config.write_text(CONFIG.format(user=user, port=self.port, upstream=upstream))
        options = ["-p", str(directory), "-c", str(config), "-e", "stderr", "-g", "daemon off;"]
        super().__init__([program, *options], directory / "nginx.log")

    def answers(self) -> bool:
        try:
            return call("GET", f"{self.url}/healthz").status == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def nginx(app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not program:
        assert not os.environ.get("CI"), "no nginx, neither on the PATH nor in /usr/sbin"
        pytest.skip("no nginx, neither on the PATH nor in /usr/sbin")
    with Nginx(program, app.url, tmp_path_factory.mktemp("nginx")) as nginx:
        yield nginx


def test_a_token_comes_through_while_the_model_is_still_silent_about_the_next(
    nginx: Nginx, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["first", Wait(gate), " second"])
    reader = Reader(nginx.url + ask(nginx.url, word)["stream"]).read(until="first")
    assert reader.text == "first"
    gate.set()
    assert reader.read().text == "first second"
    assert call("GET", reader.url, headers={"Last-Event-ID": reader.last_id}).status == 204


def test_a_fetch_reader_has_its_first_token_through_it_too(
    nginx: Nginx, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["first", Wait(gate), " second"])
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30)
    body = json.dumps({"prompt": word})
    connection.request("POST", "/chat/stream", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    while (line := response.readline()) and not line.startswith(b"data:"):
        pass
    assert line == b'data: {"token": "first"}\n'
    gate.set()
    assert b"[DONE]" in response.read()
    connection.close()
