"""Takes snapshots of volumes, and backs them up: proven, then kept, then older ones forgotten."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from herdbook.actions.backup_archive import BackupArchive, Written
from herdbook.actions.find_application import images_in, newest_release
from herdbook.actions.list_data import HeldVolume, open_archive_to_write, volume_named, volumes_of
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.compose.wishes import DEFAULT_BACKUPS_KEPT
from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.core.progress import Task
from herdbook.fleet.backups import Backup
from herdbook.fleet.volumes import Snapshot
from herdbook.people.acts import Act

_PREFIX = "backup-"
_LEFT_BEHIND = timedelta(days=2)
"""A snapshot of an older backup belongs to a program that was killed."""


@dataclass(frozen=True)
class BackedUp:
    """A backup that was made, what of it was new at its place, and the older ones forgotten."""

    backup: Backup
    where: str
    new_bytes: int
    forgotten: tuple[Backup, ...]


def take_snapshots(workshop: Workshop, application: str, volume: str = "") -> list[str]:
    """Take snapshots of all volumes there are, or of one, and prove them; return their names.

    Raises NotFoundError where no instance has made the volumes yet.
    """
    require_role(workshop, Act.SNAPSHOT, *images_in(newest_release(workshop, application)))
    wanted = _wanted(workshop, application, volume)
    name = f"taken-{workshop.clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    taken = []
    for each in wanted:
        with suppress(NoDataError):
            _take(workshop, each, name)
            taken.append(name)
    if not taken:
        raise _nothing(application, wanted)
    return taken


def back_up(
    workshop: Workshop, application: str, *, to: str = "", volume: str = ""
) -> list[BackedUp]:
    """Back up the volumes of the release that stands, or one of any; `to` is where.

    By default each goes to where its service says. Raises InvalidInputError where nobody says,
    NotFoundError where there is no data yet.
    """
    require_role(workshop, Act.BACK_UP, *images_in(newest_release(workshop, application)))
    wanted = _wanted(workshop, application, volume)
    if not to and not volume:
        wanted = [each for each in wanted if each.policy]
    if not wanted or not (to or wanted[0].policy):
        raise InvalidInputError(
            f"Nobody says where {application} is backed up to",
            hint=f"herdbook backup {application} --to PLACE, or write `backup` under "
            "`x-herdbook` of its services.",
        )
    made = []
    for each in wanted:
        with suppress(NoDataError):
            made.append(back_up_volume(workshop, each, to or place_of(each)))
    if not made:
        raise _nothing(application, wanted)
    return made


def place_of(volume: HeldVolume) -> str:
    """Return where a volume's service wants it backed up to; empty where it says nothing."""
    return volume.policy.to if volume.policy else ""


def back_up_volume(workshop: Workshop, volume: HeldVolume, to: str) -> BackedUp:
    """Back up one volume; until it is proven by a test restore, nobody sees it."""
    archive = open_archive_to_write(workshop, to)
    keep = volume.policy.keep if volume.policy else DEFAULT_BACKUPS_KEPT
    with _snapshot(workshop, volume) as snapshot, _alone(workshop, archive):
        written = _proven(workshop, archive, volume, snapshot)
        archive.finish(written)
        forgotten = archive.thin_out(written.backup, keep, workshop.clock.now())
    return BackedUp(written.backup, archive.where, written.new_bytes, tuple(forgotten))


class NoDataError(Exception):
    """The volume is not there yet."""


def _wanted(workshop: Workshop, application: str, volume: str) -> list[HeldVolume]:
    if volume:
        return [volume_named(workshop, application, volume)]
    return [each for each in volumes_of(workshop, application) if each.current]


def _nothing(application: str, wanted: Sequence[HeldVolume]) -> NotFoundError:
    if not wanted:
        return NotFoundError(
            f"{application} has no volumes",
            hint="Folders of this machine that it uses are not looked after here.",
        )
    return NotFoundError(
        f"There is no data of {application} yet: {', '.join(each.name for each in wanted)}",
        hint="A volume is made where an instance needs it first: herdbook up",
    )


def _take(workshop: Workshop, volume: HeldVolume, name: str) -> None:
    """Take a snapshot and prove it; raises NoDataError."""
    volumes = workshop.volumes[volume.kind]
    with workshop.progress.task(f"Taking a snapshot of {volume.name}"):
        try:
            volumes.snapshot(volume.name, name)
        except NotFoundError as error:
            raise NoDataError(error.message) from error
    with workshop.progress.task(f"Proving the snapshot of {volume.name}"):
        volumes.verify(volume.name, name)


@contextmanager
def _snapshot(workshop: Workshop, volume: HeldVolume) -> Iterator[Snapshot]:
    """Take a snapshot, prove it, and forget it in the end."""
    volumes = workshop.volumes[volume.kind]
    now = workshop.clock.now()
    for each in volumes.snapshots(volume.name):
        if each.name.startswith(_PREFIX) and each.taken_at < now - _LEFT_BEHIND:
            volumes.forget_snapshot(volume.name, each.name)
    name = f"{_PREFIX}{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
    try:
        _take(workshop, volume, name)
        yield next(each for each in volumes.snapshots(volume.name) if each.name == name)
    finally:
        volumes.forget_snapshot(volume.name, name)


@contextmanager
def _alone(workshop: Workshop, archive: BackupArchive) -> Iterator[None]:
    """Keep other writers out; who waits for them is told so, and can be ended."""
    with ExitStack() as stack:
        title = f"Seeing to it that nobody else writes to {archive.where}"
        with workshop.progress.task(title) as task:
            stack.enter_context(archive.alone(lambda: task.advance(0)))
        yield


def _proven(
    workshop: Workshop, archive: BackupArchive, volume: HeldVolume, snapshot: Snapshot
) -> Written:
    """Write a snapshot and restore it on trial.

    Where pieces of earlier backups turn out to be damaged, they are written anew, once.
    """
    written = _write(workshop, archive, volume, snapshot)
    try:
        _rehearse(workshop, archive, volume, written.backup)
    except (VerificationError, NotFoundError):
        if not archive.drop_damaged(written):
            raise
        written = _write(workshop, archive, volume, snapshot)
        _rehearse(workshop, archive, volume, written.backup)
    return written


def _write(
    workshop: Workshop, archive: BackupArchive, volume: HeldVolume, snapshot: Snapshot
) -> Written:
    volumes = workshop.volumes[volume.kind]
    title = f"Backing up {volume.name} to {archive.where}"
    with (
        volumes.send(volume.name, snapshot.name) as parcel,
        workshop.progress.task(title, snapshot.size_bytes, "bytes") as task,
    ):
        return archive.write(volume.application, volume.kind, parcel, reaching(task))


def _rehearse(
    workshop: Workshop, archive: BackupArchive, volume: HeldVolume, backup: Backup
) -> None:
    title = f"Restoring {volume.name} on trial"
    with workshop.progress.task(title, backup.size_bytes, "bytes") as task:
        parcel = archive.parcel(backup, "trial", reaching(task))
        workshop.volumes[volume.kind].rehearse(parcel)


def reaching(task: Task) -> Callable[[int], None]:
    """Return what tells a task how far work has come, by its place and not by what was added."""
    reached = 0

    def reach(offset: int) -> None:
        nonlocal reached
        task.advance(offset - reached)
        reached = offset

    return reach
