"""Finds out by trying how containers can be started on this machine, and remembers it."""

import resource
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from herdbook.core.errors import MissingToolError, TimeoutExpiredError
from herdbook.drivers import findings
from herdbook.drivers.podman import command
from herdbook.drivers.podman.tiny_program import write_tiny_root

HARDENING = (
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    # Lets a service without any privilege listen on port 80 of its own network.
    "--sysctl=net.ipv4.ip_unprivileged_port_start=0",
    "--log-driver=k8s-file",
    "--sdnotify=ignore",
    "--http-proxy=false",
)
"""What every container is started with: no privileges, and nothing of our own surroundings."""

_UNLIMITED = "unlimited"
_FILE_LIMIT = "--ulimit=nofile="
_LIMIT_SECONDS = 20.0
_REMEDY = "Run: podman run --rm --rootfs DIRECTORY PROGRAM, and see what it complains about."


def podman_version() -> str:
    """Return Podman's version; raises MissingToolError where it is not installed."""
    return command.call(["--version"]).strip().removeprefix("podman version ")


class Trial:
    """Knows the flags that make Podman work here, without touching the user's configuration.

    Not every machine lets Podman's defaults through: a runtime may refuse the machine's cgroups,
    and limits above our own need CAP_SYS_RESOURCE. `path` is where the finding is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._program = ""
        self._found: tuple[str, ...] = ()

    def flags(self) -> "Flags":
        """Return the first flags a tiny container runs with, Podman's own defaults being first.

        Raises MissingToolError where none do.
        """
        program = findings.program_stamp("podman")
        if program != self._program:
            found = findings.recall(self._path, program)
            if found is None:
                found = self._try_all()
                findings.remember(self._path, program, found)
            self._program, self._found = program, found
        return Flags(self._found)

    def _try_all(self) -> tuple[str, ...]:
        first_complaint = ""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for flags in _candidates():
            with tempfile.TemporaryDirectory(dir=self._path.parent, prefix="trial-") as directory:
                complaint = _try(flags, Path(directory))
            if not complaint:
                return flags
            first_complaint = first_complaint or complaint
        raise MissingToolError(
            f"Podman cannot run any container here: {first_complaint}", hint=_REMEDY
        )


class Flags:
    """What was found out, split by where it belongs on Podman's command line."""

    def __init__(self, found: tuple[str, ...]) -> None:
        self.of_podman = [flag for flag in found if flag.startswith("--runtime=")]
        self.of_run = [flag for flag in found if flag.startswith("--ulimit=")]
        self.can_limit = _UNLIMITED not in found

    def of_run_with(self, file_limit: int) -> list[str]:
        """Return those of `podman run`, with at most that many open files; 0 leaves it as it is.

        Nobody is allowed more than we are.
        """
        if not file_limit:
            return self.of_run
        most = _at_most(file_limit, resource.RLIMIT_NOFILE)
        others = [flag for flag in self.of_run if not flag.startswith(_FILE_LIMIT)]
        return [*others, f"{_FILE_LIMIT}{most}:{most}"]


def _candidates() -> Iterator[tuple[str, ...]]:
    runtimes: tuple[tuple[str, ...], ...] = ((), ("--runtime=crun",), ("--runtime=runc",))
    # Without root, version 1 of control groups cannot limit memory.
    controls: tuple[tuple[str, ...], ...] = ((), (_UNLIMITED,))
    # Podman's own limits first, then ours, then some that are below those of any machine.
    limits = ((), _resource_limits(1 << 20, 1 << 15), _resource_limits(4096, 4096))
    for control, runtime, limit in product(controls, runtimes, limits):
        yield (*runtime, *limit, *control)


def _resource_limits(most_files: int, most_processes: int) -> tuple[str, ...]:
    """Return flags for limits that are not above our own: raising those needs a privilege."""
    files = _at_most(most_files, resource.RLIMIT_NOFILE)
    processes = _at_most(most_processes, resource.RLIMIT_NPROC)
    return (f"{_FILE_LIMIT}{files}:{files}", f"--ulimit=nproc={processes}:{processes}")


def _at_most(most: int, number: int) -> int:
    _, hard = resource.getrlimit(number)
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def _try(candidate: tuple[str, ...], directory: Path) -> str:
    """Run the tiny container; return the complaint, empty if it ran."""
    write_tiny_root(directory)
    flags = Flags(candidate)
    limits = ["--memory=64m", "--cpus=1"] if flags.can_limit else []
    arguments = [*flags.of_podman, "run", "--rm", *HARDENING, *limits, *flags.of_run]
    try:
        result = command.attempt(
            [*arguments, "--rootfs", directory.resolve(), "/exit"], limit_seconds=_LIMIT_SECONDS
        )
    except TimeoutExpiredError as error:
        return error.message
    return "" if result.succeeded else command.complaint(result)
