"""Takes locks of files (flock(2)) that others hold for a moment, only to look at them."""

import fcntl
import time
from typing import IO

_PAUSE_SECONDS = 0.05


def locked_soon(file: IO[str] | int, tries: int) -> bool:
    """Lock a file for ourselves alone; tell whether that was possible within so many tries.

    Whoever only looks whether it is locked holds it for a moment, too.
    """
    for _ in range(tries):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False
