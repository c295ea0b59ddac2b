"""The wheel, built from the tree and installed elsewhere, serves what the tree serves."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("chatsse", "static", "templates")


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    # A copy, for a build leaves its own folders behind.
    tree = tmp_path_factory.mktemp("tree")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    # With the setuptools that is installed: no network.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "-w", tree / "dist", tree], check=True)
    [wheel] = (tree / "dist").glob("chatsse-*.whl")
    return wheel


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel, its dependencies lent by the one that runs the tests."""
    environment = tmp_path_factory.mktemp("installed")
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "-q", "--no-deps", wheel], check=True)
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts a command in a folder of its own and returns its address."""
    processes = []

    def start(name, command, **changes):
        (tmp_path / name).mkdir()
        log = tmp_path / name / "log"
        ours = re.compile("CHATSSE_|ANTHROPIC_|REDIS_URL$|PORT$|PYTHONPATH$|GUNICORN_")
        env = {name: value for name, value in os.environ.items() if not ours.match(name)}
        env |= {"GUNICORN_CMD_ARGS": "--bind 127.0.0.1:0", **changes}
        with log.open("wb") as output:
            processes.append(
                subprocess.Popen(command, cwd=tmp_path / name, env=env, stdout=output, stderr=output)
            )
        return wait_for(lambda: re.findall(r"Listening at: (http://\S+)", log.read_text()))[0]

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait()


def test_the_wheel_holds_every_file_of_the_tree(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package, static, templates = (files(ROOT / name) for name in FOLDERS)
    assert held == {f"chatsse/{name}" for name in package} | {
        *(f"chatsse/static/{name}" for name in static),
        *(f"chatsse/templates/{name}" for name in templates),
    }


def test_an_installed_wheel_serves_what_the_tree_serves(installed, serve):
    elsewhere = serve("elsewhere", [installed / "chatsse", "run"])
    here = serve("here", [sys.executable, "-m", "chatsse.cli", "run"], PYTHONPATH=str(ROOT))
    for path in ("/", *(f"/static/{name}" for name in sorted(files(ROOT / "static")))):
        with urllib.request.urlopen(elsewhere + path) as got, urllib.request.urlopen(here + path) as expected:
            assert got.read() == expected.read(), path
            assert got.headers["Content-Type"] == expected.headers["Content-Type"]


def test_an_installed_wheel_uses_its_own_files(installed, tmp_path):
    told = "from chatsse.assets import *; print(static_dir()); print(templates_dir())"
    python = [installed / "python", "-c", told]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    lines = subprocess.check_output(python, cwd=tmp_path, env=env, text=True).splitlines()
    assert all(Path(line).is_relative_to(installed.parent) and Path(line).is_dir() for line in lines)
    assert len(lines) == 2
