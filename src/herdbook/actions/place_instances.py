"""Puts instances behind doors and names: just those that are to be found, by their roles."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import IPv4Address
from types import MappingProxyType

from herdbook.actions.workshop import Workshop
from herdbook.core.errors import EngineError
from herdbook.fleet.applications import Release
from herdbook.fleet.doors import Doors
from herdbook.fleet.instances import host_label
from herdbook.fleet.networks import Attachment
from herdbook.fleet.records import LIVE, Instance, Role
from herdbook.recipes.model import Variant
from herdbook.rollouts.ports import Application


def open_doors(workshop: Workshop, application: Application, release: Release) -> None:
    """See to it that a release's doors are open. Changes nothing twice."""
    workshop.balancer.open(application.name, Doors.of(release.settings).doors())


def serve_names(
    workshop: Workshop,
    application: Application,
    release: Release,
    records: Iterable[Instance],
    releases: Mapping[int, Release] = MappingProxyType({}),
) -> None:
    """See to it that the application's networks have a name server that knows its machines.

    `releases` are those that instances were started for, by number.
    """
    machines = [
        Attachment(application.networks[network], address)
        for record in records
        if record.role in LIVE and _variant(release, releases, record) is Variant.VM
        for network, address in record.addresses.items()
        if network in application.networks
    ]
    workshop.names.serve(application.name, list(application.networks.values()), machines)


def place(
    workshop: Workshop,
    application: Application,
    release: Release,
    records: Sequence[Instance],
    releases: Mapping[int, Release] = MappingProxyType({}),
    dead: Collection[str] = (),
) -> None:
    """Put just those instances behind the doors that serve or still drain, and name the former.

    `releases` are those that instances were started for, by number. Of those that are `dead`,
    what they had begun is broken off.
    """
    if any(each.doors for each in release.settings.components):
        wanted = Doors.of(release.settings).members(records, releases, dead)
        try:
            workshop.balancer.place(application.name, wanted)
        except EngineError:  # somebody has ended it
            open_doors(workshop, application, release)
            workshop.balancer.place(application.name, wanted)
    if application.networks:
        workshop.names.publish(application.name, names(release, records))


def names(release: Release, records: Iterable[Instance]) -> Mapping[str, list[IPv4Address]]:
    """Return which addresses stand for which names: those of what serves.

    A service's name and aliases stand for all its instances, `SERVICE-SLOT` for one of them
    unless a service is called so.
    """
    found: dict[str, list[IPv4Address]] = defaultdict(list)
    services = {host_label(each) for each in release.settings.by_name}
    for record in records:
        if record.role is not Role.SERVING:
            continue
        component = release.settings.by_name.get(record.component)
        uses = component.instance.networks if component else ()
        aliases = {use.network: use.aliases for use in uses}
        for network, address in record.addresses.items():
            label = host_label(record.component)
            said = aliases.get(network, (record.component,))
            for name in dict.fromkeys(each.lower() for each in (*said, label)):
                found[name].append(address)
            if f"{label}-{record.slot}" not in services:
                found[f"{label}-{record.slot}"].append(address)
    return found


def _variant(release: Release, releases: Mapping[int, Release], record: Instance) -> Variant | None:
    own = releases.get(record.release, release)
    component = own.settings.by_name.get(record.component)
    return component.instance.variant if component else None
