"""Asks a container's process to end, and waits without holding any of Podman's locks."""

import os
import select
import signal
from contextlib import suppress

from herdbook.drivers.process_identity import is_alive
from herdbook.fleet.instances import RunningProcess


def signal_number(name: str) -> int:
    """Return a signal as an image or Compose names it, as `SIGQUIT`, `QUIT`, `3`, `SIGRTMIN+3`.

    SIGTERM for an empty or unknown name, as Podman has it.
    """
    if name.isdecimal():
        return int(name)
    base, _, more = name.upper().partition("+")
    base = base if base.startswith("SIG") else f"SIG{base}"
    with suppress(KeyError, ValueError):
        return signal.Signals[base] + int(more or 0)
    return signal.SIGTERM


def end_kindly(process: RunningProcess, stop_signal: int, grace_seconds: float) -> bool:
    """Send the signal, and return when the process has ended or the time is over.

    False where it is not ours to ask, without waiting: then Podman has to do it.
    """
    if grace_seconds <= 0:
        return True
    try:
        descriptor = os.pidfd_open(process.number)
    except ProcessLookupError:
        return True
    try:
        if is_alive(process):
            signal.pidfd_send_signal(descriptor, stop_signal)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(grace_seconds * 1000)
    except ProcessLookupError:
        return True
    except PermissionError:  # the container of a user without root has other users in it
        return False
    finally:
        os.close(descriptor)
    return True
