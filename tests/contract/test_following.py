"""What a campaign makes is signed as what is built, and follows on nothing that was changed."""

from dataclasses import replace
from pathlib import Path

import pytest
from herds import MOMENT, built, digest, moves_of, new_campaign
from key_makers import ring_at
from sqlalchemy import Engine, delete, select, update

from herdbook.core.errors import VerificationError
from herdbook.drivers.fake import FakeClock
from herdbook.signatures.keys import new_private_key
from herdbook.signatures.model import KnownKey, Standing
from herdbook.signatures.statements import read_provenance
from herdbook.store import schema
from herdbook.store.audit import SqlAudit
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.herd import SqlHerd
from herdbook.store.key_ring import FileKeyRing
from herdbook.store.provenances import SqlProvenances
from herdbook.store.versions import SqlVersions

CHANGES = (
    (schema.version_contents, ("documents", "recipe")),
    (schema.variants, ("manifest", "config")),
)
"""What of a version is put in the place of another one's."""


class Register:
    """A register that signs, and a campaign in it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.ring: FileKeyRing = ring_at(folder / "keys")
        self.versions = SqlVersions(engine, self.ring)
        self.herd = SqlHerd(engine, self.ring)
        audit = SqlAudit(engine, folder / "audit.key")
        self.provenances = SqlProvenances(engine, audit, FakeClock())
        self.campaign = SqlCampaigns(engine).open(new_campaign())[0].number

    def rebase(self) -> int:
        return self.herd.rebase(self.campaign, moves_of(self.herd), now=MOMENT, limit=10)

    def newest(self, image: str) -> int:
        found = self.versions.find(image)
        assert found
        return found.number


@pytest.fixture
def register(engine: Engine, tmp_path: Path) -> Register:
    made = Register(engine, tmp_path)
    for image in ("shop/web", "shop/api"):
        made.versions.add(built(image))
    return made


def test_what_follows_is_signed_with_the_campaign_as_its_cause(register: Register) -> None:
    assert register.rebase() == 2
    envelope = register.provenances.find("shop/web", 2)
    assert envelope
    assert envelope.is_by(register.ring.own().key)
    stated = read_provenance(envelope.payload)
    version = register.versions.find("shop/web", 2)
    assert version
    assert (stated.label, stated.digest) == ("shop/web:2", version.digest)
    assert stated.variants == {each.kind.value: each.manifest for each in version.variants}
    assert stated.cause == f"campaign {register.campaign}"


def test_nothing_follows_on_a_version_whose_documents_were_changed(register: Register) -> None:
    """Else the next one would be signed, whatever somebody has made of it."""
    versions, images = schema.versions, schema.images.c
    with register.engine.begin() as connection:
        query = select(images.name, images.newest_id)
        ids = {row.name: row.newest_id for row in connection.execute(query)}
        mine, other = ids["shop/web"], ids["shop/api"]
        found = select(versions.c.digest).where(versions.c.id == other)
        digest = connection.execute(found).scalar_one()
        changed = update(versions).where(versions.c.id == mine).values(digest=digest)
        connection.execute(changed)
        for table, columns in CHANGES:
            for row in connection.execute(select(table).where(table.c.version_id == other)).all():
                values = {column: getattr(row, column) for column in columns}
                same = [table.c.version_id == mine]
                same += [table.c.kind == row.kind] if table is schema.variants else []
                connection.execute(update(table).where(*same).values(**values))
    with pytest.raises(VerificationError, match="shop/web:1 is not what its builder signed: index"):
        register.rebase()
    assert [register.newest(image) for image in ("shop/web", "shop/api")] == [1, 1]


def test_nothing_follows_on_what_nobody_has_signed(register: Register) -> None:
    with register.engine.begin() as connection:
        connection.execute(delete(schema.provenances))
    with pytest.raises(VerificationError, match="nobody has signed"):
        register.rebase()


def test_who_had_signed_it_elsewhere_is_handed_on_and_distrusted_with_it(
    register: Register,
) -> None:
    key = KnownKey(name="there", pem=new_private_key().public.pem, at=MOMENT, who="ann")
    register.ring.add(key)
    register.versions.add(replace(built("shop/mail"), signer=key.key.identity))
    assert register.rebase() == 3
    envelope = register.provenances.find("shop/mail", 2)
    assert envelope
    assert read_provenance(envelope.payload).signer == key.key.identity
    own = register.provenances.find("shop/web", 2)
    assert own
    assert read_provenance(own.payload).signer == ""


def test_nothing_follows_on_what_a_distrusted_key_had_signed_elsewhere(register: Register) -> None:
    key = KnownKey(name="there", pem=new_private_key().public.pem, at=MOMENT, who="ann")
    register.ring.add(key)
    register.versions.add(replace(built("shop/mail"), signer=key.key.identity))
    register.ring.change("there", Standing.DISTRUSTED)
    with pytest.raises(VerificationError, match="does not count any more"):
        register.rebase()


def test_versions_that_only_keys_have_signed_that_do_not_count_are_told(register: Register) -> None:
    own = register.ring.own().key.identity
    assert register.provenances.lacking([own]) == []
    every = [("shop/api", 1), ("shop/web", 1)]
    assert register.provenances.lacking([]) == every
    assert register.provenances.lacking([digest("other").partition(":")[2]]) == every
