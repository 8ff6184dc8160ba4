"""The engine that runs containers: the port's promises on top of Podman."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    MissingToolError,
    NotFoundError,
)
from herdbook.drivers.claims import claim, claim_path, is_claimed
from herdbook.drivers.handover import check_handover
from herdbook.drivers.podman import command, insides
from herdbook.drivers.podman.endings import end_kindly
from herdbook.drivers.podman.images import Images
from herdbook.drivers.podman.instance_files import InstanceFiles
from herdbook.drivers.podman.labels import NAME, container_name
from herdbook.drivers.podman.orphans import end_orphans
from herdbook.drivers.podman.service_log import service_lines
from herdbook.drivers.podman.sightings import Sightings
from herdbook.drivers.podman.starting import Starter
from herdbook.drivers.podman.trial import Trial, podman_version
from herdbook.fleet.instances import ContainerArtefact, Seen, Wanted, check_name
from herdbook.fleet.ports import Capabilities, Executed

_STOPPING = f"{NAME}.stop"
"""What a second claim is called, that hides an instance while it is removed."""


class PodmanEngine:
    """Runs containers with the user's Podman and storage, apart from all else that is in it.

    Containers carry a scope, the digest of `state_directory`, so that two of those do not see
    each other's; nothing else is remembered outside Podman but what is slow to find out: the
    flags that work here, which images Podman has, and who an instance's process is.
    """

    def __init__(self, state_directory: Path, clock: Clock) -> None:
        self._state_directory = state_directory.resolve()
        self._clock = clock
        scope = digests.of_bytes(str(self._state_directory).encode())
        self._scope = digests.short(scope)
        engines = self._state_directory / "engines"
        self._trial = Trial(engines / "podman.json")
        images = Images(engines / "podman-images")
        self._starter = Starter(self._scope, self._trial, images, clock)
        self._sightings = Sightings(
            self._scope,
            is_started=lambda name: is_claimed(self._claim(name)),
            is_removed=lambda name: is_claimed(self._removal(name)),
        )

    @property
    def name(self) -> str:
        """The engine's name, as `ps` shows it."""
        return NAME

    def capabilities(self) -> Capabilities:
        """Find out whether containers can be started here; the first time, by starting some."""
        try:
            version = podman_version()
        except MissingToolError as error:
            return Capabilities("container", unusable=error.message, remedy=error.hint)
        try:
            self._trial.flags()
        except HerdbookError as error:
            return Capabilities("container", version, "", error.message, error.hint)
        return Capabilities("container", version)

    def start(self, wanted: Wanted) -> Seen:
        """Start a container of `wanted` and return once its process runs."""
        check_name(wanted.name)
        check_handover(wanted)
        if not isinstance(wanted.artefact, ContainerArtefact):
            raise InvalidInputError("Podman runs containers, not machines")
        with claim(self._claim(wanted.name)):
            return self._starter.start(wanted, wanted.artefact)

    def observe(self) -> list[Seen]:
        """Return every instance of this state directory, running or not, by name."""
        try:
            return self._sightings.all()
        except MissingToolError:
            return []  # where Podman is not installed, it runs nothing

    def stop(self, name: str, grace_seconds: float = 10.0) -> None:
        """Stop a container, after `grace_seconds` by force, and remove what it left."""
        check_name(name)
        with claim(self._claim(name)), claim(self._removal(name)):
            files = InstanceFiles(self._scope, name)
            noted = files.noted_process()
            if noted and end_kindly(*noted, grace_seconds):
                grace_seconds = 0
            grace = f"--time={round(grace_seconds)}"
            with command.AT_ONCE:
                command.call(
                    ["rm", "--force", "--ignore", "--volumes", grace, self._container(name)]
                )
            if files.is_start_cut_off():
                end_orphans(self._container(name))
            files.remove()

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines the service wrote; with `follow`, until the container ends."""
        check_name(name)
        try:
            return service_lines(self._container(name), self._clock, follow=follow)
        except NotFoundError:
            raise NotFoundError(f"There is no instance named {name!r}") from None

    def execute(self, name: str, command: Sequence[str], limit_seconds: float = 10.0) -> Executed:
        """Run a command inside a container, with the rights that its service has."""
        check_name(name)
        return insides.execute(self._container(name), command, limit_seconds)

    def entering(self, name: str, command: Sequence[str], *, terminal: bool) -> list[str]:
        """Return the program and arguments by which a person runs a command inside."""
        check_name(name)
        return insides.entering(self._container(name), command, terminal=terminal)

    def _container(self, name: str) -> str:
        return container_name(self._scope, name)

    def _claim(self, name: str) -> Path:
        return claim_path(self._state_directory, NAME, name)

    def _removal(self, name: str) -> Path:
        return claim_path(self._state_directory, _STOPPING, name)
