"""Says what a machine's service does otherwise than its image, in the terms of Compose and OCI."""

from herdbook.disks.service_changes import ServiceChanges
from herdbook.fleet.instances import ProcessChanges


def machine_changes(changes: ProcessChanges) -> ServiceChanges:
    """Return what a machine is told.

    An entrypoint takes the place of all that the image runs, whose command it clears; a command
    alone follows the image's entrypoint (Compose specification, "entrypoint"). Our images have an
    entrypoint and no command, so an empty command clears nothing.
    """
    whole = None
    if changes.entrypoint is not None:
        whole = (*changes.entrypoint, *(changes.command or ()))
    return ServiceChanges(
        command=whole,
        arguments=changes.command or () if whole is None else (),
        user=changes.user,
        directory=changes.directory,
        stop_signal=changes.stop_signal,
        stop_limit_seconds=changes.stop_grace_seconds,
    )
