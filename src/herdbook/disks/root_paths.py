"""Decides at which paths of a machine's root something of one start may be seen."""

import re

HINT = "Use an absolute path of letters, digits and _@+=:,.~- between the slashes."
"""What to write instead of a path that is not plain."""

_PLAIN = re.compile(r"(/[A-Za-z0-9_@+=:,.~-]+)+")
_THE_KERNELS = {"dev", "proc", "sys"}
_NOT_OF_THE_ROOT = _THE_KERNELS | {"run"}


def is_plain(path: str) -> bool:
    """Tell whether a path is absolute, and every reader between here and there means the same."""
    return bool(_PLAIN.fullmatch(path)) and not {".", ".."} & set(path.split("/"))


def is_of_the_root(path: str) -> bool:
    """Tell whether what a plain path names is the root's own: no other file system's lies there."""
    return path.split("/")[1] not in _NOT_OF_THE_ROOT


def is_writable(path: str) -> bool:
    """Tell whether folders can be made at a plain path: it is no file system of the kernel's."""
    return path.split("/")[1] not in _THE_KERNELS
