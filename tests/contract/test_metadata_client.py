"""A client that holds only the root believes what enough have signed, and sees each attack."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from channel_images import add_versions, put_rules
from fleet_workshop import fleet_workshop
from signers import NAMES, Signers
from tuf.api.metadata import Metadata, Targets

from herdbook.actions.ask_channel import ask_channel
from herdbook.actions.publish_metadata import with_snapshot
from herdbook.actions.read_metadata import Published
from herdbook.actions.sign_metadata import name_holders, require_pinned, sign_due
from herdbook.core.clock import SystemClock
from herdbook.core.errors import (
    InvalidInputError,
    NetworkError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers.tuf_client import TufClient
from herdbook.metadata import composing
from herdbook.metadata.model import TARGETS, Given, Guard
from herdbook.metadata.signing import document, read, sign
from herdbook.signatures.keys import new_private_key

PLACE = "shop/web@production"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:  # what is asked for is nobody's business here
        pass


class Moved(SystemClock):
    """A clock that is so far behind."""

    def __init__(self, behind: timedelta) -> None:
        self._behind = behind

    def now(self) -> datetime:
        return super().now() - self._behind


@pytest.fixture
def signers(tmp_path: Path) -> Signers:
    return begun(tmp_path / "state")


def begun(state: Path, clock: SystemClock | None = None) -> Signers:
    """Three versions, the second of which is signed for production."""
    workshop = replace(fleet_workshop(state), actor="eve", clock=clock or SystemClock())
    add_versions(workshop, 3)
    made = Signers(workshop)
    made.begin()
    made.promote("shop/web:2")
    return made


class Client:
    """It has the first root, and remembers what it has seen."""

    def __init__(self, signers: Signers, folder: Path) -> None:
        folder.mkdir()
        self._root, self._memory = folder / "root.json", folder / "memory"
        self._root.write_bytes(require_pinned(signers.workshop))

    def ask(self, address: str | Path, place: str = PLACE) -> Given:
        return ask_channel(TufClient(), str(address), self._root, self._memory, place)


@pytest.fixture
def client(signers: Signers, tmp_path: Path) -> Client:
    return Client(signers, tmp_path / "client")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def test_it_learns_what_a_channel_is_from_a_folder_and_from_any_web_server(
    signers: Signers, client: Client, tmp_path: Path
) -> None:
    folder = signers.exported(tmp_path / "given")
    version = signers.workshop.versions.find("shop/web", 2)
    assert version
    found = client.ask(folder)
    assert (found.version, found.digest) == (2, version.digest)
    signers.promote("shop/web:3")
    signers.exported(folder)
    with served(folder) as address:
        assert client.ask(address).version == 3


def test_what_nobody_has_signed_for_is_not_there(
    signers: Signers, client: Client, tmp_path: Path
) -> None:
    folder = signers.exported(tmp_path / "given")
    for place in ("shop/other@production", "shop/web@staging"):
        with pytest.raises(NotFoundError, match="Nobody has signed"):
            client.ask(folder, place)
    with pytest.raises(InvalidInputError, match="names no channel"):
        client.ask(folder, "shop/web")


def test_an_older_state_played_back_is_refused(
    signers: Signers, client: Client, tmp_path: Path
) -> None:
    """The attack of rolling back: all of it was signed once."""
    old = signers.exported(tmp_path / "old")
    signers.promote("shop/web:3")
    assert client.ask(signers.exported(tmp_path / "new")).version == 3
    with pytest.raises(VerificationError, match="older than what was seen before"):
        client.ask(old)


def test_a_list_of_another_time_is_refused(
    signers: Signers, client: Client, tmp_path: Path
) -> None:
    """The attack of mixing and matching: each file was signed, but they do not belong together."""
    old = signers.exported(tmp_path / "old")
    signers.promote("shop/web:3")
    new = signers.exported(tmp_path / "new")
    (before,) = (old / "metadata").glob("1.production-*-*.json")
    after = new / "metadata" / before.name.replace("1.", "2.", 1)
    assert after.exists()
    shutil.copy(before, after)
    with pytest.raises(VerificationError, match="does not belong together"):
        client.ask(new)


def test_what_nobody_renews_is_refused_after_a_while(tmp_path: Path) -> None:
    """The attack of freezing: a client is kept from what is newer."""
    signers = begun(tmp_path / "state", Moved(timedelta(days=8)))
    folder = tmp_path / "given"
    signers.exported(folder)
    client = Client(signers, tmp_path / "client")
    with pytest.raises(VerificationError, match="expired"):
        client.ask(folder)
    later = replace(signers, workshop=replace(signers.workshop, clock=SystemClock()))
    later.exported(folder)  # which says anew that it is the newest
    assert client.ask(folder).version == 2


@pytest.mark.parametrize("part", ["list", "targets"])
def test_a_server_that_has_been_taken_over_cannot_move_a_channel(
    signers: Signers, client: Client, tmp_path: Path, part: str
) -> None:
    """Whoever has its key signs snapshots and timestamps, but nothing that people sign."""
    workshop, thief = signers.workshop, new_private_key()
    soon = workshop.clock.now() + timedelta(days=1)
    forged = [moved_to_third(signers)]
    if part == "targets":
        own = Guard("production", "*", {"thief": thief.public}, 1)
        forged.append((TARGETS, composing.targets([own], 2, soon)))
    for _, each in forged:
        sign(each, thief)
    documents = [document(role, each) for role, each in forged]
    workshop.metadata.publish(with_snapshot(workshop, documents), "thief", workshop.clock.now())
    with pytest.raises(VerificationError, match="too few have signed"):
        client.ask(signers.exported(tmp_path / "given"))


def moved_to_third(signers: Signers) -> tuple[str, Metadata[Targets]]:
    """The list of production with the third version, which nobody has signed."""
    workshop = signers.workshop
    version = workshop.versions.find("shop/web", 3)
    guarded = Published(workshop).guarded("shop/web", "production")
    assert version
    assert guarded
    newest = workshop.metadata.newest(guarded.list_role)
    assert newest
    length = len(workshop.versions.document(version.digest).content)
    given = Given("shop/web", "production", 2, 3, version.digest, length)
    soon = workshop.clock.now() + timedelta(days=1)
    return guarded.list_role, composing.moved(read(newest.content, Targets).signed, given, soon)


def test_who_signs_for_staging_alone_cannot_sign_for_production(
    signers: Signers, client: Client, tmp_path: Path
) -> None:
    """A document does not say of which role it is: each is held against its own keys."""
    workshop = signers.workshop
    signers.keys["ci"] = new_private_key()
    staging = signers.rules("ci", count=1).replace("production", "staging")
    rules = signers.rules(*NAMES) + staging.partition("channels:\n")[2]
    put_rules(workshop, rules)
    for name in ("anna", "bert"):
        sign_due(workshop, signers.keys[name])
    role, moved = moved_to_third(signers)
    sign(moved, signers.keys["ci"])
    forged = with_snapshot(workshop, [document(role, moved)])
    workshop.metadata.publish(forged, "thief", workshop.clock.now())
    with pytest.raises(VerificationError, match="too few have signed"):
        client.ask(signers.exported(tmp_path / "given"))


@pytest.mark.parametrize("role", ["2.root", "*.targets", "*.production-*-*"])
def test_one_signature_too_few_is_seen_wherever_it_is(
    signers: Signers, client: Client, tmp_path: Path, role: str
) -> None:
    workshop = signers.workshop
    name_holders(workshop, signers.public("anna", "bert", "carol"), 2)
    for name in NAMES:
        sign_due(workshop, signers.keys[name])
    folder = signers.exported(tmp_path / "given")
    fits = [
        path
        for path in sorted((folder / "metadata").glob(f"{role}.json"))
        if path.name.count("-") == role.count("-")
    ]
    assert fits
    for path in fits:
        content = json.loads(path.read_bytes())
        content["signatures"] = content["signatures"][:1]
        path.write_text(json.dumps(content))
    with pytest.raises(VerificationError, match="too few have signed"):
        client.ask(folder)


@pytest.mark.parametrize("found", ["targets/*", "metadata/timestamp.json"])
def test_changed_bytes_are_seen(
    signers: Signers, client: Client, tmp_path: Path, found: str
) -> None:
    folder = signers.exported(tmp_path / "given")
    (path,) = folder.glob(found)
    path.write_bytes(path.read_bytes().replace(b'"', b"'", 1))
    with pytest.raises(VerificationError, match=r"not what was signed|cannot be read"):
        client.ask(folder)


def test_a_place_where_nothing_is_says_so(client: Client, tmp_path: Path) -> None:
    for address in (tmp_path / "nothing", "http://127.0.0.1:9"):
        with pytest.raises(NetworkError, match="does not give"):
            client.ask(address)
    with pytest.raises(NotFoundError, match="cannot be read"):
        ask_channel(TufClient(), "x", tmp_path / "absent.json", tmp_path / "memory", PLACE)
