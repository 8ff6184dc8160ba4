"""Refuses what cannot stand beside each other on one machine: names, volumes and secrets."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from herdbook.compose.wishes import Herding
from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.fleet.applications import Component, Settings
from herdbook.fleet.instances import check_name, host_label
from herdbook.fleet.volumes import check_volume_name
from herdbook.recipes.model import Variant

_LONGEST = 50
"""Of an application's and a service's name together: an instance's has 63 letters, with two
hyphens, the slot and the attempt."""
_LONGEST_SECRET_NAME = 100


def refuse_names(application: str, services: Iterable[str]) -> None:
    """Raise InvalidInputError for names of which no host names of instances can be made."""
    check_name(application)
    by_label: dict[str, str] = {}
    for name in services:
        label = host_label(name)
        check_name(label)
        other = by_label.setdefault(label, name)
        if other != name:
            raise InvalidInputError(
                f"{other} and {name} would both be called {label}",
                hint="Give one of these services another name.",
            )
        if len(application) + len(label) > _LONGEST:
            raise InvalidInputError(
                f"{application} and {name} are too long together: instances are called after both",
                hint=f"Use {_LONGEST} letters at most.",
            )


def refuse_same_names(settings: Settings, others: Mapping[str, Settings]) -> None:
    """Raise ConflictError where instances of another application would have the same names."""
    own = {f"{settings.application}-{host_label(each.name)}" for each in settings.components}
    for name, other in others.items():
        for component in other.components:
            if f"{name}-{host_label(component.name)}" in own:
                raise ConflictError(
                    f"Instances would be called like those of {component.name} in the application "
                    f"{name}",
                    hint="Give this application another name: herdbook up --name NAME",
                )


def refuse_contradictions(settings: Settings) -> None:
    """Raise InvalidInputError for volumes and secrets that the instances cannot have."""
    users: dict[str, list[Component]] = defaultdict(list)
    for component in settings.components:
        for use in component.instance.volumes:
            if not use.bind:
                check_volume_name(use.source)
                users[use.source].append(component)
        _refuse_secrets(component)
    for volume, components in users.items():
        _refuse_sharing(volume, list({each.name: each for each in components}.values()))


def _refuse_sharing(volume: str, components: list[Component]) -> None:
    if len(components) < 2:  # noqa: PLR2004 - it takes two
        return
    who = " and ".join(each.name for each in components)
    if any(each.instance.variant is Variant.VM for each in components):
        raise InvalidInputError(
            f"{who} cannot share the volume {volume}: a machine's volume is a disk of its own",
            hint="Give each of them a volume, or run all of them as containers.",
        )
    if any(each.herding is Herding.PET and each.replicas > 1 for each in components):
        raise InvalidInputError(
            f"{who} cannot share the volume {volume}: each of several pets has one of its own",
            hint="Give each of them a volume.",
        )


def _refuse_secrets(component: Component) -> None:
    names = Counter(each.target.rpartition("/")[2] for each in component.instance.secrets)
    for name, times in names.items():
        if times > 1:
            raise InvalidInputError(
                f"{component.name} has {times} secrets that would be found as {name!r}",
                hint="Give one of them another `target`.",
            )
    for each in component.instance.secrets:
        if len(each.name) > _LONGEST_SECRET_NAME:
            raise InvalidInputError(
                f"The name of the secret {each.name!r} is too long",
                hint=f"Use {_LONGEST_SECRET_NAME} letters at most.",
            )
