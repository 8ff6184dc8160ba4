"""Adds the recipe's user to the account files, the same way in every variant."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from herdbook.core.errors import ConflictError

USER_ID = 10_000
"""The id of the user a recipe may add, if it is free: above Debian's ranges for all others."""

ACCOUNT_FILES = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow")
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Account:
    """Who the service runs as; `own_group` is whether the account files give it that group."""

    name: str
    user_id: int
    group_id: int
    own_group: bool = True


ROOT = Account("root", 0, 0)


def account_in(passwd: str, name: str) -> Account | None:
    """Return a user that the packages made already (passwd(5)), or None."""
    for line in passwd.splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return Account(name, int(fields[2]), int(fields[3]))
    return None


def numbered(passwd: str, user_id: int, group_id: int) -> Account:
    """Return the account of a user and a group that an image names by number alone."""
    own = {tuple(line.split(":")[2:4]) for line in passwd.splitlines()}
    return Account(f"{user_id}", user_id, group_id, (f"{user_id}", f"{group_id}") in own)


def add_account(files: Mapping[str, str], name: str, epoch: int) -> tuple[Account, dict[str, str]]:
    """Return the account and the changed files (passwd(5), group(5), shadow(5), gshadow(5)).

    `files` holds the account files by path. A user whom the packages made keeps the id they gave;
    then nothing is changed. Raises ConflictError where the name is taken by a group alone.
    """
    if account := account_in(files["etc/passwd"], name):
        return account, {}
    if any(line.startswith(f"{name}:") for line in files["etc/group"].splitlines()):
        raise ConflictError(
            f"The packages make a group {name!r} but no such user",
            hint="Choose another name for `user`.",
        )
    number = _free_id(files["etc/passwd"], files["etc/group"])
    lines = {
        "etc/passwd": f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n",
        "etc/group": f"{name}:x:{number}:\n",
        "etc/shadow": f"{name}:!:{epoch // _DAY_SECONDS}:0:99999:7:::\n",
        "etc/gshadow": f"{name}:!::\n",
    }
    changed = {
        path: files[path] + ("" if files[path].endswith("\n") else "\n") + lines[path]
        for path in ACCOUNT_FILES
        if path in files
    }
    return Account(name, number, number), changed


def _free_id(passwd: str, group: str) -> int:
    """Return the first id from USER_ID on that no user and no group has: one below may."""
    lines = [line.split(":") for line in (*passwd.splitlines(), *group.splitlines())]
    taken = {fields[2] for fields in lines if len(fields) > 2}  # noqa: PLR2004 - the id's place
    return next(number for number in count(USER_ID) if str(number) not in taken)
