"""Says in Podman's words what an instance runs, as which user and where, as Compose means it."""

import json

from herdbook.drivers.podman.images import StoredImage
from herdbook.fleet.instances import ProcessChanges


def process_flags(changes: ProcessChanges, image: StoredImage) -> tuple[list[str], list[str]]:
    """Return the flags before the image, and the command behind it.

    An entrypoint of one's own clears the image's command (Compose specification, "entrypoint");
    so does an empty command, which Podman's command line has no other word for.
    """
    entrypoint = changes.entrypoint
    if entrypoint is None and changes.command == ():
        entrypoint = image.entrypoint
    flags = {
        "--user": changes.user,
        "--workdir": changes.directory,
        "--stop-signal": changes.stop_signal,
        "--entrypoint": "" if entrypoint is None else json.dumps(entrypoint),
    }
    return [f"{flag}={value}" for flag, value in flags.items() if value], [*(changes.command or ())]
