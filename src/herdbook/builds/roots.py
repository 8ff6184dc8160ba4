"""Decides how a root is made: its skeleton, the order of packages, the commands for dpkg."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from herdbook.core.errors import InvalidInputError
from herdbook.packages.suites import Suite

DEBS_FOLDER = "/run/herdbook/debs"
"""Where the sandbox shows the kept packages."""

_FIRST = "base-passwd"
_MERGED = ("bin", "lib", "lib64", "sbin")
_DPKG = "dpkg --force-unsafe-io --log=/dev/null"
_PREPARE = r"""umask 022
mkdir -p /usr/sbin
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d"""
# invoke-rc.d asks policy-rc.d before it starts a service: 101 forbids it.
_SETTLE = r"""ldconfig
if test -x /usr/bin/python3.9; then
  find /usr -name '*.cpython-39.pyc' -newer /usr/sbin/policy-rc.d |
  sed 's,__pycache__/\([^/]*\)\.cpython-39\.pyc$,\1.py,' | LC_ALL=C sort |
  while read -r source; do ! test -e "$source" || echo "$source"; done |
  PYTHONHASHSEED=0 python3.9 -m py_compile -
fi"""
# What chance or the order of installation decided: not every package with a library triggers
# ldconfig, so what the last trigger left in its cache may lack some; and until 3.11 Python wrote
# sets of constants in the order of their hashes, which are random (bullseye's scripts forbid it
# to listen to PYTHONHASHSEED).


def make_skeleton(root: Path) -> None:
    """Make the links of a merged /usr, before any package could make folders of these names."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")


def install_script(
    stages: Sequence[Sequence[str]], files: Mapping[str, str], *, from_nothing: bool
) -> str:
    """Return the shell script that installs packages stage by stage.

    `files` maps a package's name to its file under DEBS_FOLDER. In an empty root the first stage
    holds what dpkg itself needs, so its order is forced; base-passwd goes first, because every
    other package's files belong to users that it makes.
    """
    if from_nothing and _FIRST not in files:
        raise InvalidInputError(
            f"The lock has no {_FIRST}, which every root begins with",
            hint="Locks are not edited by hand. Make it again: herdbook lock",
        )
    lines = [_PREPARE]
    for number, names in enumerate(stages):
        force = ""
        if from_nothing and number == 0:
            force = " --force-depends"
            lines.append(f"{_DPKG}{force} --install {_deb(files, _FIRST)}")
        debs = " ".join(_deb(files, name) for name in names)
        lines.append(f"{_DPKG}{force} --install {debs}")
    return "\n".join([*lines, _SETTLE, 'test -z "$(dpkg --audit)"', ""])


def install_environment(suite: Suite) -> dict[str, str]:
    """Return the environment maintainer scripts run in: no questions, no clock, no initramfs."""
    return {
        "DEBCONF_NONINTERACTIVE_SEEN": "true",
        "DEBIAN_FRONTEND": "noninteractive",
        "HOME": "/root",
        "INITRD": "No",  # Herdbook makes its own; update-initramfs takes most of a VM's build
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SOURCE_DATE_EPOCH": str(suite.epoch),
        "TZ": "UTC",
    }


def _deb(files: Mapping[str, str], name: str) -> str:
    return f"{DEBS_FOLDER}/{files[name]}"
