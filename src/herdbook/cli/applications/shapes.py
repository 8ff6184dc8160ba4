"""The JSON shapes of applications, releases, rollouts and their instances."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from herdbook.fleet.applications import Release
from herdbook.fleet.records import Instance
from herdbook.rollouts.model import Rollout
from herdbook.rollouts.ports import Happening

if TYPE_CHECKING:
    from herdbook.server.status import Status


def release_shape(release: Release, standing: int) -> dict[str, object]:
    """Return a release's shape; of secrets, their names."""
    return {
        "release": release.number,
        "made_at": release.made_at.isoformat(),
        "digest": release.settings.digest,
        "running": release.number == standing,
        "services": {
            each.name: {
                "image": each.instance.image,
                "number": each.instance.number or None,
                "digest": each.instance.digest,
                "kind": each.instance.variant.value,
                "replicas": each.replicas,
                "secrets": [secret.name for secret in each.instance.secrets],
            }
            for each in release.settings.components
        },
    }


def rollout_shape(rollout: Rollout) -> dict[str, object]:
    """Return a rollout's shape."""
    return {
        "application": rollout.application,
        "rollout": rollout.number,
        "from_release": rollout.before or None,
        "to_release": rollout.after,
        "state": rollout.state.value,
        "reason": rollout.reason,
        "began_at": rollout.began_at.isoformat(),
        "since": rollout.since.isoformat(),
        "services": {
            name: {
                "stage": each.stage,
                "failed_slots": list(each.failed),
                "late_failures": each.late,
            }
            for name, each in rollout.progress.items()
        },
    }


def record_shape(record: Instance) -> dict[str, object]:
    """Return the shape of an instance's record."""
    return {
        "instance": record.name,
        "service": record.component,
        "slot": record.slot,
        "release": record.release,
        "role": record.role.value,
        "since": record.since.isoformat(),
        "addresses": {name: str(address) for name, address in record.addresses.items()},
        "weight": record.weight,
        "reason": record.reason,
    }


def happenings_shape(happenings: Sequence[Happening]) -> list[dict[str, object]]:
    """Return the shape of what happened."""
    return [
        {
            "at": each.at.isoformat(),
            "service": each.component or None,
            "instance": each.instance or None,
            "words": each.words,
        }
        for each in happenings
    ]


def status_shape(status: "Status") -> dict[str, object]:
    """Return the shape of which server works."""
    return {
        "works": status.process != 0,
        "host": status.host or None,
        "process": status.process or None,
        "state": status.state or None,
        "since": status.since.isoformat() if status.since else None,
        "here": status.here,
        "standing_by": list(status.standing_by),
    }
