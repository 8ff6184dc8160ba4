"""Writes the `podman run` command line of an instance: nothing on it is secret."""

from dataclasses import dataclass
from pathlib import Path

from herdbook.drivers.podman.credentials import CREDENTIALS_DIRECTORY
from herdbook.drivers.podman.images import StoredImage
from herdbook.drivers.podman.trial import HARDENING, Flags
from herdbook.fleet.instances import PublishedPort, Wanted

_ROOT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""What a service that starts as root needs to make its directories and become another user.

Of Podman's own choice we leave out FSETID, NET_BIND_SERVICE, SETFCAP, SETPCAP and SYS_CHROOT:
low ports are open to all anyway (see `trial.HARDENING`). A service with another user gets none.
"""

_INIT_PROGRAMS = (Path("/usr/libexec/podman/catatonit"), Path("/usr/lib/podman/catatonit"))
"""Where Podman looks for it unless told otherwise (containers.conf(5), "init_path")."""

_LOG_LIMIT = "--log-opt=max-size=50mb"


@dataclass(frozen=True)
class Run:
    """All that a `podman run` command line is made of.

    `secrets` are the flags that hand those over: where they are, not what they are.
    """

    container: str
    wanted: Wanted
    image: StoredImage
    labels: dict[str, str]
    environment_file: Path
    secrets: list[str]
    flags: Flags


def environment_of(wanted: Wanted) -> dict[str, str]:
    """Return the run-time environment: what is wanted, and where the secrets are if there are."""
    if not wanted.secrets:
        return dict(wanted.environment)
    return {**wanted.environment, "CREDENTIALS_DIRECTORY": CREDENTIALS_DIRECTORY}


def arguments(run: Run) -> list[str]:
    """Return what comes after `podman`."""
    return [
        *run.flags.of_podman,
        "run",
        "--detach",
        "--pull=never",
        f"--name={run.container}",
        f"--hostname={run.wanted.name}",
        *HARDENING,
        *_init(),
        _LOG_LIMIT,
        *(f"--cap-add={name}" for name in _ROOT_CAPABILITIES if run.image.runs_as_root),
        *run.flags.of_run,
        *(_limits(run.wanted) if run.flags.can_limit else ()),
        *(f"--publish={_publish(port)}" for port in run.wanted.ports),
        *(f"--label={key}={value}" for key, value in run.labels.items()),
        f"--env-file={run.environment_file}",
        *run.secrets,
        run.image.reference,
    ]


def _init() -> tuple[str, ...]:
    """Return what gives the container a small init, where Podman has one.

    The kernel spares process 1 every signal it has no handler for: a service that is process 1
    and sets none would not hear SIGTERM and end only by force.
    """
    return ("--init",) if any(path.exists() for path in _INIT_PROGRAMS) else ()


def _limits(wanted: Wanted) -> tuple[str, ...]:
    return (f"--memory={wanted.memory_bytes}b", f"--cpus={wanted.cpus}")


def _publish(port: PublishedPort) -> str:
    address = f"[{port.host_address}]" if ":" in port.host_address else port.host_address
    return f"{address}:{port.host_port}:{port.instance_port}"
