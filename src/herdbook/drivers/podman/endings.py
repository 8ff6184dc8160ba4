"""Asks a container's process to end, and waits without holding any of Podman's locks."""

from herdbook.drivers.process_identity import has_ended, send
from herdbook.fleet.instances import RunningProcess


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
