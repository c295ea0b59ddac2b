"""Keeps the embedded Valkey running while a process of the app lives, and no longer.

Run as a script by `embedded.py`, on the standard library alone, so that it stays small:

    python keeper.py <valkey-server> <directory> <socket>

Who uses the server holds a shared `flock` on `users.lock` in the directory. The kernel lets go of it
when the last of them is gone, forked children included and whatever ended them, so there is nothing
to count and no process id to trust. The keeper stops the server once it can have that lock for itself,
and holds it until the server is down: who comes in between waits for it and starts another.

`keeper.lock` belongs to the keeper at work. A second one waits with the first for its server, and goes.

What keeps the server from running, if anything, is printed; then the output is closed.
"""

import ctypes
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
POLL_S = 0.1
RESTART_S = 1.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


def main(binary: str, directory: str, socket_path: str) -> None:
    """Leave the caller's process tree, then keep the server."""
    if os.fork():
        # The caller is rid of its child at once: nobody's SIGCHLD, nobody's zombie.
        os._exit(0)
    # A host that stops the app signals its every process; this one goes when the others have gone.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.chdir(directory)
    with open("users.lock", "ab") as users, open("keeper.lock", "ab") as keeper:
        if is_first(keeper.fileno(), users.fileno(), socket_path):
            keep(binary, socket_path, users.fileno())
        os._exit(0)


def is_first(keeper: int, users: int, socket_path: str) -> bool:
    """Return True with `keeper.lock` in hand, False when another keeper's server answers."""
    while not locked(keeper):
        if answers(socket_path) or locked(users):
            return False
        time.sleep(POLL_S)
    return True


def keep(binary: str, socket_path: str, users: int) -> None:
    """Run the server, again where it dies, until nobody uses it."""
    stop_orphan(socket_path)
    with open("valkey.log", "wb") as log:
        server = start(binary, socket_path, log.fileno())
        if problem := wait_for_answer(server, socket_path):
            os.write(1, problem.encode(errors="replace"))
        else:
            close_output()
            while not locked(users):
                time.sleep(POLL_S)
                if server.poll() is not None:
                    time.sleep(RESTART_S)
                    server = start(binary, socket_path, log.fileno())
        stop(server)


def wait_for_answer(server: "subprocess.Popen[bytes]", socket_path: str) -> str:
    """Return nothing once the server takes commands, or why it does not."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(socket_path):
        if server.poll() is not None:
            return last_words(server.returncode)
        if time.monotonic() > deadline:
            return "it does not answer; valkey.log there may say why"
        time.sleep(POLL_S / 5)
    return ""


def start(binary: str, socket_path: str, log: int) -> "subprocess.Popen[bytes]":
    """Return a server that keeps what it is told in the current directory, reached by its socket only."""
    options = {
        "port": "0",
        "unixsocket": socket_path,
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    keeper = os.getpid()
    return subprocess.Popen(
        [binary, *words],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        umask=0o077,
        preexec_fn=lambda: follow(keeper),
    )


def follow(keeper: int) -> None:
    """Have this process end with the keeper, should that be killed (Linux; elsewhere `stop_orphan`)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != keeper:
            os._exit(1)


def stop_orphan(socket_path: str) -> None:
    """Stop the server that a killed keeper has left behind: two must not write one file."""
    while ask(socket_path, b"SHUTDOWN\r\n") is not None:
        time.sleep(POLL_S)


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Have the server write what it holds and end."""
    server.terminate()
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def locked(file: int) -> bool:
    """Return whether this process has the file for itself, now or already."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def answers(socket_path: str) -> bool:
    """Return whether the server takes commands: while it reads its file it says `-LOADING`."""
    return (ask(socket_path, b"PING\r\n") or b"").startswith(b"+PONG")


def ask(socket_path: str, command: bytes) -> bytes | None:
    """Return the start of the server's answer, None where nobody listens."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(socket_path)
            connection.sendall(command)
            return connection.recv(64)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:
            return b""


def close_output() -> None:
    """Tell the caller, who reads until the end, that all is well."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)


def last_words(status: int) -> str:
    """Return the last line that the server wrote, without its time and process id."""
    with open("valkey.log", encoding="utf-8", errors="replace") as log:
        lines = [line.strip() for line in log if line.strip()]
    return re.split(r" [#*] ", lines[-1], maxsplit=1)[-1] if lines else f"it ended with status {status}"


if __name__ == "__main__":
    main(*sys.argv[1:])
