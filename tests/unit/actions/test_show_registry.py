"""What the registry view gives out of an image: what a tag means now, and only what is its own."""

from datetime import timedelta
from pathlib import Path

import pytest
from channel_images import add_version, add_versions
from fleet_workshop import fleet_workshop

from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.show_registry import RegistryShow, has_image, is_name, page
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.model import Level
from herdbook.core.digests import of_file
from herdbook.core.errors import InvalidInputError, NotFoundError, RevokedError


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One whose production has been shop/web:1 and 2, of three versions."""
    made = fleet_workshop(tmp_path / "state")
    add_versions(made, 3)
    for number in (1, 2):
        promote(made, f"shop/web:{number}", "production")
    return made


@pytest.fixture
def show(workshop: Workshop) -> RegistryShow:
    return RegistryShow(workshop)


def version(workshop: Workshop, number: int, image: str = "shop/web") -> Version:
    found = workshop.versions.find(image, number)
    assert found is not None
    return found


def declare_bad(
    workshop: Workshop, name: str, level: Level = Level.RESTARTS, days: float = 0
) -> None:
    since = {level: workshop.clock.now() + timedelta(days=days)}
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since, inherited=True))


def test_a_tag_is_a_number_a_channel_or_the_newest(workshop: Workshop, show: RegistryShow) -> None:
    for tag, number in (("1", 1), ("production", 2), ("latest", 3)):
        assert show.manifest("shop/web", tag).digest == version(workshop, number).digest
    promote(workshop, "shop/web:1", "latest")
    assert show.manifest("shop/web", "latest").digest == version(workshop, 1).digest


def test_no_channel_is_called_as_a_number_would_be(workshop: Workshop) -> None:
    """Its tag would be taken for a version's."""
    with pytest.raises(InvalidInputError):
        promote(workshop, "shop/web:1", "4")


@pytest.mark.parametrize(
    "reference", ["none", "9", "01", "0", "", "..", "a/b", "sha256:12", "sha256-" + "0" * 64, "é"]
)
def test_what_is_no_tag_is_not_there(show: RegistryShow, reference: str) -> None:
    with pytest.raises(NotFoundError):
        show.manifest("shop/web", reference)


def test_documents_and_layers_are_given_by_digest(workshop: Workshop, show: RegistryShow) -> None:
    found = version(workshop, 1)
    variant = found.variants[0]
    for digest in (found.digest, variant.manifest):
        assert show.manifest("shop/web", digest).digest == digest
    config = show.blob("shop/web", variant.config)
    assert not isinstance(config, Path)
    assert config.digest == variant.config
    layer = show.blob("shop/web", variant.layers[0].digest)
    assert isinstance(layer, Path)
    assert of_file(layer) == variant.layers[0].digest


def test_nothing_of_another_image_is_given(workshop: Workshop, show: RegistryShow) -> None:
    variant = add_version(workshop, "shop/db").variants[0]
    for digest in (variant.manifest, variant.config, variant.layers[0].digest):
        with pytest.raises(NotFoundError):
            show.blob("shop/web", digest)
    with pytest.raises(NotFoundError):
        show.manifest("shop/web", variant.manifest)
    assert show.referrers("shop/web", variant.manifest) == []


def test_a_revoked_version_is_refused_by_every_name_until_it_is_reinstated(
    workshop: Workshop, show: RegistryShow
) -> None:
    declare_bad(workshop, "shop/web:3")
    bad = version(workshop, 3)
    for reference in ("3", "latest", bad.digest, bad.variants[0].manifest):
        with pytest.raises(RevokedError, match="shop/web:3 is revoked: it leaks"):
            show.manifest("shop/web", reference)
    for digest in (bad.variants[0].layers[0].digest, bad.variants[0].config):
        with pytest.raises(RevokedError):
            show.blob("shop/web", digest)
    with pytest.raises(RevokedError):
        show.referrers("shop/web", bad.variants[0].manifest)
    reinstate(workshop, "shop/web:3")
    assert show.manifest("shop/web", "3").digest == bad.digest


def test_a_channel_falls_back_and_is_refused_where_there_is_nothing_to_fall_to(
    workshop: Workshop, show: RegistryShow
) -> None:
    declare_bad(workshop, "shop/web:2")
    assert show.manifest("shop/web", "production").digest == version(workshop, 1).digest
    declare_bad(workshop, "shop/web:1")
    with pytest.raises(RevokedError, match="it leaks"):
        show.manifest("shop/web", "production")
    assert show.tags("shop/web") == ["3", "latest"]


@pytest.mark.parametrize(("level", "days"), [(Level.BUILDS, 0.0), (Level.RESTARTS, 1.0)])
def test_what_may_still_be_started_is_given(
    workshop: Workshop, show: RegistryShow, level: Level, days: float
) -> None:
    declare_bad(workshop, "shop/web:2", level, days)
    assert show.manifest("shop/web", "2").digest == version(workshop, 2).digest
    assert show.tags("shop/web") == ["1", "2", "3", "latest", "production"]


def test_what_is_made_from_a_revoked_version_is_refused_too(
    workshop: Workshop, show: RegistryShow
) -> None:
    add_version(workshop, "shop/child", ("shop/web", 1))
    declare_bad(workshop, "shop/web:1")
    with pytest.raises(RevokedError, match="made from shop/web:1"):
        show.manifest("shop/child", "1")
    assert show.tags("shop/child") == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((each, True) for each in ("a", "shop/web", "a.b/c_d/e-f", "a__b", "a--b", "0/1")),
        *((each, False) for each in ("", "/", "a/", "/a", "a//b", "A", "a..b", "..", "a/../b")),
        *((each, False) for each in ("_catalog", "a b", "a\n", "ä", "a:1", "a@b", "a" * 256)),
    ],
)
def test_names_are_those_of_the_specification(name: str, *, is_one: bool) -> None:
    assert is_name(name) is is_one


def test_an_image_is_there_once_it_has_a_version(workshop: Workshop) -> None:
    assert has_image(workshop, "shop/web")
    assert not has_image(workshop, "shop")


def test_pages_follow_on_one_another() -> None:
    names = ["1", "10", "2", "latest"]
    assert page(names, "", 3) == (["1", "10", "2"], True)
    assert page(names, "2", 3) == (["latest"], False)
    assert page(names, "1z", 9) == (["2", "latest"], False)
    assert page(names, "", 4) == (names, False)
    assert page(names, "", 0) == ([], False)
