"""What is not as its builder signed it is refused by the name of the part that was changed."""
# ruff: noqa: S608 - statements put together from what these tests say themselves

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from advised_images import OLD_SSL, add_holding
from channel_images import add_version, put_rules
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.attached import attached_to_index
from herdbook.actions.check_genuine import every_check, refuse_forged, why_forged
from herdbook.actions.export import export
from herdbook.actions.foundation import parent_version
from herdbook.actions.keep_keys import distrust_key, retire_key, rotate_key, trust_key
from herdbook.actions.name_version import version_meant
from herdbook.actions.promote import promote
from herdbook.actions.release_application import release_application
from herdbook.actions.revoke import plan_revocation, revoke
from herdbook.actions.vouch import vouch, vouch_for_all
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import LockedParent
from herdbook.catalogue.model import Version
from herdbook.channels.model import Level
from herdbook.core import digests
from herdbook.core.errors import (
    GateError,
    HerdbookError,
    InvalidInputError,
    NotFoundError,
    VerificationError,
)
from herdbook.images.documents import INDEX, Document
from herdbook.signatures.envelopes import signed
from herdbook.signatures.keys import new_private_key
from herdbook.store.packing import pack, pack_bytes, pack_documents

Tamper = Callable[[Workshop, Version], None]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One with three versions of shop/web."""
    made = replace(fleet_workshop(tmp_path / "state"), actor="anna")
    for _ in range(3):
        add_holding(made, OLD_SSL)
    return made


@pytest.fixture
def version(workshop: Workshop) -> Version:
    found = workshop.versions.find("shop/web", 2)
    assert found is not None
    return found


def change(workshop: Workshop, statement: str, *values: object) -> None:
    """Change the register past Herdbook."""
    database = workshop.artefacts.parent / "herdbook.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def identity(version: Version) -> str:
    return (
        "(SELECT v.id FROM versions v JOIN images i ON i.id = v.image_id "
        f"WHERE i.name = '{version.image}' AND v.number = {version.number})"
    )


def raw(digest: str) -> bytes:
    return bytes.fromhex(digest.partition(":")[2])


def layer(workshop: Workshop, version: Version) -> None:
    path = workshop.layers.path(version.variants[0].layers[0].digest)
    path.write_bytes(path.read_bytes().replace(b"recipe", b"rezept")[:-1] + b"!")


def layer_with_its_times_laid_back(workshop: Workshop, version: Version) -> None:
    path = workshop.layers.path(version.variants[0].layers[0].digest)
    refuse_forged(workshop, version)  # it was read once, and was as it should be
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def layer_gone(workshop: Workshop, version: Version) -> None:
    workshop.layers.path(version.variants[0].layers[0].digest).unlink()


def other_layers(workshop: Workshop, version: Version) -> None:
    other = workshop.versions.find("shop/web", 3)
    assert other is not None
    change(
        workshop,
        f"UPDATE variants SET own_id = (SELECT own_id FROM variants WHERE version_id = "
        f"{identity(other)}) WHERE version_id = {identity(version)}",
    )


def manifest(workshop: Workshop, version: Version) -> None:
    other = digests.of_bytes(b"other")
    where = f"WHERE version_id = {identity(version)}"
    change(workshop, f"UPDATE variants SET manifest = ? {where}", raw(other))


def documents(workshop: Workshop, version: Version) -> None:
    """Other documents: none of them has the digest that it should."""
    kept = [version.digest, version.variants[0].manifest, version.variants[0].config]
    found = [workshop.versions.document(each) for each in kept]
    changed = [replace(each, content=each.content + b" ") for each in found]
    where = f"WHERE version_id = {identity(version)}"
    change(workshop, f"UPDATE version_contents SET documents = ? {where}", pack_documents(changed))


def configuration(workshop: Workshop, version: Version) -> None:
    kept = [version.digest, version.variants[0].manifest]
    found = [workshop.versions.document(each) for each in kept]
    where = f"WHERE version_id = {identity(version)}"
    change(workshop, f"UPDATE version_contents SET documents = ? {where}", pack_documents(found))


def configuration_named(workshop: Workshop, version: Version) -> None:
    where = f"WHERE version_id = {identity(version)}"
    change(workshop, f"UPDATE variants SET config = ? {where}", raw(version.digest))


def index(workshop: Workshop, version: Version) -> None:
    where = f"WHERE id = {identity(version)}"
    other = raw(digests.of_bytes(b"other"))
    change(workshop, f"UPDATE versions SET digest = ? {where}", other)


def lock(workshop: Workshop, version: Version) -> None:
    where = f"WHERE id = (SELECT lock_id FROM versions WHERE id = {identity(version)})"
    changed = pack(version.lock.replace("base-files", "base-filez"))
    change(workshop, f"UPDATE locks SET content = ? {where}", changed)


def recipe(workshop: Workshop, version: Version) -> None:
    where = f"WHERE version_id = {identity(version)}"
    change(workshop, f"UPDATE version_contents SET recipe = ? {where}", pack("image: other"))


def build_key(workshop: Workshop, version: Version) -> None:
    """A build seems to have been done already."""
    where = f"WHERE id = {identity(version)}"
    other = raw(digests.of_bytes(b"other"))
    change(workshop, f"UPDATE versions SET build_key = ? {where}", other)


def provenance(workshop: Workshop, version: Version) -> None:
    envelope = workshop.provenances.find(version.image, version.number)
    assert envelope is not None
    changed = pack_bytes(envelope.payload.replace(b"its author", b"a campaign"))
    where = f"WHERE version_id = {identity(version)}"
    change(workshop, f"UPDATE provenances SET statement = ? {where}", changed)


def provenance_of_another(workshop: Workshop, version: Version) -> None:
    """What was good once is put in the place of what is newer."""
    parts = "key, signature, statement"
    older = replace(version, number=1)
    change(
        workshop,
        f"UPDATE provenances SET ({parts}) = (SELECT {parts} FROM provenances WHERE "
        f"version_id = {identity(older)}) WHERE version_id = {identity(version)}",
    )


def version_of_before(workshop: Workshop, version: Version) -> None:
    """An older version, signed as it is, takes the number of a newer one."""
    change(workshop, f"UPDATE versions SET number = 9 WHERE id = {identity(version)}")
    older = replace(version, number=1)
    change(workshop, f"UPDATE versions SET number = 2 WHERE id = {identity(older)}")


def signed_by_a_stranger(workshop: Workshop, version: Version) -> None:
    envelope = workshop.provenances.find(version.image, version.number)
    assert envelope is not None
    other = signed(envelope.payload, new_private_key())
    change(
        workshop,
        f"UPDATE provenances SET key = ?, signature = ? WHERE version_id = {identity(version)}",
        *(bytes.fromhex(other.key), other.signature),
    )


def signature_gone(workshop: Workshop, version: Version) -> None:
    change(workshop, f"DELETE FROM provenances WHERE version_id = {identity(version)}")


def component_left_out(workshop: Workshop, version: Version) -> None:
    del version
    change(workshop, "DELETE FROM layer_components")


def component_of_another_version(workshop: Workshop, version: Version) -> None:
    """A hole seems to be mended."""
    del version
    change(workshop, "UPDATE components SET version = '9', source_version = '9'")


def bill_not_signed(workshop: Workshop, version: Version) -> None:
    del version
    change(workshop, "UPDATE layers SET bill_key = NULL, bill_signature = NULL")


def bill_taken_away(workshop: Workshop, version: Version) -> None:
    """What was looked at seems never to have been: then it is not known what it holds."""
    del version
    change(workshop, "UPDATE layers SET origin = 'not-scanned'")


def key_distrusted(workshop: Workshop, version: Version) -> None:
    del version
    distrust_key(workshop, "builder", "the laptop was stolen")


TAMPERINGS: list[tuple[Tamper, str]] = [
    (layer, "layer files"),
    (layer_with_its_times_laid_back, "layer files"),
    (layer_gone, "layer files"),
    (other_layers, "manifest of the container"),
    (manifest, "manifest of the container"),
    (documents, "index"),
    (configuration, "configuration of the container"),
    (configuration_named, "manifest of the container"),
    (index, "index"),
    (lock, "lock"),
    (recipe, "recipe"),
    (build_key, "build key"),
    (provenance, "signature"),
    (provenance_of_another, "provenance"),
    (version_of_before, "provenance"),
    (signed_by_a_stranger, "signature"),
    (signature_gone, "signature"),
    (component_left_out, "bill of the layer"),
    (component_of_another_version, "bill of the layer"),
    (bill_not_signed, "bill of the layer"),
    (bill_taken_away, "bill of the layer"),
    (key_distrusted, "signature"),
]
AS_ITS_NAME = pytest.mark.parametrize(
    ("tamper", "part"), TAMPERINGS, ids=[tamper.__name__ for tamper, _ in TAMPERINGS]
)


def tampered(workshop: Workshop, tamper: Tamper, version: Version) -> Version:
    tamper(workshop, version)
    found = workshop.versions.find(version.image, version.number)
    assert found is not None
    return found


def test_what_nobody_touched_is_genuine_and_each_part_of_it_is_named(
    workshop: Workshop, version: Version
) -> None:
    [held] = version.variants[0].layers
    checks = list(every_check(workshop, version))
    assert {each.fault for each in checks} == {""}
    assert [each.part for each in checks] == [
        *("signature", "signer", "provenance", "index", "manifest of the container"),
        *("lock", "recipe", "build key", "lineage"),
        *("index as kept", "manifest of the container as kept"),
        "configuration of the container",
        *(f"bill of the layer {digests.short(held.digest)}", "layer files"),
    ]


@AS_ITS_NAME
def test_each_tampering_is_told_by_the_name_of_the_part(
    workshop: Workshop, version: Version, tamper: Tamper, part: str
) -> None:
    found = tampered(workshop, tamper, version)
    assert why_forged(workshop, found).startswith(part)
    with pytest.raises(VerificationError) as raised:
        refuse_forged(workshop, found)
    assert part in raised.value.message
    assert f"herdbook verify {found.label}" in raised.value.hint


@AS_ITS_NAME
def test_no_channel_gets_what_was_tampered_with(
    workshop: Workshop, version: Version, tamper: Tamper, part: str
) -> None:
    tampered(workshop, tamper, version)
    with pytest.raises(GateError) as raised:
        promote(workshop, version.label, "production")
    assert part in raised.value.message
    assert workshop.channels.every() == []


@AS_ITS_NAME
def test_nothing_is_made_from_what_was_tampered_with(
    workshop: Workshop, version: Version, tamper: Tamper, part: str
) -> None:
    found = tampered(workshop, tamper, version)
    parent = LockedParent(image=found.image, number=found.number, digest=found.digest)
    with pytest.raises(VerificationError) as raised:
        parent_version(workshop, parent)
    assert part in raised.value.message


@AS_ITS_NAME
def test_nothing_is_released_of_what_was_tampered_with(
    workshop: Workshop, tmp_path: Path, version: Version, tamper: Tamper, part: str
) -> None:
    tampered(workshop, tamper, version)
    text = f"services: {{web: {{x-herdbook: {{image: '{version.label}'}}}}}}"
    application = composed(tmp_path / "shop", text)
    with pytest.raises(HerdbookError) as raised:
        release_application(workshop, MadeUpNetwork(), application)
    assert part in raised.value.message
    assert not list(workshop.fleet.every())


def test_a_key_of_elsewhere_counts_for_its_images_only(
    workshop: Workshop, tmp_path: Path, version: Version
) -> None:
    other = fleet_workshop(tmp_path / "other")
    file = tmp_path / "other.pem"
    file.write_text(other.keys.own().pem)
    shutil.copy(file, tmp_path / "copy.pem")
    envelope = workshop.provenances.find(version.image, version.number)
    assert envelope is not None
    foreign = other.keys.sign(lambda _: envelope.payload)
    change(
        workshop,
        f"UPDATE provenances SET key = ?, signature = ? WHERE version_id = {identity(version)}",
        *(bytes.fromhex(foreign.key), foreign.signature),
    )
    assert "not in the ring" in why_forged(workshop, version)
    trust_key(workshop, file, "bank", "bank/*")
    assert "counts for bank/* only" in why_forged(workshop, version)
    distrust_key(workshop, "bank", "not ours")
    assert "distrusted" in why_forged(workshop, version)


def test_what_a_key_signed_before_it_was_replaced_counts(
    workshop: Workshop, version: Version
) -> None:
    rotate_key(workshop, "every year")
    add_version(workshop)
    assert why_forged(workshop, version) == ""
    retire_key(workshop, "builder-2", "every year")
    assert why_forged(workshop, version) == ""


def test_somebody_can_vouch_for_what_nobody_has_signed(
    workshop: Workshop, version: Version
) -> None:
    signature_gone(workshop, version)
    assert vouch(workshop, version, "built before there were keys")
    assert why_forged(workshop, version) == ""
    envelope = workshop.provenances.find(version.image, version.number)
    assert envelope is not None
    cause = json.loads(envelope.payload)["predicate"]["buildDefinition"]["internalParameters"]
    assert cause["cause"] == "anna vouches for it: built before there were keys"
    assert [each.verb for each in workshop.audit.records()] == ["sign"]
    assert not vouch(workshop, version, "once more")


def test_somebody_can_vouch_for_all_at_once(workshop: Workshop) -> None:
    change(workshop, "DELETE FROM provenances")
    found = [each.label for each in vouch_for_all(workshop, "we moved")]
    assert found == ["shop/web:1", "shop/web:2", "shop/web:3"]
    own = workshop.keys.own().key.identity
    assert workshop.provenances.lacking([own]) == []


def test_after_a_key_was_lost_somebody_can_vouch_for_all_that_it_signed(
    workshop: Workshop, version: Version
) -> None:
    distrust_key(workshop, "builder", "the laptop was stolen")
    assert len(list(vouch_for_all(workshop, "built before it was"))) == 3
    assert why_forged(workshop, version) == ""


@pytest.mark.parametrize("tamper", [layer, documents, provenance, provenance_of_another])
def test_nobody_can_vouch_for_what_was_changed(
    workshop: Workshop, version: Version, tamper: Tamper
) -> None:
    if tamper in {layer, documents}:
        signature_gone(workshop, version)
    before = workshop.provenances.find(version.image, version.number)
    found = tampered(workshop, tamper, version)
    with pytest.raises(VerificationError, match="Nobody can vouch"):
        vouch(workshop, found, "it looks good")
    if tamper in {layer, documents}:
        assert workshop.provenances.find(version.image, version.number) == before


def test_why_has_to_be_said(workshop: Workshop, version: Version) -> None:
    with pytest.raises(InvalidInputError):
        vouch(workshop, version, " ")
    with pytest.raises(InvalidInputError):
        rotate_key(workshop, "")
    with pytest.raises(InvalidInputError):
        distrust_key(workshop, "builder", "")


def test_a_file_that_holds_no_key_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        trust_key(workshop, tmp_path / "none.pem", "bank", "*")
    (tmp_path / "text.pem").write_text("Größe")
    with pytest.raises(InvalidInputError):
        trust_key(workshop, tmp_path / "text.pem", "bank", "*")
    assert list(workshop.audit.records()) == []


def test_what_a_version_was_made_from_cannot_be_forgotten_past_herdbook(
    workshop: Workshop, version: Version
) -> None:
    """Else it would not be reached by what is revoked below."""
    child = add_version(workshop, "shop/child", (version.image, version.number))
    assert why_forged(workshop, child) == ""
    change(workshop, "UPDATE versions SET parent_id = NULL WHERE parent_id IS NOT NULL")
    assert why_forged(workshop, child).startswith("lineage: it was made from shop/web:2")


def test_nothing_that_was_changed_is_exported_or_attached(
    workshop: Workshop, tmp_path: Path, version: Version
) -> None:
    """Nor does the builder sign it because it is asked for."""
    found = tampered(workshop, documents, version)
    with pytest.raises(VerificationError):
        export(workshop, found, "docker", tmp_path / "x.tar", "none")
    assert not (tmp_path / "x.tar").exists()
    evil = Document(INDEX, b'{"manifests":[]}')
    with pytest.raises(VerificationError):
        attached_to_index(workshop, found, evil)


# Channels


def of_channel(statement: str) -> Callable[[Workshop], None]:
    return lambda workshop: change(workshop, f"{statement} WHERE image = 'shop/web'")


def moved_back(workshop: Workshop) -> None:
    """All that a channel got last is gone, as if it had never been."""
    change(workshop, "DELETE FROM assignments WHERE number = 2")
    change(workshop, "UPDATE channels SET newest = 1")


def replayed(workshop: Workshop) -> None:
    """What was good once is put in the place of what is newer."""
    columns = "version, digest, at, who, why, way, key, signature"
    change(
        workshop,
        f"UPDATE assignments SET ({columns}) = (SELECT {columns} FROM assignments WHERE number = 1)"
        " WHERE number = 2",
    )


def gone_from_both(workshop: Workshop) -> None:
    """The record is gone, too, and with it the end of the audit."""
    moved_back(workshop)
    change(workshop, "DELETE FROM audit_records WHERE number = 2")
    change(workshop, "UPDATE audit_head SET number = 1")


def revoked(workshop: Workshop) -> None:
    """What it got last seems to be bad, so that it falls back."""
    change(
        workshop,
        "INSERT INTO revocations (image, version, at, who, reason, since, inherited) VALUES "
        "('shop/web', 2, '2026-01-01 00:00:00', 'nobody', 'none', ?, 1)",
        json.dumps({"releases": "2020-01-01T00:00:00+00:00"}),
    )


def stranger(workshop: Workshop) -> None:
    change(workshop, "UPDATE assignments SET key = ?", new_private_key().public.identity)


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (of_channel("UPDATE assignments SET version = 3"), "not valid"),
        (of_channel("UPDATE assignments SET who = 'bert'"), "not valid"),
        (of_channel("UPDATE assignments SET signature = ''"), "nobody has signed"),
        (stranger, "not in the ring"),
        (replayed, "not valid"),
        (moved_back, "it got version 2, which is not there"),
        (revoked, "the audit knows nothing of that"),
        (gone_from_both, "not written by Herdbook"),
    ],
)
def test_a_channel_that_was_tampered_with_means_nothing(
    workshop: Workshop, tamper: Callable[[Workshop], None], words: str
) -> None:
    promote(workshop, "shop/web:1", "production")
    promote(workshop, "shop/web:2", "production")
    assert version_meant(workshop, "shop/web@production").number == 2
    tamper(workshop)
    with pytest.raises(VerificationError) as raised:
        version_meant(workshop, "shop/web@production")
    assert words in raised.value.message


def test_a_channel_that_was_put_back_is_as_it_was_once_somebody_promotes_again(
    workshop: Workshop,
) -> None:
    promote(workshop, "shop/web:1", "production")
    promote(workshop, "shop/web:2", "production")
    moved_back(workshop)
    promote(workshop, "shop/web:2", "production")
    assert version_meant(workshop, "shop/web@production").number == 2


def test_what_was_revoked_is_not_good_again_past_herdbook(workshop: Workshop) -> None:
    promote(workshop, "shop/web:1", "production")
    since = {Level.RELEASES: workshop.clock.now()}
    revoke(workshop, plan_revocation(workshop, "shop/web:2", "it leaks", since))
    change(workshop, "DELETE FROM revocations")
    with pytest.raises(GateError, match="by the audit shop/web:2 is revoked"):
        promote(workshop, "shop/web:2", "production")


def test_an_assignment_between_others_cannot_be_taken_away(workshop: Workshop) -> None:
    """Else the channel would fall back too far where the newest one is revoked."""
    for number in (1, 2, 3):
        promote(workshop, f"shop/web:{number}", "production")
    change(workshop, "DELETE FROM assignments WHERE number = 2")
    since = {Level.RELEASES: workshop.clock.now()}
    revoke(workshop, plan_revocation(workshop, "shop/web:3", "it leaks", since))
    with pytest.raises(VerificationError, match="its assignment 2 is gone"):
        version_meant(workshop, "shop/web@production")


def test_a_channel_that_follows_is_checked_as_well(workshop: Workshop) -> None:
    put_rules(workshop, "channels: [{channel: production, follow_back: [dev]}]")
    promote(workshop, "shop/web:1", "production")
    promote(workshop, "shop/web:2", "production")
    assert version_meant(workshop, "shop/web@dev").number == 2
    moved_back(workshop)
    with pytest.raises(VerificationError, match="it got version 2, which is not there"):
        version_meant(workshop, "shop/web@dev")
