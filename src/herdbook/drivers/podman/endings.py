"""Asks a container's process to end, and waits without holding any of Podman's locks."""

import signal
from contextlib import suppress

from herdbook.drivers.process_identity import has_ended, send
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
    if grace_seconds > 0:
        try:
            send(process, stop_signal)
        except PermissionError:  # the container of a user without root has other users in it
            return False
        has_ended(process, grace_seconds)
    return True
