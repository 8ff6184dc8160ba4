"""What a freshly configured root holds that says more about the build than about the image."""

import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from herdbook.builds import key_stores

VOLATILE = (
    # logs of the installation
    "var/log/alternatives.log",
    "var/log/apt/*",
    "var/log/bootstrap.log",
    "var/log/dpkg.log",
    # caches that are made again when needed
    "var/cache/apt/*.bin",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    # dpkg's, shadow's and ucf's copies of the state before the last change, and locks
    "etc/.pwd.lock",
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    "var/lib/dpkg/*-old",
    "var/lib/dpkg/lock*",
    "var/lib/dpkg/triggers/Lock",
    "var/lib/ucf/*.[0-9]",
    # what must differ between two machines
    "etc/hostname",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_*",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
    # made by the kernel package's hook; Herdbook makes the initrd that boots
    "boot/initrd.img-*",
    # what the sandbox put there
    "usr/sbin/policy-rc.d",
    "run/*",
    "tmp/*",
)
"""Paths (globs, relative to the root) that are removed; the one place where they are listed."""

EMPTIED = ("etc/machine-id",)
"""Files that must exist and be empty: systemd then takes the identity it is given at boot."""

KEY_STORES = ("etc/ssl/certs/java/cacerts",)
"""Files of which every certificate says when it was added."""


def clean(upper: Path) -> None:
    """Remove from an upper folder what must not be in an image."""
    for path in _named(upper, VOLATILE):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in _named(upper, EMPTIED):
        path.unlink()
        path.touch(mode=0o444)
    for path in _named(upper, KEY_STORES):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(key_stores.settle(path.read_bytes()))


def _named(upper: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from _matches(upper, pattern.split("/"))


def _matches(folder: Path, parts: Sequence[str]) -> list[Path]:
    """Return what a pattern names below a folder, no link on the way followed.

    A link in an image may point anywhere, and here it would point into this machine.
    """
    found = [path for path in folder.iterdir() if fnmatch(path.name, parts[0])]
    if len(parts) == 1:
        return found
    folders = [path for path in found if path.is_dir() and not path.is_symlink()]
    return [match for path in folders for match in _matches(path, parts[1:])]
