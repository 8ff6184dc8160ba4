"""What a person's name for a version means: a number, the newest, or what a channel means now."""

from datetime import timedelta
from pathlib import Path

import pytest
from channel_images import EVERY_LEVEL, add_version, add_versions
from fleet_workshop import fleet_workshop
from pydantic import JsonValue
from stores import open_store
from versions import digest

from herdbook.actions.forget import forget
from herdbook.actions.list_channels import list_channels
from herdbook.actions.name_version import version_meant
from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry
from herdbook.channels.model import Assignment, Level
from herdbook.core.errors import (
    InvalidInputError,
    NotFoundError,
    RevokedError,
    VerificationError,
)

DAY_SECONDS = 24 * 3600.0
PRODUCTION = "shop/web@production"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One whose production has been shop/web:1, 2 and 3, of four versions."""
    made = fleet_workshop(tmp_path / "state")
    add_versions(made, 4)
    for number in (1, 2, 3):
        promote(made, f"shop/web:{number}", "production")
    return made


def declare_bad(
    workshop: Workshop, name: str, *levels: Level, days: float = 0, inherited: bool = True
) -> None:
    at = workshop.clock.now() + timedelta(days=days)
    since = dict.fromkeys(levels or (Level.BUILDS, Level.RELEASES), at)
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since, inherited=inherited))


def means(workshop: Workshop, name: str = PRODUCTION) -> str:
    return version_meant(workshop, name).label


def test_a_version_is_named_by_number_as_the_newest_or_by_channel(workshop: Workshop) -> None:
    assert means(workshop, "shop/web:2") == "shop/web:2"
    assert means(workshop, "shop/web") == "shop/web:4"
    assert means(workshop) == "shop/web:3"


def test_a_channel_falls_to_the_newest_of_its_versions_that_may_be_used(workshop: Workshop) -> None:
    declare_bad(workshop, "shop/web:3")
    assert means(workshop) == "shop/web:2"
    declare_bad(workshop, "shop/web:2")
    assert means(workshop) == "shop/web:1"
    reinstate(workshop, "shop/web:3")
    assert means(workshop) == "shop/web:3"


@pytest.mark.parametrize("level", [each for each in EVERY_LEVEL if each is not Level.RELEASES])
def test_only_what_may_not_be_released_is_not_meant(workshop: Workshop, level: Level) -> None:
    declare_bad(workshop, "shop/web:3", level)
    assert means(workshop) == "shop/web:3"


def test_whoever_builds_gets_what_may_be_built_on(workshop: Workshop) -> None:
    declare_bad(workshop, "shop/web:3", Level.BUILDS)
    found = version_meant(workshop, PRODUCTION, Level.BUILDS, Level.RELEASES)
    assert found.label == "shop/web:2"


def test_a_channel_falls_on_the_day_and_not_before(workshop: Workshop) -> None:
    """Nobody does anything on that day."""
    declare_bad(workshop, "shop/web:3", days=2)
    workshop.clock.sleep(2 * DAY_SECONDS - 1)
    assert means(workshop) == "shop/web:3"
    workshop.clock.sleep(1)
    assert means(workshop) == "shop/web:2"


def test_what_is_made_from_a_revoked_version_falls_with_it(workshop: Workshop) -> None:
    add_version(workshop, "shop/till", ("shop/web", 1))
    add_version(workshop, "shop/till", ("shop/web", 4))
    add_version(workshop, "shop/stall", ("shop/till", 2))
    for name in ("shop/till:1", "shop/till:2"):
        promote(workshop, name, "production")
    promote(workshop, "shop/stall:1", "production")
    declare_bad(workshop, "shop/web:4")
    assert means(workshop, "shop/till@production") == "shop/till:1"
    with pytest.raises(RevokedError, match="shop/stall:1 is made from shop/web:4"):
        means(workshop, "shop/stall@production")


def test_what_was_made_from_it_stays_where_it_alone_is_bad(workshop: Workshop) -> None:
    add_version(workshop, "shop/till", ("shop/web", 4))
    promote(workshop, "shop/till", "production")
    declare_bad(workshop, "shop/web:4", inherited=False)
    assert means(workshop, "shop/till@production") == "shop/till:1"


def test_a_long_history_is_searched_to_its_end(workshop: Workshop) -> None:
    for number in [2, 3] * 30:
        promote(workshop, f"shop/web:{number}", "production")
    declare_bad(workshop, "shop/web:2")
    declare_bad(workshop, "shop/web:3")
    assert means(workshop) == "shop/web:1"


def test_a_channel_all_of_whose_versions_are_revoked_says_so(workshop: Workshop) -> None:
    for number in (1, 2, 3):
        declare_bad(workshop, f"shop/web:{number}")
    with pytest.raises(RevokedError) as caught:
        means(workshop)
    assert caught.value.message == (
        f"No version of {PRODUCTION} may be used any more: shop/web:3 is revoked: it leaks"
    )
    assert "herdbook reinstate shop/web:3" in caught.value.hint
    [listed] = list_channels(workshop)
    assert (listed.now, listed.note) == (None, "shop/web:3 is revoked: it leaks")


def test_a_version_that_was_forgotten_is_not_fallen_to(workshop: Workshop, tmp_path: Path) -> None:
    two = version_meant(workshop, "shop/web:2")
    forget(workshop, open_store(tmp_path / "state").stock, [two])
    declare_bad(workshop, "shop/web:3")
    assert means(workshop) == "shop/web:1"


def test_a_plan_foretells_no_fall_to_what_was_forgotten(workshop: Workshop, tmp_path: Path) -> None:
    two = version_meant(workshop, "shop/web:2")
    forget(workshop, open_store(tmp_path / "state").stock, [two])
    since = {Level.RELEASES: workshop.clock.now()}
    [fall] = plan_revocation(workshop, "shop/web:3", "it leaks", since).falls
    assert fall.after
    assert fall.after.label == "shop/web:1"


def test_where_all_that_is_left_is_revoked_it_is_said(workshop: Workshop, tmp_path: Path) -> None:
    stock = open_store(tmp_path / "state").stock
    forget(workshop, stock, [version_meant(workshop, f"shop/web:{each}") for each in (1, 2)])
    declare_bad(workshop, "shop/web:3")
    with pytest.raises(RevokedError, match="shop/web:3 is revoked"):
        means(workshop)


def test_what_is_not_what_was_promoted_is_not_taken(workshop: Workshop) -> None:
    """Another register may have built other things under the same number."""
    other = Assignment(
        *("shop/web", "odd", 1, 2, digest("another")), workshop.clock.now(), "nobody"
    )
    details: dict[str, JsonValue] = {"version": other.version, "digest": other.digest}
    written = Entry(who="nobody", verb="promote", subject="shop/web@odd", details=details)
    workshop.channels.assign([other], written)
    with pytest.raises(VerificationError, match="is not what was promoted to odd") as caught:
        means(workshop, "shop/web@odd")
    assert "herdbook promote shop/web:2 odd" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("shop/web@prodction", "shop/web has no channel 'prodction'", "'production'"),
        ("shop/web@qa", "shop/web has no channel 'qa'", "herdbook promote shop/web qa"),
        ("shop/wep@production", "There is no image 'shop/wep'", "'shop/web'"),
        ("shop/wep", "There is no image 'shop/wep'", "'shop/web'"),
    ],
)
def test_what_is_not_there_gives_the_nearest_name(
    workshop: Workshop, name: str, message: str, hint: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        means(workshop, name)
    assert caught.value.message == message
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["shop/web@", "shop/web@A", "shop/web@a@b", "shop/web@:3"])
def test_what_can_name_no_channel_is_refused(workshop: Workshop, name: str) -> None:
    with pytest.raises(InvalidInputError, match="is no name of a channel"):
        means(workshop, name)
