"""Takes a snapshot of a pet's data before something new touches it, and proves it."""

from herdbook.actions.mount_volumes import volume_name
from herdbook.actions.workshop import Workshop
from herdbook.compose.wishes import Herding
from herdbook.fleet.applications import Component
from herdbook.fleet.records import Instance
from herdbook.fleet.volumes import Volumes
from herdbook.rollouts.model import Rollout, under_way

_PREFIX = "before-rollout-"


def snapshot_before(rollout: Rollout | None, before: Component | None, record: Instance) -> str:
    """Return the name of the snapshot that a start needs; empty where it needs none.

    It does where a rollout puts a pet of another revision on data that is there. One snapshot is
    taken for each rollout: a second try finds what was there before the first.
    """
    current = under_way(rollout)
    if current is None or before is None or before.herding is not Herding.PET:
        return ""
    if not before.snapshots or before.revision == record.revision:
        return ""
    return f"{_PREFIX}{current.number}"


def keep_safe(workshop: Workshop, record: Instance, component: Component, snapshot: str) -> None:
    """Take the snapshot of each volume that the instance may write, and prove that it is whole.

    Forgets the oldest that were taken so, beyond `component.snapshots`. Raises what speaks
    against it: then nothing is started.
    """
    volumes = workshop.volumes[component.instance.variant]
    for use in component.instance.volumes:
        if use.bind or use.read_only:
            continue
        name = volume_name(component, use, record.slot)
        volumes.make(name, use.size_bytes)
        volumes.snapshot(name, snapshot)
        volumes.verify(name, snapshot)
        forget_oldest(volumes, name, _PREFIX, component.snapshots)


def forget_oldest(volumes: Volumes, volume: str, prefix: str, keep: int, but: str = "") -> None:
    """Forget the oldest snapshots whose names begin so, beyond `keep`; leave the one named `but`.

    `keep` is at least 1.
    """
    taken = [each.name for each in volumes.snapshots(volume)]
    for old in [each for each in taken if each.startswith(prefix) and each != but][:-keep]:
        volumes.forget_snapshot(volume, old)
