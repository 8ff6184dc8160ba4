"""Ends a running machine: asked kindly at first, by force when its time is over."""

from herdbook.core.errors import EngineError
from herdbook.drivers.process_identity import has_ended, kill
from herdbook.drivers.qemu import monitor
from herdbook.drivers.qemu.record import Record
from herdbook.fleet.instances import RunningProcess

_QUIT_SECONDS = 2.0
_KILL_SECONDS = 10.0


def shut_down(record: Record, process: RunningProcess, grace_seconds: float) -> None:
    """End a machine and return once its process is gone.

    Ctrl-Alt-Del comes first, for every init system handles it and, as rebooting is off, it ends
    the machine; the power button after half the grace, for those that were told not to.
    """
    for command in (monitor.PRESS_CONTROL_ALT_DELETE, monitor.PRESS_POWER_BUTTON):
        asked = grace_seconds > 0 and _ask(record, command)
        if asked and has_ended(process, grace_seconds / 2):
            return
    if _ask(record, monitor.QUIT) and has_ended(process, _QUIT_SECONDS):
        return
    kill(process)
    if not has_ended(process, _KILL_SECONDS):
        raise EngineError(f"Process {process.number} of {record.name!r} cannot be ended")


def _ask(record: Record, command: monitor.Command) -> bool:
    """Whether QEMU took the command; one that hangs or has just gone does not."""
    try:
        monitor.execute(record.monitor, [command])
    except EngineError:
        return False
    return True
