"""What an image is made from: the version that is named, never one that is revoked."""

from pathlib import Path

import pytest
from channel_images import add_version, add_versions
from fleet_workshop import fleet_workshop

from herdbook.actions.choose_packages import below_recipe
from herdbook.actions.foundation import parent_version
from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import LockedParent
from herdbook.channels.model import Level
from herdbook.core.errors import HerdbookError, NotFoundError, RevokedError
from herdbook.recipes.reading import read_recipe


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One in which stable has been shop/base:1 and 2, of three versions."""
    made = fleet_workshop(tmp_path / "state")
    add_versions(made, 3, "shop/base")
    for number in (1, 2):
        promote(made, f"shop/base:{number}", "stable")
    return made


def declare_bad(workshop: Workshop, name: str, *levels: Level) -> None:
    since = dict.fromkeys(levels, workshop.clock.now())
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since))


def parent(workshop: Workshop, tmp_path: Path, name: str) -> LockedParent:
    """Return what the lock of a recipe says that is made from such an image."""
    path = tmp_path / "recipe.yaml"
    path.write_text(f"image: shop/web\nfrom: {name}\nvariants: [container]\n")
    found = below_recipe(workshop, read_recipe(path)).parent
    assert found
    return found


def locked(workshop: Workshop, image: str, number: int) -> LockedParent:
    found = workshop.versions.find(image, number)
    assert found
    return LockedParent(image=image, number=number, digest=found.digest)


@pytest.mark.parametrize(
    ("name", "number"), [("shop/base", 3), ("shop/base:1", 1), ("shop/base@stable", 2)]
)
def test_a_lock_pins_what_is_meant_now(
    workshop: Workshop, tmp_path: Path, name: str, number: int
) -> None:
    assert parent(workshop, tmp_path, name) == locked(workshop, "shop/base", number)


@pytest.mark.parametrize("level", [Level.BUILDS, Level.RELEASES])
def test_a_channel_is_locked_as_what_it_has_fallen_to(
    workshop: Workshop, tmp_path: Path, level: Level
) -> None:
    declare_bad(workshop, "shop/base:2", level)
    assert parent(workshop, tmp_path, "shop/base@stable").number == 1


@pytest.mark.parametrize("name", ["shop/base:2", "shop/base@stable"])
def test_nothing_is_locked_on_what_must_not_be_built_on_and_the_line_is_told(
    workshop: Workshop, tmp_path: Path, name: str
) -> None:
    for number in (1, 2):
        declare_bad(workshop, f"shop/base:{number}", Level.BUILDS)
    with pytest.raises(RevokedError) as caught:
        parent(workshop, tmp_path, name)
    assert caught.value.message.endswith("shop/base:2 is revoked: it leaks")
    assert caught.value.where == f"{tmp_path / 'recipe.yaml'}:2"
    assert "herdbook reinstate shop/base:2" in caught.value.hint
    reinstate(workshop, "shop/base:2")
    assert parent(workshop, tmp_path, name).number == 2


def test_nothing_is_built_on_what_was_locked_before_it_was_revoked(workshop: Workshop) -> None:
    before = locked(workshop, "shop/base", 2)
    assert parent_version(workshop, before).label == "shop/base:2"
    declare_bad(workshop, "shop/base:2", Level.BUILDS)
    with pytest.raises(RevokedError, match="shop/base:2 is revoked: it leaks"):
        parent_version(workshop, before)
    reinstate(workshop, "shop/base:2")
    assert parent_version(workshop, before).label == "shop/base:2"


def test_nothing_is_built_on_what_was_made_from_it_either(
    workshop: Workshop, tmp_path: Path
) -> None:
    add_version(workshop, "shop/python", ("shop/base", 2))
    declare_bad(workshop, "shop/base:2", Level.BUILDS)
    for attempt in (
        lambda: parent(workshop, tmp_path, "shop/python"),
        lambda: parent_version(workshop, locked(workshop, "shop/python", 1)),
    ):
        with pytest.raises(RevokedError, match="shop/python:1 is made from shop/base:2"):
            attempt()


@pytest.mark.parametrize("level", [Level.RELEASES, Level.RESTARTS, Level.RUNNING])
def test_what_is_revoked_for_something_else_is_built_on(
    workshop: Workshop, tmp_path: Path, level: Level
) -> None:
    declare_bad(workshop, "shop/base:2", level)
    assert parent(workshop, tmp_path, "shop/base:2").number == 2
    assert parent_version(workshop, locked(workshop, "shop/base", 2)).number == 2


@pytest.mark.parametrize(
    ("name", "hint"), [("shop/base@stabel", "'stable'"), ("shop/bass@stable", "'shop/base'")]
)
def test_what_is_not_there_gives_the_line_and_the_nearest_name(
    workshop: Workshop, tmp_path: Path, name: str, hint: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        parent(workshop, tmp_path, name)
    assert caught.value.where == f"{tmp_path / 'recipe.yaml'}:2"
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["shop/base@", "shop/base@A", "shop/base:1@stable"])
def test_what_names_no_channel_is_refused_in_a_recipe(
    workshop: Workshop, tmp_path: Path, name: str
) -> None:
    with pytest.raises(HerdbookError) as caught:
        parent(workshop, tmp_path, name)
    assert caught.value.where == f"{tmp_path / 'recipe.yaml'}:2"
