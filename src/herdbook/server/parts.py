"""Opens each part of the program with the modules that it alone needs, which are loaded then."""

from __future__ import annotations  # the ports are named here, not loaded

from functools import cache
from typing import TYPE_CHECKING

from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from herdbook.actions.workshop import Workshop
    from herdbook.builds.ports import NodePackages, Sandbox, WheelHouse
    from herdbook.campaigns.ports import Campaigns, Herd
    from herdbook.catalogue.ports import Cache, Components, Versions
    from herdbook.channels.ports import Bundles, ChannelRegister, OwnCommands
    from herdbook.core.clock import Clock
    from herdbook.core.digests import Digest
    from herdbook.core.progress import Progress
    from herdbook.disks.rendering import Renderer
    from herdbook.drivers.backup_places import BackupPlaces
    from herdbook.drivers.podman import PodmanEngine
    from herdbook.drivers.qemu import QemuEngine
    from herdbook.fleet.backups import BackupStore
    from herdbook.fleet.ports import Balancer, Names, Network, Switch
    from herdbook.fleet.volumes import Volumes
    from herdbook.images.ports import BaseImages
    from herdbook.images.registries import Registry
    from herdbook.metadata.ports import MetadataClient, MetadataRegister, TrustAnchor
    from herdbook.notifications.ports import Courier, Subscriptions
    from herdbook.packages.ports import Archive
    from herdbook.people.ports import OpenIdProviders
    from herdbook.rollouts.duty import Duty, Post
    from herdbook.rollouts.ports import FleetRegister, Vault
    from herdbook.server.settings import Settings
    from herdbook.signatures.ports import KeyRing, Provenances
    from herdbook.store.audit import SqlAudit
    from herdbook.store.blobs import BlobStore
    from herdbook.store.database import Database
    from herdbook.store.fencing import Fence
    from herdbook.store.staging import Staging
    from herdbook.trust.ports import AdvisoryRegister, FeedSource


def archive(settings: Settings) -> Archive:
    """Open Debian's archive; raises InvalidInputError where only one of two mirrors is set."""
    from herdbook.drivers.apt import AptArchive, Mirrors

    given = [settings.mirror, settings.security_mirror]
    if any(given) and not all(given):
        raise InvalidInputError(
            "HERDBOOK_MIRROR and HERDBOOK_SECURITY_MIRROR go together",
            hint="Set both, or neither to use those of apt's own sources.",
        )
    mirrors = Mirrors(*(address.rstrip("/") + "/" for address in given)) if all(given) else None
    return AptArchive(settings.state_directory / "archive", mirrors)


def wheels(state: Path) -> WheelHouse:
    """Open where Python packages come from."""
    from herdbook.drivers.python import PypiWheelHouse

    return PypiWheelHouse(state / "wheels")


def node(state: Path) -> NodePackages:
    """Open where Node packages come from."""
    from herdbook.drivers.npm import NpmNodePackages

    return NpmNodePackages(state / "node")


def bases(state: Path) -> BaseImages:
    """Open where images of others come from."""
    from herdbook.drivers.skopeo import SkopeoImages

    return SkopeoImages(state / "bases")


def registry(settings: Settings) -> Registry:
    """Open what speaks with registries."""
    from herdbook.drivers.registry import HttpRegistry

    return HttpRegistry(settings.state_directory / "registries", settings.login_files)


def sandbox(staging: Staging) -> Sandbox:
    """Open where programs of images run while they are built."""
    from herdbook.drivers.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox(staging)


def renderer(
    packages: Archive, within: Sandbox, staging: Staging, state: Path, progress: Progress
) -> Renderer:
    """Open what makes file systems of trees."""
    from herdbook.server.provision import provide_renderer

    return provide_renderer(packages, within, staging, state / "tools", progress)


def key_ring(settings: Settings, clock: Clock, actor: str) -> KeyRing:
    """Open the keys that versions are signed with, and those they are believed by."""
    from importlib.metadata import version

    from herdbook.store.key_ring import FileKeyRing

    keys = settings.state_directory / "keys"
    return FileKeyRing(keys, clock, actor, version("herdbook"), settings.key_password)


def bundles(state: Path, staging: Staging) -> Bundles:
    """Open where the sources of builds are kept."""
    from herdbook.store.bundles import DiskBundles

    return DiskBundles(state / "sources", staging)


def versions(database: Database, keys: KeyRing) -> Versions:
    """Open the register of versions."""
    from herdbook.store.versions import SqlVersions

    return SqlVersions(database, keys)


def components(database: Database, keys: KeyRing) -> Components:
    """Open what versions consist of."""
    from herdbook.store.components import SqlComponents

    return SqlComponents(database, ring=keys)


def advisories(database: Database) -> AdvisoryRegister:
    """Open what is known of vulnerabilities."""
    from herdbook.store.advisories import SqlAdvisories

    return SqlAdvisories(database)


def campaigns(database: Database) -> Campaigns:
    """Open the register of campaigns."""
    from herdbook.store.campaigns import SqlCampaigns

    return SqlCampaigns(database)


def herd(database: Database, keys: KeyRing) -> Herd:
    """Open what campaigns ask of all images at once."""
    from herdbook.store.herd import SqlHerd

    return SqlHerd(database, keys)


