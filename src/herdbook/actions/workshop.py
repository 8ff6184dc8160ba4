"""Everything a verb may work with, as ports; who runs the program decides what stands behind."""

from __future__ import annotations  # every verb imports this: it names ports, and loads none

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from herdbook.core.given_secrets import GivenSecrets
from herdbook.core.turns import Turns
from herdbook.people.model import Authority
from herdbook.rollouts.duty import UndisputedDuty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from herdbook.audit.ports import AuditLog
    from herdbook.builds.ports import NodePackages, Sandbox, WheelHouse
    from herdbook.campaigns.ports import Campaigns, Herd
    from herdbook.catalogue.model import Variant
    from herdbook.catalogue.ports import Cache, Components, Layers, Versions
    from herdbook.catalogue.stamps import Stamps
    from herdbook.channels.ports import Bundles, ChannelRegister, OwnCommands
    from herdbook.core.clock import Clock
    from herdbook.core.digests import Digest
    from herdbook.core.progress import Progress
    from herdbook.disks.rendering import Renderer
    from herdbook.fleet.backups import BackupStore
    from herdbook.fleet.ports import Balancer, Engine, Inside, Names, Switch
    from herdbook.fleet.volumes import Volumes
    from herdbook.images.ports import BaseImages
    from herdbook.images.registries import Registry
    from herdbook.metadata.ports import MetadataRegister, TrustAnchor
    from herdbook.notifications.ports import Courier, Subscriptions
    from herdbook.packages.ports import Archive
    from herdbook.people.ports import OpenIdProviders, People, Sessions
    from herdbook.rollouts.duty import Duty
    from herdbook.rollouts.ports import FleetRegister, Vault
    from herdbook.signatures.ports import KeyRing, Provenances
    from herdbook.trust.ports import AdvisoryRegister, FeedSource


@dataclass(frozen=True)
class Workshop:
    """The ports of one running program.

    `turns` are taken by what several builds at once want to make; `roots` is where installed
    roots are kept; `staging` gives a folder for the duration of one piece of work, which
    disappears whatever happens. `backups` opens the place at an address where backups are kept,
    sealed with the key in the file `backup_key`. `secrets` are those given to this command.
    `transfers` is where layers of registries arrive, and stay until all of one is there.
    `apart` gives a workshop that makes all layers and roots anew, in a folder of its own, with the
    layers given to begin with. `commands` runs people's own ones.
    `actor` is who gives this command, as the audit calls them, and `authority` by what they do;
    `providers` say by ID tokens who somebody is, where they are believed; `sessions` keeps the
    login of whoever gives this command.
    `groups_of` tells in which groups somebody is, of this machine's and our own.
    `duty` is whether this program, as a server, is the one that works; see there.
    `booted_at` tells when this machine was started, by its time of day as it is now, if known.
    `give_up` ends all programs under way and lets none begin, for when this one is to end.
    """

    archive: Archive
    wheels: WheelHouse
    node: NodePackages
    bases: BaseImages
    registry: Registry
    sandbox: Sandbox
    bundles: Bundles
    versions: Versions
    components: Components
    advisories: AdvisoryRegister
    campaigns: Campaigns
    herd: Herd
    channels: ChannelRegister
    audit: AuditLog
    people: People
    providers: OpenIdProviders
    sessions: Sessions
    keys: KeyRing
    metadata: MetadataRegister
    anchor: TrustAnchor
    provenances: Provenances
    feeds: FeedSource
    layers: Layers
    cache: Cache
    stamps: Stamps
    engines: Mapping[Variant, Engine]
    insides: Mapping[Variant, Inside]
    subscriptions: Subscriptions
    courier: Courier
    fleet: FleetRegister
    vault: Vault
    switch: Switch
    names: Names
    balancer: Balancer
    volumes: Mapping[Variant, Volumes]
    backups: Callable[[str], BackupStore]
    backup_key: Path
    renderer: Callable[[], Renderer]
    clock: Clock
    progress: Progress
    roots: Path
    artefacts: Path
    transfers: Path
    staging: Callable[[], AbstractContextManager[Path]]
    actor: str
    groups_of: Callable[[str], AbstractSet[str]]
    commands: OwnCommands
    apart: Callable[[Workshop, Path, Iterable[Digest]], Workshop]
    authority: Authority = field(default_factory=Authority)
    secrets: GivenSecrets = field(default_factory=GivenSecrets)
    turns: Turns = field(default_factory=Turns)
    duty: Duty = field(default_factory=UndisputedDuty)
    booted_at: Callable[[], datetime | None] = lambda: None
    give_up: Callable[[], None] = lambda: None
