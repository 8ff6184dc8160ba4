"""Reads what `podman ps` says of containers as what was seen of instances."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from herdbook.drivers.podman import command
from herdbook.drivers.podman.labels import SCOPE_LABEL, from_labels
from herdbook.drivers.process_identity import identify
from herdbook.fleet.instances import Seen, State

_LIVING_STATES = {"running", "paused", "stopping"}
_UNSTARTED_STATES = {"created", "configured", "initialized"}
_CUT_OFF = "It does not run: starting it was cut off, or this computer was restarted"


class Sightings:
    """Sees the containers of one scope, with one call of Podman where none has failed since.

    `is_started` and `is_removed` tell whether somebody is starting or removing the instance of a
    name: what they leave in between is not seen.
    """

    def __init__(
        self,
        scope: str,
        is_started: Callable[[str], bool],
        is_removed: Callable[[str], bool],
    ) -> None:
        self._scope = scope
        self._is_started = is_started
        self._is_removed = is_removed
        self._last_lines: dict[str, str] = {}

    def all(self) -> list[Seen]:
        """Return all that is seen, by name."""
        own = f"--filter=label={SCOPE_LABEL}={self._scope}"
        containers = json.loads(command.call(["ps", "--all", own, "--format=json"]) or "[]")
        present = {container["Id"] for container in containers}
        lines = self._last_lines
        self._last_lines = {key: lines[key] for key in lines.keys() & present}
        seen = (self._seen(container) for container in containers)
        return sorted((one for one in seen if one is not None), key=lambda one: one.name)

    def _seen(self, container: dict[str, Any]) -> Seen | None:
        """Return what one entry says; None while it is started or removed."""
        seen = from_labels(container["Labels"])
        if container["State"] in _LIVING_STATES:
            number = container["Pid"]
            return replace(seen, process=identify(number) if number else None)
        if self._is_removed(seen.name):
            return None
        if container["State"] in _UNSTARTED_STATES:
            if self._is_started(seen.name) or _has_moved_on(container["Id"]):
                return None
            return replace(seen, state=State.FAILED, reason=_CUT_OFF)
        if container["ExitCode"] == 0:
            return replace(seen, state=State.STOPPED)
        return replace(seen, state=State.FAILED, reason=self._reason(container))

    def _reason(self, container: dict[str, Any]) -> str:
        key = container["Id"]
        if key not in self._last_lines:
            result = command.attempt(["logs", "--tail=5", key])
            said = (result.output + result.errors).strip() if result.succeeded else ""
            self._last_lines[key] = said
        status = f"The service ended with status {container['ExitCode']}"
        said = self._last_lines[key]
        return f"{status}: {said}" if said else status


def _has_moved_on(container: str) -> bool:
    """Tell whether a container has been started, or removed, since it was listed."""
    result = command.attempt(["container", "inspect", "--format={{.State.Status}}", container])
    return result.output.strip() not in _UNSTARTED_STATES
