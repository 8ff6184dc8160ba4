"""The JSON shapes and the table rows of snapshots and backups."""

from collections.abc import Sequence

from herdbook.actions.back_up import BackedUp
from herdbook.actions.list_data import HeldVolume
from herdbook.cli.output import human_size
from herdbook.fleet.backups import Backup, Shelf
from herdbook.fleet.volumes import Snapshot

_TIME = "%Y-%m-%d %H:%M:%S"


def snapshot_shape(volume: HeldVolume, snapshot: Snapshot) -> dict[str, object]:
    """Return a snapshot's shape."""
    return {
        "volume": snapshot.volume,
        "kind": volume.kind.value,
        "service": volume.component,
        "snapshot": snapshot.name,
        "taken_at": snapshot.taken_at.isoformat(),
        "size_bytes": snapshot.size_bytes,
        "verified_at": snapshot.verified_at.isoformat() if snapshot.verified_at else None,
    }


def snapshot_rows(found: Sequence[tuple[HeldVolume, Snapshot]]) -> list[list[str]]:
    """Return the rows of a table of snapshots."""
    return [
        [
            each.volume,
            each.name,
            each.taken_at.strftime(_TIME),
            human_size(each.size_bytes),
            each.verified_at.strftime(_TIME) if each.verified_at else "no",
        ]
        for _, each in found
    ]


def backup_shape(backup: Backup, where: str) -> dict[str, object]:
    """Return a backup's shape."""
    return {
        "application": backup.application,
        "volume": backup.volume,
        "kind": backup.kind.value,
        "backup": backup.name,
        "taken_at": backup.taken_at.isoformat(),
        "size_bytes": backup.size_bytes,
        "where": where,
    }


def made_shape(made: BackedUp) -> dict[str, object]:
    """Return the shape of a backup that was just made."""
    return {
        **backup_shape(made.backup, made.where),
        "new_bytes": made.new_bytes,
        "forgotten": [each.name for each in made.forgotten],
    }


def backup_rows(found: Sequence[tuple[str, Shelf]]) -> list[list[str]]:
    """Return the rows of a table of backups."""
    return [
        [
            each.volume,
            each.name,
            each.taken_at.strftime(_TIME),
            human_size(each.size_bytes),
            where,
        ]
        for where, shelf in found
        for each in shelf.backups
    ]
