"""Works out which process an existing image runs, in the terms of its own root."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from herdbook.builds.placing import resolve
from herdbook.core.errors import InvalidInputError
from herdbook.images.base_config import BaseConfig
from herdbook.images.documents import Process
from herdbook.layers.tree import Kind, Tree

_EXECUTABLE = 0o111


def base_process(config: BaseConfig, root: Tree, passwd: str, group: str) -> Process:
    """Return the process with its program's full path, and its user and group by number.

    `passwd` and `group` are the texts of the image's account files (passwd(5), group(5)). Raises
    InvalidInputError where they lack a name that the configuration uses.
    """
    environment = dict(config.environment or {})
    user_id, group_id = _identity(config.user, passwd, group)
    return Process(
        command=_absolute(config, environment.get("PATH", ""), root),
        environment=environment,
        ports=config.ports,
        user_id=user_id,
        group_id=group_id,
        directory=config.directory,
        health_path=config.health_path,
    )


def _absolute(config: BaseConfig, path: str, root: Tree) -> tuple[str, ...]:
    """Return the command with the full path of its program, or as it is where there is none."""
    if not config.command:
        return ()
    name, *arguments = config.command
    folders = path.split(":") if "/" not in name else [config.directory]
    for folder in folders:
        full = str(PurePosixPath("/", folder, name))
        entry = root.get(resolve(root, full.lstrip("/")))
        if entry and entry.kind in (Kind.FILE, Kind.HARDLINK) and entry.mode & _EXECUTABLE:
            return (full, *arguments)
    return (name, *arguments)


def _identity(user: str, passwd: str, group: str) -> tuple[int, int]:
    """Return the numbers of `USER` or `USER:GROUP`, each a name or a number; no user is root."""
    name, _, group_name = user.partition(":")
    user_id, group_id = _user(name or "0", passwd)
    return user_id, _group(group_name, group) if group_name else group_id


def _user(name: str, passwd: str) -> tuple[int, int]:
    for found, _, user_id, group_id, *_ in _lines(passwd, numbers=slice(2, 4)):
        if name in (found, user_id):
            return int(user_id), int(group_id)
    if name.isdecimal():
        return int(name), 0
    raise _unknown("user", name)


def _group(name: str, group: str) -> int:
    for found, _, group_id, *_ in _lines(group, numbers=slice(2, 3)):
        if name in (found, group_id):
            return int(group_id)
    if name.isdecimal():
        return int(name)
    raise _unknown("group", name)


def _lines(text: str, numbers: slice) -> Iterator[list[str]]:
    """Yield the fields of each account's line, without lines that are none."""
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= numbers.stop and all(each.isdecimal() for each in fields[numbers]):
            yield fields


def _unknown(kind: str, name: str) -> InvalidInputError:
    return InvalidInputError(
        f"The image's configuration names a {kind} {name!r} that the image does not have",
        hint="It does not start as it is. Use another image, or have that one mended.",
    )
