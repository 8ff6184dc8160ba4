"""Who is in which groups is what this machine says of its users at that moment."""

import grp
import pwd
import subprocess

import pytest

from herdbook.server.settings import groups_of

USERS = sorted({each.pw_name for each in pwd.getpwall()})
MEMBERS = sorted({(name, each.gr_name) for each in grp.getgrall() for name in each.gr_mem})
"""Users with the groups that name them beside their own one."""


@pytest.mark.parametrize("user", USERS)
def test_a_user_is_in_the_groups_that_the_machine_tells(user: str) -> None:
    told = subprocess.run(["id", "-Gn", "--zero", user], capture_output=True, check=True)
    assert groups_of(user) == set(told.stdout.decode().rstrip("\0").split("\0"))


@pytest.mark.parametrize("user", USERS)
def test_a_user_is_in_their_own_group(user: str) -> None:
    assert grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name in groups_of(user)


@pytest.mark.parametrize(("user", "group"), MEMBERS)
def test_a_user_is_in_every_group_that_names_them(user: str, group: str) -> None:
    assert user not in USERS or group in groups_of(user)


@pytest.mark.parametrize("user", ["", "nobody knows them", "user 4711", "0", "root\n"])
def test_whom_the_machine_does_not_know_is_in_none(user: str) -> None:
    """Neither who has but a number, as in containers: it is no name."""
    assert groups_of(user) == frozenset()
