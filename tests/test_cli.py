"""The commands, as processes that a person or a host starts, signals and kills."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).resolve().parent.parent
RUN = (sys.executable, "-m", "chatsse.cli", "run")
WORKER = (sys.executable, "-m", "chatsse.cli", "worker")
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app")


def environment(**changes):
    ours = re.compile("CHATSSE_|ANTHROPIC_|REDIS_URL$|PORT$|WEB_CONCURRENCY$|GUNICORN_")
    env = {name: value for name, value in os.environ.items() if not ours.match(name)}
    return {**env, "PYTHONPATH": str(ROOT), "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:0", **changes}


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def is_gone(pid):
    # A zombie is: who reaps it is not ours to say.
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return status.strip()[:1] in ("", "Z")


class Program:
    """A command in a directory of its own, and what it has logged."""

    def __init__(self, directory, command, **changes):
        self.directory = directory
        self.path = directory / f"{command[-1]}.log"
        with self.path.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment(**changes),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self):
        return self.path.read_text()

    def is_stopped(self):
        return self.process.poll() is not None

    def exit_status(self):
        wait_for(self.is_stopped)
        return self.process.returncode

    def logged(self, pattern):
        def find():
            assert not self.is_stopped(), self.log
            return re.findall(pattern, self.log)

        return wait_for(find)

    @property
    def address(self):
        return self.logged(r"Listening at: http://(127\.0\.0\.1:\d+)")[0]

    def workers(self):
        return [int(pid) for pid in self.logged(r"Booting worker with pid: (\d+)")]

    def valkey(self):
        self.logged("Booting worker")
        url = f"unix://{self.directory.resolve()}/var/valkey.sock"
        return redis.Redis.from_url(url).info("server")["process_id"]

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as response:
            return response.read().decode()


@pytest.fixture
def start(tmp_path):
    programs = []

    def start(command=RUN, directory=tmp_path, **changes):
        programs.append(Program(directory, command, **changes))
        return programs[-1]

    yield start
    for program in programs:
        if not program.is_stopped():
            os.killpg(program.process.pid, signal.SIGKILL)
            program.process.wait()


def said_by(command, **changes):
    told = subprocess.run(command, env=environment(**changes), capture_output=True, text=True, timeout=60)
    return told.returncode, told.stdout, told.stderr


def test_it_tells_its_version():
    status, told, _ = said_by([*RUN[:-1], "--version"])
    assert status == 0
    assert re.fullmatch(r"chatsse (\d+\.\d+\.\d+|\(not installed\))\n", told)


def test_without_a_command_it_tells_which_there_are():
    status, _, problem = said_by(RUN[:-1])
    assert status == 2
    assert "usage: chatsse" in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("WEB_CONCURRENCY", "many"),
        ("REDIS_URL", "http://:hunter2@localhost"),
        ("CHATSSE_ANSWERERS", "some"),
        ("CHATSSE_PROVIDER", "oracle"),
    ],
)
def test_run_refuses_a_bad_variable_in_one_line(name, value):
    status, _, problem = said_by(RUN, **{name: value})
    assert status == 2
    assert re.fullmatch(f"chatsse: {name}: .+\n", problem)
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("WEB_CONCURRENCY", "0"), ("CHATSSE_LEASE_S", "x")]
)
def test_plain_gunicorn_refuses_a_bad_variable_in_one_line(name, value):
    status, _, problem = said_by(GUNICORN, **{name: value})
    assert status == 2
    assert re.fullmatch(f"chatsse: {name}: .+\n", problem)


def test_a_worker_refuses_a_bad_variable_in_one_line():
    status, _, problem = said_by(WORKER, CHATSSE_LEASE_S="soon")
    assert status == 2
    assert re.fullmatch("chatsse: CHATSSE_LEASE_S: .+\n", problem)


@pytest.mark.parametrize("command", [RUN, GUNICORN, WORKER])
def test_an_embedded_server_that_can_not_start_ends_it_in_one_line(start, tmp_path, command):
    (tmp_path / "var").write_text("a file")
    program = start(command)
    assert program.exit_status() == 2
    assert re.search(
        r"^chatsse: REDIS_URL: .*File exists.*redis://localhost:6379$", program.log, re.MULTILINE
    )
    assert "Traceback" not in program.log


@pytest.mark.parametrize("command", [RUN, GUNICORN])
def test_it_serves_with_a_redis_of_its_own(start, command):
    program = start(command)
    assert "<html" in program.get("/")
    assert json.loads(program.get("/readyz")) == {"status": "ok"}


def test_it_tells_where_it_is_and_who_answers(start):
    [(who,)] = [start().logged(r"chatsse: http://localhost:8000, answers by (.+)")]
    assert who == "the demo (ANTHROPIC_API_KEY is not set)"


@pytest.mark.parametrize("command", [RUN, WORKER, GUNICORN])
def test_a_misspelt_setting_is_told(start, command):
    program = start(command, CHATSSE_ORIGIN="https://blog.example")
    assert program.logged("CHATSSE_ORIGIN is no setting; is CHATSSE_ORIGINS meant?")


def test_sigterm_ends_it_and_its_redis(start):
    program = start()
    program.get("/readyz")
    pids = [program.valkey(), *program.workers()]
    program.process.terminate()
    assert program.exit_status() == 0
    wait_for(lambda: all(map(is_gone, pids)))
    assert "Traceback" not in program.log


def test_ctrl_c_ends_it_and_its_redis(start):
    program = start()
    program.get("/readyz")
    pids = [program.valkey(), *program.workers()]
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.exit_status() == 0
    wait_for(lambda: all(map(is_gone, pids)))
    assert "Traceback" not in program.log


def test_kill_9_of_the_master_leaves_nothing_behind(start):
    program = start()
    program.get("/readyz")
    pids = [program.valkey(), *program.workers()]
    program.process.kill()
    wait_for(lambda: all(map(is_gone, pids)))


def test_kill_9_of_a_worker_leaves_redis_running(start):
    program = start()
    program.get("/readyz")
    valkey, [worker] = program.valkey(), program.workers()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: len(program.workers()) == 2)
    assert json.loads(program.get("/readyz")) == {"status": "ok"}
    assert program.valkey() == valkey


def test_a_kept_alive_connection_does_not_hold_up_sigterm(start):
    program = start()
    connection = http.client.HTTPConnection(program.address, timeout=60)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    program.process.terminate()
    assert program.exit_status() == 0
    # A worker that gunicorn has lost its patience with is killed, and does not get to say this.
    assert "Worker exiting" in program.log
    connection.close()


def test_hup_serves_the_code_as_it_lies_on_disk(start, tmp_path):
    for name in ("chatsse", "static", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    program = start(PYTHONPATH=str(tmp_path))
    assert "It is new." not in program.get("/")
    for page in (tmp_path / "templates").glob("*.html"):
        page.write_text(page.read_text().replace("</body>", "{{ news }}</body>"))
    with (tmp_path / "chatsse" / "views" / "blog.py").open("a") as code:
        code.write("\n\nblog_of_old = blog\n\n\n")
        code.write("def blog(*words, **named):\n    page = blog_of_old(*words, **named)\n")
        code.write("    page.app_context_processor(lambda: {'news': 'It is new.'})\n    return page\n")
    program.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "It is new." in program.get("/"))


def test_a_worker_answers_what_a_web_process_was_asked(start):
    web = start(CHATSSE_ANSWERERS="0")
    web.get("/readyz")
    worker = start(WORKER)
    asked = urllib.request.Request(
        f"http://{web.address}/chat",
        json.dumps({"prompt": "What is this blog about?"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as response:
        stream = json.load(response)["stream"]
    assert "event: done" in web.get(stream)
    worker.process.terminate()
    assert worker.exit_status() == 0
    assert "Traceback" not in worker.log
