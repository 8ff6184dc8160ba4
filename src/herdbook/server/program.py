"""Puts the program together: one explicit table of drivers and stores."""

import errno
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from socket import gethostname

from herdbook.actions.identify_by_issuer import Vouching
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant
from herdbook.core import digests
from herdbook.core.clock import Clock, SystemClock
from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    MissingToolError,
    NoSpaceError,
)
from herdbook.core.given_secrets import GivenSecrets
from herdbook.core.progress import Progress
from herdbook.disks.rendering import Renderer
from herdbook.drivers import process
from herdbook.drivers.apt import AptArchive, Mirrors
from herdbook.drivers.backup_places import BackupPlaces
from herdbook.drivers.bridge import BridgeSwitch
from herdbook.drivers.bubblewrap import BubblewrapSandbox
from herdbook.drivers.couriers import HostCourier
from herdbook.drivers.directory_volumes import directory_volumes
from herdbook.drivers.dnsmasq import DnsmasqNames
from herdbook.drivers.haproxy import HaproxyBalancer
from herdbook.drivers.http.feeds import HttpFeeds
from herdbook.drivers.lone_server import LoneServer
from herdbook.drivers.network import HostNetwork
from herdbook.drivers.npm import NpmNodePackages
from herdbook.drivers.openid import HttpOpenIdProviders
from herdbook.drivers.own_commands import HostCommands
from herdbook.drivers.podman import PodmanEngine
from herdbook.drivers.python import PypiWheelHouse
from herdbook.drivers.qemu import QemuEngine, disk_volumes
from herdbook.drivers.registry import HttpRegistry
from herdbook.drivers.skopeo import SkopeoImages
from herdbook.drivers.tuf_client import TufClient
from herdbook.fleet.ports import Network
from herdbook.metadata.ports import MetadataClient
from herdbook.rollouts.duty import Duty, Post, UndisputedDuty
from herdbook.server.apart import work_apart
from herdbook.server.provision import provide_renderer
from herdbook.server.settings import Settings
from herdbook.server.stamps import open_stamps
from herdbook.server.who import all_groups, who_acts
from herdbook.store.advisories import SqlAdvisories
from herdbook.store.audit import SqlAudit
from herdbook.store.blobs import BlobStore
from herdbook.store.bundles import DiskBundles
from herdbook.store.cache import SqlCache
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.channels import SqlChannels
from herdbook.store.components import SqlComponents
from herdbook.store.database import is_shared, open_database
from herdbook.store.duty import SqlDuty
from herdbook.store.fencing import Fence
from herdbook.store.fleet import SqlFleet
from herdbook.store.herd import SqlHerd
from herdbook.store.key_ring import FileKeyRing
from herdbook.store.metadata import SqlMetadata
from herdbook.store.people import SqlPeople
from herdbook.store.provenances import SqlProvenances
from herdbook.store.sessions import FileSessions
from herdbook.store.staging import Staging
from herdbook.store.subscriptions import SqlSubscriptions
from herdbook.store.trust_anchor import FileTrustAnchor
from herdbook.store.vault import SqlVault
from herdbook.store.versions import SqlVersions

