"""Knows whether this program may open one more file, and raises the limit where it may."""

import resource

_SPARE_FILES = 256
"""How many of them whoever needs many leaves to all others."""


def has_room(used: int) -> bool:
    """Whether somebody who has `used` files open may open one more, and leave enough to others.

    Where the limit would not do, it is raised as far as the machine lets this program.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if used >= soft - _SPARE_FILES and soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return used < soft - _SPARE_FILES
