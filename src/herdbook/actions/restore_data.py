"""Puts a snapshot or a backup in place of what a volume holds, which is put aside first."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from herdbook.actions.back_up import place_of, reaching
from herdbook.actions.backup_archive import BackupArchive
from herdbook.actions.find_application import images_in, is_up, newest_release
from herdbook.actions.keep_safe import forget_oldest
from herdbook.actions.list_data import HeldVolume, open_archive, volume_named
from herdbook.actions.note import note
from herdbook.actions.require_role import require_role
from herdbook.actions.tell import tell
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.fleet.backups import Backup, in_order
from herdbook.people.acts import Act

_ASIDE = "before-restore-"
_KEPT_ASIDE = 3
_FETCHED = "fetched-"


@dataclass(frozen=True)
class RestoreWish:
    """What is to be restored.

    `name` is a snapshot's or a backup's, the newest backup where it is empty; `source` is where
    backups are, by default where the volume's service says; `key_file` another installation's.
    """

    application: str
    volume: str
    name: str = ""
    source: str = ""
    key_file: Path | None = None


@dataclass(frozen=True)
class Restored:
    """What was restored, and the snapshot of what was there; empty where nothing was."""

    volume: str
    name: str
    taken_at: datetime
    aside: str


def restore(workshop: Workshop, wish: RestoreWish) -> Restored:
    """Restore a volume: proven before anything is touched, in place at once or not at all.

    Raises ConflictError while the application runs, NotFoundError where there is nothing of that
    name, VerificationError where it is not what was taken.
    """
    images = images_in(newest_release(workshop, wish.application))
    require_role(workshop, Act.RESTORE_DATA, *images)
    _refuse_running(workshop, wish.application)
    known = workshop.fleet.find(wish.application) is not None
    volume = volume_named(workshop, wish.application, wish.volume) if known else None
    if volume is not None and wish.name:
        taken = workshop.volumes[volume.kind].snapshots(volume.name)
        if any(each.name == wish.name for each in taken):
            return _from_snapshot(workshop, volume, wish.name, wish.name)
    archive = _archive(workshop, wish, volume)
    backup = _chosen(workshop, archive, wish, volume)
    target = volume or HeldVolume(wish.application, "", backup.kind, backup.volume)
    return _from_backup(workshop, archive, backup, target)


def _refuse_running(workshop: Workshop, name: str) -> None:
    if is_up(workshop, workshop.fleet.find(name)):
        raise ConflictError(
            f"{name} runs: what it writes would be lost", hint=f"First: herdbook down {name}"
        )


def _archive(workshop: Workshop, wish: RestoreWish, volume: HeldVolume | None) -> BackupArchive:
    address = wish.source or (place_of(volume) if volume else "")
    if not address and volume is None:
        raise NotFoundError(
            f"There is no application {wish.application!r}",
            hint="To restore what another machine has backed up, say where: --from PLACE",
        )
    if not address:
        raise InvalidInputError(
            f"Nobody says where backups of {wish.volume} are",
            hint=f"Say where: --from PLACE. Or name one of: herdbook snapshots {wish.application}",
        )
    return open_archive(workshop, address, wish.key_file)


def _chosen(
    workshop: Workshop, archive: BackupArchive, wish: RestoreWish, volume: HeldVolume | None
) -> Backup:
    """Return the backup that is meant."""
    shelf = archive.shelf()
    names = {volume.name} if volume else {wish.volume, f"{wish.application}_{wish.volume}"}
    found = [
        each
        for each in shelf.backups
        if each.application == wish.application
        and each.volume in names
        and (volume is None or each.kind is volume.kind)
    ]
    for each in reversed(in_order(found, workshop.clock.now())):
        if wish.name == each.name:
            return each
        if not wish.name:
            _tell_of_later(workshop, each, found)
            return each
    if not found and archive.has_strangers() and not shelf.backups:
        raise NotFoundError(
            f"Nothing in {archive.where} was backed up with this installation's key",
            hint="Name the key of the one that did so: --key FILE (its backup.key), or lay it at "
            f"{workshop.backup_key}",
        )
    known = [each.name for each in found]
    what = f"backup {wish.name!r}" if wish.name else "backup"
    listed = "There are: " + ", ".join(known) if known else "See which there are: herdbook backups"
    raise NotFoundError(
        f"There is no {what} of {wish.volume} of {wish.application} in {archive.where}",
        hint=did_you_mean(wish.name, known, listed),
    )


def _tell_of_later(workshop: Workshop, chosen: Backup, every: Sequence[Backup]) -> None:
    later = [each.name for each in every if each.taken_at > chosen.taken_at]
    if later:
        workshop.progress.say(
            f"{chosen.name} is restored. From the future, by this machine's clock, are "
            f"{', '.join(later)}: to restore one of these, name it."
        )


def _from_backup(
    workshop: Workshop, archive: BackupArchive, backup: Backup, volume: HeldVolume
) -> Restored:
    volumes = workshop.volumes[volume.kind]
    name = f"{_FETCHED}{backup.name}"
    volumes.forget_snapshot(volume.name, name)  # a program was killed that fetched it
    title = f"Fetching {volume.name} from {archive.where}"
    with workshop.progress.task(title, backup.size_bytes, "bytes") as task:
        volumes.receive(archive.parcel(backup, name, reaching(task)))
    try:
        return _from_snapshot(workshop, volume, name, backup.name)
    finally:
        volumes.forget_snapshot(volume.name, name)


def _from_snapshot(workshop: Workshop, volume: HeldVolume, snapshot: str, called: str) -> Restored:
    volumes = workshop.volumes[volume.kind]
    with workshop.progress.task(f"Proving {called}"):
        volumes.verify(volume.name, snapshot)
    with workshop.progress.task(f"Putting aside what {volume.name} holds"):
        aside = _put_aside(workshop, volume)
    note(workshop, "restore-data", volume.name, application=volume.application, taken_from=called)
    with workshop.progress.task(f"Restoring {volume.name}"):
        volumes.restore(volume.name, snapshot)
    forget_oldest(volumes, volume.name, _ASIDE, _KEPT_ASIDE, but=snapshot)
    taken = next(each for each in volumes.snapshots(volume.name) if each.name == snapshot)
    if workshop.fleet.find(volume.application) is not None:
        words = f"{volume.name} was restored from {called}"
        tell(workshop, volume.application, words, volume.component)
    return Restored(volume.name, called, taken.taken_at, aside)


def _put_aside(workshop: Workshop, volume: HeldVolume) -> str:
    """Take a snapshot of what is there, and return its name; empty where nothing is.

    It is not proven: what is there may be damaged, and be restored for that very reason.
    """
    volumes = workshop.volumes[volume.kind]
    name = f"{_ASIDE}{workshop.clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    try:
        volumes.snapshot(volume.name, name)
    except NotFoundError:
        return ""
    return name
