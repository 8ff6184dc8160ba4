"""Puts the program together: one explicit table of drivers and stores."""

import errno
import os
from contextlib import suppress
from functools import cache
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
from herdbook.drivers import process
from herdbook.rollouts.duty import Duty, Post, UndisputedDuty
from herdbook.server import parts
from herdbook.server.late import late
from herdbook.server.settings import Settings
from herdbook.server.stamps import open_stamps
from herdbook.server.who import all_groups, who_acts
from herdbook.store.audit import SqlAudit
from herdbook.store.blobs import BlobStore
from herdbook.store.database import is_shared, open_database
from herdbook.store.fencing import Fence
from herdbook.store.people import SqlPeople
from herdbook.store.sessions import FileSessions
from herdbook.store.staging import Staging

_MACHINE_IDENTITIES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def open_workshop(
    settings: Settings, progress: Progress, secrets: GivenSecrets | None = None
) -> Workshop:
    """Return everything a verb may work with, on this machine's state; most is opened when used.

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
    providers = late(parts.providers, state, clock)
    sessions = FileSessions(settings.session_file or state / "session.json")
    acting = who_acts(settings, people, Vouching(people, providers), sessions, clock)
    keys = late(parts.key_ring, settings, clock, acting.actor)
    blobs = BlobStore(state / "blobs")
    blobs.sweep()
    archive, sandbox = late(parts.archive, settings), late(parts.sandbox, staging)
    podman, qemu = late(parts.podman, state, clock), late(parts.qemu, state, clock)
    return Workshop(
        archive=archive,
        wheels=late(parts.wheels, state),
        node=late(parts.node, state),
        bases=late(parts.bases, state),
        registry=late(parts.registry, settings),
        sandbox=sandbox,
        bundles=late(parts.bundles, state, staging),
        versions=late(parts.versions, database, keys),
        components=late(parts.components, database, keys),
        advisories=late(parts.advisories, database),
        campaigns=late(parts.campaigns, database),
        herd=late(parts.herd, database, keys),
        channels=late(parts.channels, database, audit, keys),
        audit=audit,
        people=people,
        providers=providers,
        sessions=sessions,
        keys=keys,
        metadata=late(parts.metadata, database, audit),
        anchor=late(parts.anchor, settings),
        provenances=late(parts.provenances, database, audit, clock),
        feeds=late(parts.feeds),
        layers=blobs,
        cache=late(parts.work_cache, database, blobs),
        stamps=open_stamps(settings),
        engines={Variant.CONTAINER: podman, Variant.VM: qemu},
        insides={Variant.CONTAINER: podman, Variant.VM: qemu},
        subscriptions=late(parts.subscriptions, database, audit),
        courier=late(parts.courier, settings),
        fleet=late(parts.fleet, database),
        vault=late(parts.vault, database, state),
        switch=late(parts.switch, state),
        names=late(parts.names, state, clock),
        balancer=late(parts.balancer, state, clock),
        volumes={
            Variant.CONTAINER: late(parts.volumes_of_containers, state, clock),
            Variant.VM: late(parts.volumes_of_machines, state, clock),
        },
        backups=parts.backups(settings),
        backup_key=state / "backup.key",
        renderer=cache(lambda: parts.renderer(archive, sandbox, staging, state, progress)),
        clock=clock,
        progress=progress,
        roots=state / "roots",
        artefacts=state / "artefacts",
        transfers=state / "registries" / "arriving",
        staging=staging,
        commands=late(parts.commands),
        apart=parts.apart,
        actor=acting.actor,
        authority=acting.authority,
        groups_of=all_groups(people, clock),
        duty=_duty(settings, fence, clock),
        booted_at=clock.booted_at,
        give_up=process.end_all,
        secrets=secrets or GivenSecrets(),
    )


def _duty(settings: Settings, fence: Fence, clock: Clock) -> Duty:
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
    return parts.shared_duty(settings, fence, mine, clock)


def _machine() -> str:
    """Return what tells this machine from others, without giving away its identity itself."""
    for path in _MACHINE_IDENTITIES:
        with suppress(OSError):
            if identity := path.read_bytes().strip():
                return digests.short(digests.of_bytes(b"herdbook:" + identity))
    return gethostname()


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