_MACHINE_IDENTITIES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def open_workshop(
    settings: Settings, progress: Progress, secrets: GivenSecrets | None = None
) -> Workshop:
    """Return everything a verb may work with, on this machine's state.

    Raises InvalidInputError, MissingToolError or NoSpaceError where the state directory cannot
    be used.
    """
    state = settings.state_directory
    _make_state_directory(state)
    staging = Staging(state / "staging")
    staging.sweep()
    fence, clock = Fence(), SystemClock()
    database = open_database(settings.database_url, fence)
    audit = SqlAudit(database, state / "audit.key")
    people = SqlPeople(database, audit)
    providers = HttpOpenIdProviders(state / "issuers", clock)
    sessions = FileSessions(settings.session_file or state / "session.json")
    acting = who_acts(settings, people, Vouching(people, providers), sessions, clock)
    ring = FileKeyRing(
        state / "keys", clock, acting.actor, version("herdbook"), settings.key_password
    )
    blobs = BlobStore(state / "blobs")
    blobs.sweep()
    archive = AptArchive(state / "archive", _mirrors(settings))
    sandbox = BubblewrapSandbox(staging)
    podman, qemu = PodmanEngine(state, clock), QemuEngine(state, clock)

    @cache
    def renderer() -> Renderer:
        return provide_renderer(archive, sandbox, staging, state / "tools", progress)

    return Workshop(
        archive=archive,
        wheels=PypiWheelHouse(state / "wheels"),
        node=NpmNodePackages(state / "node"),
        bases=SkopeoImages(state / "bases"),
        registry=HttpRegistry(state / "registries", settings.login_files),
        sandbox=sandbox,
        bundles=DiskBundles(state / "sources", staging),
        versions=SqlVersions(database, ring),
        components=SqlComponents(database, ring=ring),
        advisories=SqlAdvisories(database),
        campaigns=SqlCampaigns(database),
        herd=SqlHerd(database, ring),
        channels=SqlChannels(database, audit, ring),
        audit=audit,
        people=people,
        providers=providers,
        sessions=sessions,
        keys=ring,
        metadata=SqlMetadata(database, audit),
        anchor=FileTrustAnchor(state / "keys", settings.key_password),
        provenances=SqlProvenances(database, audit, clock),
        feeds=HttpFeeds(),
        layers=blobs,
        cache=SqlCache(database, blobs),
        stamps=open_stamps(settings),
        engines={Variant.CONTAINER: podman, Variant.VM: qemu},
        insides={Variant.CONTAINER: podman, Variant.VM: qemu},
        subscriptions=SqlSubscriptions(database, audit),
        courier=HostCourier(settings.mail_server, settings.mail_sender),
        fleet=SqlFleet(database),
        vault=SqlVault(database, state / "vault.key"),
        switch=BridgeSwitch(state),
        names=DnsmasqNames(state, clock),
        balancer=HaproxyBalancer(state, clock),
        volumes={
            Variant.CONTAINER: directory_volumes(state, clock),
            Variant.VM: disk_volumes(state, clock),
        },
        backups=BackupPlaces(
            state / "backup-writers", settings.s3_endpoint, settings.s3_region
        ).open,
        backup_key=state / "backup.key",
        renderer=renderer,
        clock=clock,
        progress=progress,
        roots=state / "roots",
        artefacts=state / "artefacts",
        transfers=state / "registries" / "arriving",
        staging=staging,
        commands=HostCommands(),
        apart=work_apart,
        actor=acting.actor,
        authority=acting.authority,
        groups_of=all_groups(people, clock),
        duty=_duty(settings, fence, clock),
        booted_at=clock.booted_at,
        give_up=process.end_all,
        secrets=secrets or GivenSecrets(),
    )


def _duty(settings: Settings, fence: Fence, clock: Clock) -> Duty:
    server = LoneServer(settings.state_directory)
    mine = Post(
        host=gethostname(),
        process=os.getpid(),
        machine=_machine(),
        state=str(settings.state_directory.resolve()),
        # Servers of one database stand by for each other; of two, each would tend all there is.
        mark=f"{digests.short(digests.of_bytes(settings.database_url.encode()))}-"
        f"{os.getpid()}-{token_hex(4)}",
    )
    if not is_shared(settings.database_url):
        return UndisputedDuty(mine)
    return SqlDuty(settings.database_url, fence, mine, clock, lambda mark: not server.lives(mark))


def _machine() -> str:
    """Return what tells this machine from others, without giving away its identity itself."""
    for path in _MACHINE_IDENTITIES:
        with suppress(OSError):
            if identity := path.read_bytes().strip():
                return digests.short(digests.of_bytes(b"herdbook:" + identity))
    return gethostname()


def _mirrors(settings: Settings) -> Mirrors | None:
    given = [settings.mirror, settings.security_mirror]
    if not any(given):
        return None
    if not all(given):
        raise InvalidInputError(
            "HERDBOOK_MIRROR and HERDBOOK_SECURITY_MIRROR go together",
            hint="Set both, or neither to use those of apt's own sources.",
        )
    return Mirrors(*(address.rstrip("/") + "/" for address in given))


def _make_state_directory(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True)
        if not os.access(state, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "it cannot be written")
        # Roots hold setuid programs, layers hold what images keep to their users.
        state.chmod(0o700)
    except OSError as error:
        raise _unusable(state, error) from error


def _unusable(state: Path, error: OSError) -> HerdbookError:
    if error.errno == errno.ENOSPC:
        return NoSpaceError(f"There is no space left for {state}")
    if isinstance(error, PermissionError) and os.geteuid() != 0:
        return MissingToolError(
            f"The state directory {state} belongs to another user",
            hint="Run the same command with sudo, or name a folder of yours in HERDBOOK_STATE.",
        )
    return InvalidInputError(
        f"The state directory {state} cannot be used: {error.strerror}",
        hint="Name another one in HERDBOOK_STATE.",
    )


def open_metadata_client() -> MetadataClient:
    """Return what believes nothing but a root it is given."""
    return TufClient()


def open_network() -> Network:
    """Return this machine's own network."""
    return HostNetwork()
