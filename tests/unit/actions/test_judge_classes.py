"""An image made from what a channel means follows a patch when the channel does, and not before."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from channel_images import whole_version
from fleet_workshop import fleet_workshop
from locked import digest, package

from herdbook.actions.judge_classes import Judge, Judgement
from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, revoke
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedParent
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.model import Target
from herdbook.catalogue.model import Version
from herdbook.channels.model import Level
from herdbook.packages.model import LockedPackage

BASE, CHILD, PLACE = "shop/python", "shop/web", "shop/python@production"
OLD = package("openssl")
NEW = OLD.model_copy(update={"version": "2", "sha256": digest("openssl 2")})
OTHER = package("less")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One in which shop/python:1 is in production, and shop/web:1 is made from what that means."""
    made = fleet_workshop(tmp_path / "state")
    add(made, BASE, (OLD,))
    promote(made, f"{BASE}:1", "production")
    add_child(made, 1)
    return made


def add(workshop: Workshop, image: str, packages: Sequence[LockedPackage]) -> Version:
    """Add a version whose lock has these packages; all of an image have the same layer."""
    lock = Lock(inputs=digest(image), suite="bookworm", packages=tuple(packages))
    new = whole_version(workshop, image, content=image)
    return workshop.versions.add(replace(new, lock=lock.model_dump_json()))


def add_child(workshop: Workshop, number: int, name: str = PLACE) -> None:
    """Add a version that is made from one of shop/python; its recipe names that so."""
    found = workshop.versions.find(BASE, number)
    assert found is not None
    parent = LockedParent(image=BASE, number=number, digest=found.digest)
    new = whole_version(workshop, CHILD, (BASE, number))
    lock = Lock(inputs=digest(name), suite="bookworm", parent=parent)
    recipe = f"image: {CHILD}\nfiles: [{{from: a, to: /a}}]\nfrom: '{name}'\n"
    workshop.versions.add(replace(new, lock=lock.model_dump_json(), recipe=recipe))


def judged(workshop: Workshop, image: str = CHILD) -> tuple[Judgement, Finding]:
    """Return how an image follows, and what of that the image below it says."""
    newest = [workshop.versions.find(each) for each in (BASE, CHILD)]
    layers = [each.variants[0].layers[0].digest for each in newest if each]
    target = Target(suite="bookworm", packages=(NEW,))
    key = workshop.herd.key(image)
    every = Judge(workshop, (target,)).judge(workshop.herd.classes(layers))
    [found] = [each for each in every if each.of.key == key]
    return found, next(each for each in found.findings if each.condition is Condition.PARENT)


def test_it_waits_while_the_image_below_has_no_version_with_the_patch(workshop: Workshop) -> None:
    judgement, finding = judged(workshop)
    assert (judgement.way, judgement.on) == (Way.WAIT, None)
    assert finding.words == f"waits for {PLACE} to get a version with the patch"


def test_it_waits_for_the_version_that_is_not_in_the_channel_yet(workshop: Workshop) -> None:
    """A version that nobody promoted must not get under it by a campaign."""
    add(workshop, BASE, (NEW,))
    judgement, finding = judged(workshop)
    assert (judgement.way, judgement.on) == (Way.WAIT, None)
    assert finding.words == f"waits for {PLACE} to get version 2"


def test_it_follows_to_what_the_channel_means_and_not_to_the_newest(workshop: Workshop) -> None:
    add(workshop, BASE, (NEW,))
    promote(workshop, f"{BASE}:2", "production")
    add(workshop, BASE, (NEW, OTHER))
    judgement, finding = judged(workshop)
    assert judgement.on == workshop.versions.find(BASE, 2)
    assert finding.way is Way.REBASE
    assert finding.words == f"{BASE}:2 differs from {BASE}:1 in nothing but the patch"


def test_it_is_locked_anew_where_more_than_the_patch_came_into_the_channel(
    workshop: Workshop,
) -> None:
    add(workshop, BASE, (NEW, OTHER))
    promote(workshop, f"{BASE}:2", "production")
    judgement, finding = judged(workshop)
    assert (finding.way, judgement.on) == (Way.RELOCK, None)


def test_a_channel_that_moved_to_what_is_old_too_is_waited_for(workshop: Workshop) -> None:
    add(workshop, BASE, (OLD, OTHER))
    promote(workshop, f"{BASE}:2", "production")
    add(workshop, BASE, (NEW, OTHER))
    judgement, finding = judged(workshop)
    assert (judgement.way, judgement.on) == (Way.WAIT, None)
    assert finding.words == f"waits for {PLACE} to get version 3"


def test_a_channel_that_fell_back_from_a_revoked_version_is_waited_for(workshop: Workshop) -> None:
    add(workshop, BASE, (NEW,))
    promote(workshop, f"{BASE}:2", "production")
    since = dict.fromkeys(Level, workshop.clock.now())
    revoke(workshop, plan_revocation(workshop, f"{BASE}:2", "it leaks", since))
    judgement, finding = judged(workshop)
    assert (judgement.way, judgement.on) == (Way.WAIT, None)
    assert finding.words.startswith(f"waits for {PLACE} to get ")


def test_a_channel_that_means_nothing_is_waited_for_with_the_reason(workshop: Workshop) -> None:
    since = dict.fromkeys(Level, workshop.clock.now())
    revoke(workshop, plan_revocation(workshop, f"{BASE}:1", "it leaks", since, inherited=False))
    judgement, finding = judged(workshop)
    assert judgement.way is Way.WAIT
    assert finding.words.startswith(f"waits for {PLACE}: No version of {PLACE} may be used")


@pytest.mark.parametrize("name", [BASE, f"{BASE}-slim@production", f"other/{BASE}@production"])
def test_one_that_names_no_channel_follows_the_newest(workshop: Workshop, name: str) -> None:
    add_child(workshop, 1, name)
    add(workshop, BASE, (NEW,))
    judgement, finding = judged(workshop)
    assert judgement.on == workshop.versions.find(BASE, 2)
    assert finding.way is Way.REBASE


def test_one_that_names_a_version_waits_for_its_author(workshop: Workshop) -> None:
    add_child(workshop, 1, f"{BASE}:1")
    add(workshop, BASE, (NEW,))
    promote(workshop, f"{BASE}:2", "production")
    _, finding = judged(workshop)
    assert (finding.way, finding.words) == (
        Way.WAIT,
        f"the recipe names {BASE}:1, and no newer one",
    )
