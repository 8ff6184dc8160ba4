"""Writes the `podman run` command line of an instance: nothing on it is secret."""

from dataclasses import dataclass
from pathlib import Path

from herdbook.drivers.podman.confinement import confinement_flags
from herdbook.drivers.podman.images import StoredImage
from herdbook.drivers.podman.instance_files import CREDENTIALS_DIRECTORY, Attempt
from herdbook.drivers.podman.labels import ATTEMPT_LABEL
from herdbook.drivers.podman.mounts import mount_flag
from herdbook.drivers.podman.process_flags import process_flags
from herdbook.drivers.podman.trial import HARDENING, Flags
from herdbook.fleet.instances import Plugs, PublishedPort, Wanted

_INIT_PROGRAMS = (Path("/usr/libexec/podman/catatonit"), Path("/usr/lib/podman/catatonit"))
"""Where Podman looks for it unless told otherwise (containers.conf(5), "init_path")."""

_LOG_LIMIT = "--log-opt=max-size=50mb"


@dataclass(frozen=True)
class Run:
    """All that a `podman run` command line is made of.

    `handed_over` are the flags for what lies in the files of the attempt: where it is, not what
    it is.
    """

    container: str
    wanted: Wanted
    image: StoredImage
    labels: dict[str, str]
    attempt: Attempt
    handed_over: list[str]
    flags: Flags


def environment_of(wanted: Wanted) -> dict[str, str]:
    """Return the run-time environment: what is wanted, and where the secrets are if there are."""
    if not wanted.secrets:
        return dict(wanted.environment)
    return {**wanted.environment, "CREDENTIALS_DIRECTORY": CREDENTIALS_DIRECTORY}


def arguments(run: Run) -> list[str]:
    """Return what comes after `podman`."""
    wanted = run.wanted
    process, command = process_flags(wanted.process, run.image)
    labels = {**run.labels, ATTEMPT_LABEL: run.attempt.name}
    return [
        *run.flags.of_podman,
        "run",
        "--detach",
        "--pull=never",
        f"--name={run.container}",
        f"--hostname={wanted.names.host or wanted.name}",
        f"--pidfile={run.attempt.process_id_file}",
        *HARDENING,
        *(_init() if wanted.process.init else ()),
        _LOG_LIMIT,
        *confinement_flags(wanted, run.image, run.flags),
        *(_plugged(wanted.plugs) if wanted.plugs else ()),
        *(f"--publish={_publish(port)}" for port in wanted.published),
        *(f"--label={key}={value}" for key, value in labels.items()),
        f"--env-file={run.attempt.environment_file}",
        *run.handed_over,
        *(mount_flag(mount) for mount in wanted.mounts),
        *process,
        run.image.identity,
        *command,
    ]


def _init() -> tuple[str, ...]:
    """Return what gives the container a small init, where Podman has one.

    The kernel spares process 1 every signal it has no handler for: a service that is process 1
    and sets none would not hear SIGTERM and end only by force.
    """
    return ("--init",) if any(path.exists() for path in _INIT_PROGRAMS) else ()


def _plugged(plugs: Plugs) -> list[str]:
    network = f"ns:{plugs.namespace}" if plugs.namespace else "none"
    flags = [f"--network={network}"]
    if plugs.namespace and plugs.resolver:
        flags += [f"--dns={plugs.resolver}", f"--dns-search={plugs.search or '.'}"]
    return flags


def _publish(port: PublishedPort) -> str:
    address = f"[{port.host_address}]" if ":" in port.host_address else port.host_address
    return f"{address}:{port.host_port}:{port.instance_port}"
