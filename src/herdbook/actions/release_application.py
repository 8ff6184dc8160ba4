"""Makes a release of an application: its Compose files resolved to digests, settings, secrets."""

from dataclasses import replace
from pathlib import Path

from herdbook.actions.choose_networks import choose_networks
from herdbook.actions.choose_ports import choose_ports, refuse_taken_ports
from herdbook.actions.find_application import images_in, newest_release
from herdbook.actions.pin_image import pin_image
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.compose.model import Application as Composed
from herdbook.compose.model import SecretSource, VolumeKind
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.fleet.applications import ApplicationNetwork, Release, Settings
from herdbook.fleet.doors import Doors
from herdbook.fleet.instances import host_label
from herdbook.fleet.networks import DOMAIN
from herdbook.fleet.ports import Network
from herdbook.fleet.standing_beside import (
    refuse_contradictions,
    refuse_names,
    refuse_same_names,
)
from herdbook.fleet.translating import Surroundings, component
from herdbook.people.acts import Act
from herdbook.rollouts.ports import Application


def release_application(workshop: Workshop, network: Network, composed: Composed) -> Release:
    """Keep an application's files, resolved, as its next release.

    Where nothing is different from the newest one, that is returned. Raises what is wrong with
    them; until the end, nothing is kept but secrets, sealed. The application's name becomes one
    that host names can be made of.
    """
    composed = replace(composed, name=host_label(composed.name))
    refuse_names(composed.name, composed.services)
    before = images_in(newest_release(workshop, composed.name))
    require_role(workshop, Act.RELEASE, *dict.fromkeys([*_images(composed), *before]))
    settings = _settings(workshop, network, composed)
    _refuse(workshop, network, settings)
    # Only now: fetching images takes its time, in which a rollout may have come to its end.
    known = workshop.fleet.find(composed.name)
    plans = choose_networks(workshop, network, composed, settings, known)
    _make_folders(composed)
    application = known or Application(composed.name, str(composed.folder))
    workshop.fleet.keep(replace(application, folder=str(composed.folder), networks=plans))
    return workshop.fleet.add(settings, workshop.clock.now(), "herdbook up")


def _images(composed: Composed) -> list[str]:
    """Return the images that the services name, without which version of them."""
    wished = {
        each.herdbook.image.name for each in composed.services.values() if each.herdbook.image
    }
    foreign = {each.image for each in composed.services.values() if not each.herdbook.image}
    return sorted(wished | {each for each in foreign if each})


def _refuse(workshop: Workshop, network: Network, settings: Settings) -> None:
    """Raise what keeps a release from running on this machine."""
    _ = settings.in_order  # refuses a circle
    _ = Doors.of(settings)  # refuses two at one place
    refuse_contradictions(settings)
    others: dict[str, Settings] = {}
    for other in workshop.fleet.every():
        newest = newest_release(workshop, other.name)
        if newest is not None and other.name != settings.application:
            others[other.name] = newest.settings
    refuse_same_names(settings, others)
    refuse_taken_ports(workshop, network, settings)


def _make_folders(composed: Composed) -> None:
    """Make the folders of this machine that are mounted and not there yet, as Compose does.

    Raises NotFoundError where they are to be there.
    """
    for service in composed.services.values():
        for mount in service.volumes:
            if mount.kind is not VolumeKind.BIND or Path(mount.source).exists():
                continue
            if not mount.create_host_path:
                raise NotFoundError(
                    f"{service.name} mounts {mount.source}, which is not there",
                    hint="Make it, or write `create_host_path: true`.",
                    where=service.where,
                )
            Path(mount.source).mkdir(parents=True, exist_ok=True)


def _settings(workshop: Workshop, network: Network, composed: Composed) -> Settings:
    around = Surroundings(
        composed,
        _fingerprints(workshop, composed),
        {key: _text(key, composed.configs[key]) for key in _used_configs(composed)},
        choose_ports(workshop, network, composed),
    )
    components = tuple(
        component(service, pin_image(workshop, service, composed.folder), around)
        for service in composed.services.values()
    )
    used = {use.network for each in components for use in each.instance.networks}
    return Settings(
        application=composed.name,
        domain=composed.herdbook.domain or f"{composed.name}.{DOMAIN}",
        components=components,
        networks=tuple(
            ApplicationNetwork(name=key, internal=composed.networks[key].internal)
            for key in sorted(used)
        ),
    )


def _used_configs(composed: Composed) -> set[str]:
    return {each.source for service in composed.services.values() for each in service.configs}


def _fingerprints(workshop: Workshop, composed: Composed) -> dict[str, str]:
    used = {each.source for service in composed.services.values() for each in service.secrets}
    return {
        key: workshop.vault.keep(composed.name, key, _value(key, composed.secrets[key]))
        for key in sorted(used)
    }


def _value(key: str, source: SecretSource) -> bytes:
    if source.value is not None:
        return source.value.encode()
    if source.file is None:
        raise NotFoundError(
            f"Nothing says what the secret or config {key!r} is",
            hint="Name a file or an environment variable that is set.",
        )
    return _content(key, source.file)


def _text(key: str, source: SecretSource) -> str:
    try:
        return _value(key, source).decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"The config {key!r} is not UTF-8 text") from error


def _content(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The file of {key!r} cannot be read: {error.strerror}", where=str(path)
        ) from error
