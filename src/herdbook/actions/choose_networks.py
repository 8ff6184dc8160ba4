"""Chooses where the networks of a release lie, and refuses those that overlap or are too small."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network

from herdbook.actions.find_application import is_up
from herdbook.actions.workshop import Workshop
from herdbook.compose.model import Application as Composed
from herdbook.compose.wishes import Herding
from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import ApplicationNetwork, Component, Settings
from herdbook.fleet.networks import NetworkPlan, free_subnet, prefix_for, room
from herdbook.fleet.ports import Network
from herdbook.rollouts.ports import Application

_POOL = IPv4Network("10.83.0.0/16")
_BESIDE = 2
"""New instances stand beside old ones, which are kept warm until the end of a rollout."""
_LARGER = 3
"""An application may grow to half as many again before its network is too small."""


def choose_networks(
    workshop: Workshop,
    network: Network,
    composed: Composed,
    settings: Settings,
    known: Application | None,
) -> dict[str, NetworkPlan]:
    """Return where each of the application's networks lies; nobody else chooses that place.

    Those it has keep their place, also those that only earlier releases have: one may go back.
    Only where somebody else lies there by now, while nothing of the application is up, another one
    is chosen. Raises ConflictError where there is no room.
    """
    with workshop.switch.choosing() as elsewhere:
        plans = _plans(workshop, network, composed, settings, known, elsewhere)
        workshop.switch.take(plans.values())
    return plans


def _plans(
    workshop: Workshop,
    network: Network,
    composed: Composed,
    settings: Settings,
    known: Application | None,
    elsewhere: Sequence[IPv4Network],
) -> dict[str, NetworkPlan]:
    before = dict(known.networks) if known else {}
    up = is_up(workshop, known)
    strangers = [*_of_others(workshop, network, before), *elsewhere]
    if not up:
        before = {key: each for key, each in before.items() if _is_free(each.subnet, strangers)}
    taken = _taken(workshop, composed.name, before, strangers)
    pool = composed.herdbook.subnet or _POOL
    # As many as there are must have room in it.
    longest = pool.prefixlen + (len(settings.networks) - 1).bit_length()
    plans = dict(before)
    for wanted in settings.networks:
        said = composed.networks[wanted.name].subnet
        old = before.get(wanted.name)
        if old is not None and said in {None, old.subnet}:
            subnet = old.subnet
        elif said is not None:
            _refuse(wanted.name, said, taken, moves=old is not None and up)
            subnet = said
        else:
            prefix = max(prefix_for(_LARGER * _most(settings, wanted)), longest)
            subnet = free_subnet(pool, prefix, taken)
        _refuse_small(settings, wanted, subnet)
        taken.append(subnet)
        name = f"{composed.name}_{wanted.name}"
        plans[wanted.name] = NetworkPlan(name, subnet, settings.domain, wanted.internal)
    return plans


def _of_others(
    workshop: Workshop, network: Network, before: Mapping[str, NetworkPlan]
) -> list[IPv4Network]:
    """Return what this machine has a way to, but for what the application has laid itself."""
    found = network.subnets()  # first: what is laid meanwhile is ours
    own = {each.subnet for each in before.values() if workshop.switch.is_laid(each.name)}
    return [each for each in found if each not in own]


def _is_free(subnet: IPv4Network, strangers: Sequence[IPv4Network]) -> bool:
    return not any(subnet.overlaps(each) for each in strangers)


def _taken(
    workshop: Workshop,
    name: str,
    before: Mapping[str, NetworkPlan],
    strangers: Sequence[IPv4Network],
) -> list[IPv4Network]:
    own = {plan.subnet for plan in before.values()}
    others = [
        plan.subnet
        for other in workshop.fleet.every()
        if other.name != name
        for plan in other.networks.values()
    ]
    return [*(each for each in strangers if each not in own), *own, *others]


def _refuse(key: str, said: IPv4Network, taken: Sequence[IPv4Network], *, moves: bool) -> None:
    if moves:
        raise ConflictError(
            f"The network {key} cannot move to {said} while instances have addresses in it",
            hint="Take the application down first, or give the network another name.",
        )
    for each in taken:
        if said.overlaps(each):
            raise ConflictError(
                f"The network {key} cannot be {said}: {each} is used on this machine already",
                hint="Name another subnet, or none: then a free one is chosen.",
            )


def _refuse_small(settings: Settings, network: ApplicationNetwork, subnet: IPv4Network) -> None:
    needed = _most(settings, network)
    if room(subnet) < needed:
        raise ConflictError(
            f"The network {network.name} ({subnet}) has room for {room(subnet)} instances, and "
            f"{needed} may be there at once while they are replaced",
            hint="Take the application down and name a larger subnet, or lower the number of "
            "replicas.",
        )


def _most(settings: Settings, network: ApplicationNetwork) -> int:
    """Return how many instances may be in a network at once."""
    return sum(
        each.replicas * _times(each)
        for each in settings.components
        if any(use.network == network.name for use in each.instance.networks)
    )


def _times(component: Component) -> int:
    return 1 if component.herding is Herding.PET or component.job else _BESIDE
