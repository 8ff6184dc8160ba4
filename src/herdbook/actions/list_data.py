"""Finds the data of applications: their volumes, and where backups of them are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from herdbook.actions.backup_archive import BackupArchive
from herdbook.actions.find_application import application_named, images_in, newest_release
from herdbook.actions.mount_volumes import named_volumes
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.core.whole_files import kept_whole
from herdbook.fleet.applications import BackupPolicy, Release
from herdbook.fleet.backups import Shelf
from herdbook.fleet.sealing import Seal, new_key
from herdbook.fleet.volumes import Snapshot
from herdbook.people.acts import Act
from herdbook.recipes.model import Variant


@dataclass(frozen=True)
class HeldVolume:
    """A volume of an application; `current` says whether it is one of the release that stands."""

    application: str
    component: str
    kind: Variant
    name: str
    policy: BackupPolicy | None = None
    current: bool = True


def volumes_of(workshop: Workshop, name: str) -> list[HeldVolume]:
    """Return all volumes of an application, also those that only older releases use.

    What is said of one twice, the release that stands says, or the newest. Folders of this
    machine are nobody's volumes. Raises NotFoundError for an absent application.
    """
    standing = application_named(workshop, name).standing
    releases = sorted(
        workshop.fleet.releases(name), key=lambda each: (each.number != standing, -each.number)
    )
    found: dict[tuple[Variant, str], HeldVolume] = {}
    for release in releases:
        for each in volumes_in(release):
            current = release is releases[0]
            found.setdefault((each.kind, each.name), replace(each, current=current))
    return sorted(found.values(), key=lambda each: each.name)


def volumes_in(release: Release) -> list[HeldVolume]:
    """Return the volumes of one release; of several services that share one, who backs it up."""
    found: dict[tuple[Variant, str], HeldVolume] = {}
    for each in _volumes(release):
        known = found.setdefault((each.kind, each.name), each)
        if known.policy is None:
            found[each.kind, each.name] = each
    return list(found.values())


def volume_named(workshop: Workshop, application: str, name: str) -> HeldVolume:
    """Return a volume; its name may leave out that of the application.

    Raises NotFoundError with the nearest name.
    """
    every = volumes_of(workshop, application)
    for wanted in (name, f"{application}_{name}"):
        for each in every:
            if each.name == wanted:
                return each
    known = [each.name for each in every]
    listed = f"It has: {', '.join(known)}." if known else "It has none."
    raise NotFoundError(
        f"{application} has no volume {name!r}", hint=did_you_mean(name, known, listed)
    )


def snapshots_of(
    workshop: Workshop, application: str, volume: str = ""
) -> list[tuple[HeldVolume, list[Snapshot]]]:
    """Return the snapshots of each volume of an application, or of one; the oldest first."""
    wanted = volumes_of(workshop, application)
    if volume:
        wanted = [volume_named(workshop, application, volume)]
    return [(each, workshop.volumes[each.kind].snapshots(each.name)) for each in wanted]


def forget_snapshot(workshop: Workshop, application: str, volume: str, snapshot: str) -> None:
    """Remove a snapshot; raises NotFoundError with the nearest name, InvalidInputError."""
    if not volume:
        raise InvalidInputError(
            f"Of which volume is {snapshot!r} to be removed?",
            hint=f"herdbook snapshots {application} VOLUME --forget {snapshot}",
        )
    require_role(workshop, Act.SNAPSHOT, *images_in(newest_release(workshop, application)))
    held = volume_named(workshop, application, volume)
    volumes = workshop.volumes[held.kind]
    known = [each.name for each in volumes.snapshots(held.name)]
    if snapshot not in known:
        raise NotFoundError(
            f"There is no snapshot {snapshot!r} of {held.name}",
            hint=did_you_mean(snapshot, known, f"List them: herdbook snapshots {application}"),
        )
    volumes.forget_snapshot(held.name, snapshot)


def backups_of(
    workshop: Workshop, application: str, address: str = "", key_file: Path | None = None
) -> list[tuple[str, Shelf]]:
    """Return the backups of an application by their places: at an address, or where it says."""
    addresses = [address] if address else _places(workshop, application)
    if not addresses:
        raise InvalidInputError(
            f"Nobody says where backups of {application} are",
            hint=f"herdbook backups {application} --from PLACE",
        )
    found = []
    for each in addresses:
        archive = open_archive(workshop, each, key_file)
        shelf = archive.shelf()
        own = tuple(backup for backup in shelf.backups if backup.application == application)
        found.append((archive.where, Shelf(own, shelf.unreadable)))
    return found


def _places(workshop: Workshop, application: str) -> list[str]:
    found = (each.policy.to for each in volumes_of(workshop, application) if each.policy)
    return list(dict.fromkeys(found))


def open_archive(workshop: Workshop, address: str, key_file: Path | None = None) -> BackupArchive:
    """Return the backups at an address, made by this installation or with another one's key.

    Raises NotFoundError where the place or the key is absent.
    """
    store = workshop.backups(address)
    path = key_file or workshop.backup_key
    if not path.is_file():
        raise NotFoundError(
            f"There is no key {path} to read backups with",
            hint="Name that of the installation that made them: --key FILE (its backup.key)",
        )
    return BackupArchive(store, Seal(path.read_bytes()))


def open_archive_to_write(workshop: Workshop, address: str) -> BackupArchive:
    """Return the backups of this installation at an address; the first time, a key is made."""
    store = workshop.backups(address)
    return BackupArchive(store, Seal(kept_whole(workshop.backup_key, new_key)))


def times_backed_up(workshop: Workshop, volume: HeldVolume, address: str) -> list[datetime]:
    """Return when a volume was backed up at an address."""
    subject = (volume.application, volume.kind, volume.name)
    shelf = open_archive_to_write(workshop, address).shelf()
    return [each.taken_at for each in shelf.backups if each.subject == subject]


def _volumes(release: Release) -> Iterator[HeldVolume]:
    for component in release.settings.components:
        for _, name in named_volumes(component):
            yield HeldVolume(
                application=release.application,
                component=component.name,
                kind=component.instance.variant,
                name=name,
                policy=component.backup,
            )
