"""Has Podman on this machine accept the registry view over plain HTTP, by a file of its own.

Podman asks for TLS even of this machine itself. Source: containers-registries.conf.d(5).
"""

import os
from pathlib import Path

from herdbook.core.errors import MissingToolError
from herdbook.core.whole_files import write_whole

_ROOTS = Path("/etc/containers/registries.conf.d")
_USERS = Path(".config/containers/registries.conf.d")
_READABLE = 0o644


def trust_file(port: int) -> Path:
    """Return the file that says so: of all users where root asks, else of this user."""
    folder = _ROOTS if os.geteuid() == 0 else Path.home() / _USERS
    return folder / f"herdbook-{port}.conf"


def trust(port: int) -> bool:
    """Have `localhost:PORT` and `127.0.0.1:PORT` accepted; tell whether they were not before.

    Raises MissingToolError where the file cannot be written.
    """
    path, text = trust_file(port), _text(port)
    if is_trusted(port):
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text, _READABLE)
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


def distrust(port: int) -> bool:
    """Take that back; tell whether there was anything to take back."""
    path = trust_file(port)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


def is_trusted(port: int) -> bool:
    """Tell whether that is so by our own file; what others have written is not looked at."""
    try:
        return trust_file(port).read_bytes() == _text(port)
    except OSError:
        return False


def _text(port: int) -> bytes:
    places = "".join(
        f'\n[[registry]]\nlocation = "{host}:{port}"\ninsecure = true\n'
        for host in ("localhost", "127.0.0.1")
    )
    return f"# Written by: herdbook registry trust. Taken away by: --remove\n{places}".encode()


def _unwritable(path: Path, error: OSError) -> MissingToolError:
    return MissingToolError(
        f"{path} cannot be written: {error.strerror}",
        hint="Run the same command with sudo, or as the user who runs Podman.",
    )
