"""Writes all that must be known about an instance into its container's labels, and reads it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from herdbook.core.digests import Digest
from herdbook.fleet.instances import Origin, PublishedPort, Seen, State, Wanted

NAME = "podman"
"""The engine's name."""

_PREFIX = "io.herdbook."
SCOPE_LABEL = _PREFIX + "scope"
"""Which state directory an instance belongs to."""

ATTEMPT_LABEL = _PREFIX + "attempt"
"""Which start made the container."""


def to_labels(wanted: Wanted, scope: str, started_at: datetime) -> dict[str, str]:
    """Return the labels; neither environment nor secrets are in them."""
    return {
        SCOPE_LABEL: scope,
        _PREFIX + "name": wanted.name,
        _PREFIX + "image": wanted.origin.image,
        _PREFIX + "number": str(wanted.origin.number),
        _PREFIX + "digest": wanted.origin.digest,
        _PREFIX + "ports": json.dumps([asdict(port) for port in wanted.published]),
        _PREFIX + "health-path": wanted.health_path,
        _PREFIX + "started-at": started_at.isoformat(),
        _PREFIX + "owner": wanted.owner,
    }


def container_name(scope: str, name: str) -> str:
    """Return what an instance's container is called."""
    return f"herdbook-{scope}-{name}"


def from_labels(labels: Mapping[str, str]) -> Seen:
    """Return the instance that `to_labels` described, as one that runs."""
    ports = json.loads(labels[_PREFIX + "ports"])
    return Seen(
        name=labels[_PREFIX + "name"],
        engine=NAME,
        state=State.RUNNING,
        origin=Origin(
            labels[_PREFIX + "image"],
            int(labels[_PREFIX + "number"]),
            Digest(labels[_PREFIX + "digest"]),
        ),
        ports=tuple(PublishedPort(**port) for port in ports),
        started_at=datetime.fromisoformat(labels[_PREFIX + "started-at"]),
        health_path=labels[_PREFIX + "health-path"],
        owner=labels.get(_PREFIX + "owner", ""),
    )
