"""Says to a machine what its service does otherwise than its image says, for one start.

The initrd lays it beside the image's own unit (init.sh), so that images know nothing of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError
from herdbook.core.signals import signal_number
from herdbook.disks import quoting

SETTINGS_NAME = "herdbook.service.conf"
"""What is added to the service's unit (systemd.unit(5), "drop-in")."""

ARGUMENTS_NAME = "herdbook.arguments"
"""What stands behind the image's own program: as words that follow, then as a whole line."""

DIRECTORY_NAME = "herdbook.directory"
"""Where the service starts; it is made if it is not there."""

STOP_LIMIT_SECONDS = 30
"""How long the service of an image may take to end, unless it is told otherwise."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NO_NUMBERS = {0xFFFF, 0xFFFFFFFF}
"""What stands for nobody in 16 and in 32 bits (systemd: docs/UIDS-GIDS.md)."""


@dataclass(frozen=True)
class ServiceChanges:
    """What differs from the image's service; what is None or empty does not.

    `command` takes the place of all that the image runs; `arguments` follow its own program, or
    are the command where it has none. `user` is a user, or a user and a group after a colon, each
    a name that the image has or any number. `directory` is absolute. `stop_signal` is named as
    in `core.signals`. `stop_limit_seconds` is how long it may take to end, where the image's own
    limit would be too short.
    """

    command: tuple[str, ...] | None = None
    arguments: tuple[str, ...] = ()
    user: str = ""
    directory: str = ""
    stop_signal: str = ""
    stop_limit_seconds: float = 0.0


def service_files(changes: ServiceChanges) -> Mapping[str, bytes]:
    """Return what lies on this start's disk for changes, by name; nothing for none.

    Raises InvalidInputError for what no unit can say.
    """
    settings: list[str] = []
    files: dict[str, str] = {}
    if changes.command is not None:
        settings += ["ExecStart=", f"ExecStart={quoting.found_command(changes.command)}"]
    elif changes.arguments:
        whole = quoting.found_command(changes.arguments)
        files[ARGUMENTS_NAME] = f"{quoting.words(changes.arguments)}\n{whole}\n"
    if changes.user:
        settings += _user(changes.user)
    if changes.directory:
        settings.append(f"WorkingDirectory={quoting.path(changes.directory)}")
        files[DIRECTORY_NAME] = f"{changes.directory}\n"
    if changes.stop_signal:
        # As in a container: one process is asked to end, and what is left after it is killed.
        settings += [f"KillSignal={_signal(changes.stop_signal)}", "KillMode=mixed"]
    if changes.stop_limit_seconds > STOP_LIMIT_SECONDS:
        settings.append(f"TimeoutStopSec={changes.stop_limit_seconds:g}")
    if settings or files:
        files[SETTINGS_NAME] = "".join(f"{line}\n" for line in ("[Service]", *settings))
    return {name: text.encode() for name, text in files.items()}


def _user(text: str) -> list[str]:
    user, colon, group = text.partition(":")
    found = [_account(each, text) for each in ((user, group) if colon else (user,))]
    # An empty setting takes back what the image says: the group is then the user's own.
    return [f"User={found[0]}", "Group=", *(f"Group={each}" for each in found[1:])]


def _account(name: str, text: str) -> str:
    number = int(name) if name.isdecimal() and name.isascii() else None
    if number is not None and number not in _NO_NUMBERS and number < max(_NO_NUMBERS):
        return str(number)
    if number is None and _NAME.fullmatch(name):
        return name
    raise InvalidInputError(
        f"{text!r} is no user that a machine's service can run as",
        hint="Write a user, or USER:GROUP, each a name or a number.",
    )


def _signal(name: str) -> int:
    number = signal_number(name)
    if number is None:
        raise InvalidInputError(
            f"{name!r} is not a signal", hint="Write it as in SIGQUIT, QUIT, 3 or SIGRTMIN+3."
        )
    return number
