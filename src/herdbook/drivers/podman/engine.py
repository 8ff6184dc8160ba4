"""The engine that runs containers: the port's promises on top of Podman."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.errors import (
    ConflictError,
    HerdbookError,
    InvalidInputError,
    MissingToolError,
    NotFoundError,
)
from herdbook.drivers.claims import claim, claim_path, is_claimed
from herdbook.drivers.handover import check_handover
from herdbook.drivers.host_ports import refuse_taken_ports
from herdbook.drivers.podman import command, images
from herdbook.drivers.podman.credentials import Credentials
from herdbook.drivers.podman.labels import SCOPE_LABEL, from_labels, to_labels
from herdbook.drivers.podman.run_command import Run, arguments, environment_of
from herdbook.drivers.podman.service_log import service_lines
from herdbook.drivers.podman.trial import Trial, podman_version
from herdbook.fleet.instances import ContainerArtefact, Seen, State, Wanted, check_name
from herdbook.fleet.ports import Capabilities

NAME = "podman"

_ABSENT_STATUS = 1
_LIVING_STATES = {"running", "paused", "stopping"}
_UNSTARTED_STATES = {"created", "configured", "initialized"}
_CUT_OFF = "It does not run: starting it was cut off, or this computer was restarted"


class PodmanEngine:
    """Runs containers with the user's Podman and storage, apart from all else that is in it.

    Containers carry a scope, the digest of `state_directory`, so that two of those do not see
    each other's; nothing else is remembered outside Podman but the flags that work here.
    """

    def __init__(self, state_directory: Path, clock: Clock) -> None:
        self._state_directory = state_directory.resolve()
        self._clock = clock
        scope = digests.of_bytes(str(self._state_directory).encode())
        self._scope = digests.short(scope)
        self._trial = Trial(self._state_directory / "engines" / "podman.json")

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
        self._refuse_taken_name(wanted.name)  # before a claim hides the one that has it
        with claim(self._claim(wanted.name)):
            self._refuse_taken_name(wanted.name)
            refuse_taken_ports(wanted.ports)
            return self._start(wanted, wanted.artefact)

    def observe(self) -> list[Seen]:
        """Return every instance of this state directory, running or not, by name."""
        own = f"--filter=label={SCOPE_LABEL}={self._scope}"
        try:
            listed = command.call(["ps", "--all", own, "--format=json"])
        except MissingToolError:
            return []  # where Podman is not installed, it runs nothing
        containers = json.loads(listed or "[]")
        seen = (self._seen(container) for container in containers)
        return sorted((one for one in seen if one is not None), key=lambda one: one.name)

    def stop(self, name: str, grace_seconds: float = 10.0) -> None:
        """Stop a container, after `grace_seconds` by force, and remove what it left."""
        check_name(name)
        with claim(self._claim(name)):
            self._remove(name, grace_seconds)

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines the service wrote; with `follow`, until the container ends."""
        check_name(name)
        if not self._exists(name):
            raise NotFoundError(f"There is no instance named {name!r}")
        return service_lines(self._container(name), self._clock, follow=follow)

    def _refuse_taken_name(self, name: str) -> None:
        if self._exists(name):
            raise ConflictError(
                f"There is an instance named {name!r} already",
                hint="Stop it first, or take another name.",
            )

    def _start(self, wanted: Wanted, artefact: ContainerArtefact) -> Seen:
        flags = self._trial.flags()
        image = images.store(artefact, wanted.origin.image)
        labels = to_labels(wanted, self._scope, self._clock.now())
        credentials = Credentials(self._scope, wanted.name)
        credentials.remove()  # what a start that was killed may have left
        container = self._container(wanted.name)
        try:
            secrets = credentials.write_secrets(wanted.secrets, wanted.user_id)
            with credentials.environment_file(environment_of(wanted)) as environment_file:
                run = Run(container, wanted, image, labels, environment_file, secrets, flags)
                command.call(arguments(run))
        except BaseException:
            self._remove(wanted.name, grace_seconds=0)
            raise
        return from_labels(labels, NAME, State.RUNNING, "")

    def _seen(self, container: dict[str, Any]) -> Seen | None:
        """Return what one line of `podman ps` says; None while it is started or removed."""
        labels: dict[str, str] = container["Labels"]
        seen = from_labels(labels, NAME, State.RUNNING, "")
        if container["State"] in _LIVING_STATES:
            return seen
        if is_claimed(self._claim(seen.name)):
            return None
        if container["State"] in _UNSTARTED_STATES:
            return from_labels(labels, NAME, State.FAILED, _CUT_OFF)
        if container["ExitCode"] == 0:
            return from_labels(labels, NAME, State.STOPPED, "")
        return from_labels(labels, NAME, State.FAILED, self._reason(seen.name, container))

    def _reason(self, name: str, container: dict[str, Any]) -> str:
        status = f"The service ended with status {container['ExitCode']}"
        result = command.attempt(["logs", "--tail=5", self._container(name)])
        last_lines = (result.output + result.errors).strip() if result.succeeded else ""
        return f"{status}: {last_lines}" if last_lines else status

    def _remove(self, name: str, grace_seconds: float) -> None:
        grace = f"--time={round(grace_seconds)}"
        command.call(["rm", "--force", "--ignore", "--volumes", grace, self._container(name)])
        Credentials(self._scope, name).remove()

    def _exists(self, name: str) -> bool:
        result = command.attempt(["container", "exists", self._container(name)])
        if result.status not in {0, _ABSENT_STATUS}:
            raise command.as_error(result)
        return result.succeeded

    def _container(self, name: str) -> str:
        return f"herdbook-{self._scope}-{name}"

    def _claim(self, name: str) -> Path:
        return claim_path(self._state_directory, NAME, name)