def channels(database: Database, audit: SqlAudit, keys: KeyRing) -> ChannelRegister:
    """Open the register of channels."""
    from herdbook.store.channels import SqlChannels

    return SqlChannels(database, audit, keys)


def providers(state: Path, clock: Clock) -> OpenIdProviders:
    """Open what asks OpenID providers."""
    from herdbook.drivers.openid import HttpOpenIdProviders

    return HttpOpenIdProviders(state / "issuers", clock)


def metadata(database: Database, audit: SqlAudit) -> MetadataRegister:
    """Open the register of signed metadata."""
    from herdbook.store.metadata import SqlMetadata

    return SqlMetadata(database, audit)


def anchor(settings: Settings) -> TrustAnchor:
    """Open what this machine trusts first."""
    from herdbook.store.trust_anchor import FileTrustAnchor

    return FileTrustAnchor(settings.state_directory / "keys", settings.key_password)


def provenances(database: Database, audit: SqlAudit, clock: Clock) -> Provenances:
    """Open what is kept of where versions come from."""
    from herdbook.store.provenances import SqlProvenances

    return SqlProvenances(database, audit, clock)


def feeds() -> FeedSource:
    """Open where news of vulnerabilities come from."""
    from herdbook.drivers.http.feeds import HttpFeeds

    return HttpFeeds()


def work_cache(database: Database, layers: BlobStore) -> Cache:
    """Open what knows which work was done before."""
    from herdbook.store.cache import SqlCache

    return SqlCache(database, layers)


def podman(state: Path, clock: Clock) -> PodmanEngine:
    """Open what runs containers."""
    from herdbook.drivers.podman import PodmanEngine

    return PodmanEngine(state, clock)


def qemu(state: Path, clock: Clock) -> QemuEngine:
    """Open what runs machines."""
    from herdbook.drivers.qemu import QemuEngine

    return QemuEngine(state, clock)


def subscriptions(database: Database, audit: SqlAudit) -> Subscriptions:
    """Open the register of who is told what."""
    from herdbook.store.subscriptions import SqlSubscriptions

    return SqlSubscriptions(database, audit)


def courier(settings: Settings) -> Courier:
    """Open what carries messages."""
    from herdbook.drivers.couriers import HostCourier

    return HostCourier(settings.mail_server, settings.mail_sender)


def fleet(database: Database) -> FleetRegister:
    """Open the register of applications."""
    from herdbook.store.fleet import SqlFleet

    return SqlFleet(database)


def vault(database: Database, state: Path) -> Vault:
    """Open where secrets are kept."""
    from herdbook.store.vault import SqlVault

    return SqlVault(database, state / "vault.key")


def switch(state: Path) -> Switch:
    """Open what makes networks."""
    from herdbook.drivers.bridge import BridgeSwitch

    return BridgeSwitch(state)


def names(state: Path, clock: Clock) -> Names:
    """Open what answers for the names of services."""
    from herdbook.drivers.dnsmasq import DnsmasqNames

    return DnsmasqNames(state, clock)


def balancer(state: Path, clock: Clock) -> Balancer:
    """Open what brings requests to instances."""
    from herdbook.drivers.haproxy import HaproxyBalancer

    return HaproxyBalancer(state, clock)


def volumes_of_containers(state: Path, clock: Clock) -> Volumes:
    """Open where the data of containers are kept."""
    from herdbook.drivers.directory_volumes import directory_volumes

    return directory_volumes(state, clock)


def volumes_of_machines(state: Path, clock: Clock) -> Volumes:
    """Open where the data of machines are kept."""
    from herdbook.drivers.qemu import disk_volumes

    return disk_volumes(state, clock)


def backups(settings: Settings) -> Callable[[str], BackupStore]:
    """Return what opens the place of backups at an address."""

    @cache
    def places() -> BackupPlaces:
        from herdbook.drivers.backup_places import BackupPlaces

        state = settings.state_directory
        return BackupPlaces(state / "backup-writers", settings.s3_endpoint, settings.s3_region)

    return lambda address: places().open(address)


def commands() -> OwnCommands:
    """Open what runs people's own commands."""
    from herdbook.drivers.own_commands import HostCommands

    return HostCommands()


def apart(workshop: Workshop, folder: Path, given: Iterable[Digest]) -> Workshop:
    """Open a second workshop, which has nothing of what was made in the first."""
    from herdbook.server.apart import work_apart

    return work_apart(workshop, folder, given)


def shared_duty(settings: Settings, fence: Fence, mine: Post, clock: Clock) -> Duty:
    """Open what decides which of the servers of one database is on duty."""
    from herdbook.drivers.lone_server import LoneServer
    from herdbook.store.duty import SqlDuty

    server = LoneServer(settings.state_directory)
    return SqlDuty(settings.database_url, fence, mine, clock, lambda mark: not server.lives(mark))


def metadata_client() -> MetadataClient:
    """Open what believes nothing but a root it is given."""
    from herdbook.drivers.tuf_client import TufClient

    return TufClient()


def host_network() -> Network:
    """Open this machine's own network."""
    from herdbook.drivers.network import HostNetwork

    return HostNetwork()
