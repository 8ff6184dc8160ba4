"""Finds out which system an existing image holds, and whether packages can be installed on it."""

import shlex

from herdbook.layers.tree import Tree
from herdbook.packages.suites import SUITES, Suite

OS_RELEASE_PATHS = ("etc/os-release", "usr/lib/os-release")
"""Where a system says what it is, the first that is there counts (os-release(5))."""

DPKG_STATUS = "var/lib/dpkg/status"
_STATUS_PARTS = "var/lib/dpkg/status.d/"
_DPKG = "usr/bin/dpkg"


def suite_of(os_release: str) -> Suite | None:
    """Return the Debian suite that a system says it is; None where Herdbook knows it not."""
    fields = _fields(os_release)
    return SUITES.get(fields.get("VERSION_CODENAME", "")) if fields.get("ID") == "debian" else None


def no_packages_because(root: Tree, os_release: str, status: str) -> str:
    """Say why no package can be installed on a system; nothing where they can.

    `status` is what its dpkg knows to be installed.
    """
    if not status.strip():
        if any(path.startswith(_STATUS_PARTS) for path in root):
            return "it lists its packages in status.d only, as images without dpkg do"
        return "it has no packages of Debian"
    if _DPKG not in root:
        return "it has no dpkg"
    if suite_of(os_release) is None:
        name = _fields(os_release).get("PRETTY_NAME", "a system that does not say its name")
        return f"it is {name}, and Herdbook knows Debian's {', '.join(SUITES)}"
    return ""


def _fields(os_release: str) -> dict[str, str]:
    """Return what an os-release file says; its values are quoted as the shell's are."""
    found = {}
    for line in os_release.splitlines():
        name, is_field, value = line.strip().partition("=")
        if is_field and not name.startswith("#"):
            found[name] = _unquoted(value)
    return found


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value
