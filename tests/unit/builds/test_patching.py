"""Newer packages are put into a lock, and nothing else of it changes; it is found by its home."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from locked import digest, package

from herdbook.builds.arrangement import Arrangement, Group, with_arrangement
from herdbook.builds.lock import (
    Lock,
    LockedParent,
    LockedPython,
    LockedTools,
    lock_path,
    lock_path_at,
)
from herdbook.builds.patching import (
    as_in_recipes,
    indexes_of,
    patched_lock,
    patched_packages,
)
from herdbook.images.bases import LockedBase
from herdbook.packages.model import LockedPackage, SignedIndex
from herdbook.recipes.catalogue import recipes_in
from herdbook.recipes.model import Variant

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def index(pocket: str, days: int = 0) -> SignedIndex:
    return SignedIndex(
        pocket=pocket, digest=digest(f"{pocket} {days}"), date=MOMENT + timedelta(days)
    )


def newer(name: str, pocket: str = "bookworm-security") -> LockedPackage:
    update = {"version": "2", "sha256": digest(f"{name} 2"), "pocket": pocket}
    return package(name).model_copy(update=update)


TOOLS = LockedTools(suite="bookworm", indexes=(index("tools"),), packages=(package("libssl3"),))
LOCK = Lock(
    inputs=digest("inputs"),
    suite="bookworm",
    indexes=(index("bookworm"),),
    packages=(package("curl"), package("libssl3"), package("openssl")),
    machine=(package("libssl3-machine"), package("systemd")),
    python=LockedPython(version="3.11", glibc="2.36", wheels=()),
    python_tools=TOOLS,
)


def test_packages_of_both_variants_are_replaced_by_name() -> None:
    offered = {name: newer(name) for name in ("openssl", "systemd", "zlib1g")}
    assert patched_packages(LOCK, offered) == (
        (package("openssl"), newer("openssl")),
        (package("systemd"), newer("systemd")),
    )


def test_a_package_that_is_locked_already_is_not_replaced() -> None:
    assert patched_packages(LOCK, {"curl": package("curl")}) == ()
    assert patched_packages(LOCK, {}) == ()


def test_a_patched_lock_has_the_new_packages_in_the_old_places_and_nothing_else() -> None:
    pairs = patched_packages(LOCK, {name: newer(name) for name in ("libssl3", "systemd")})
    found = patched_lock(LOCK, pairs, [index("bookworm-security")], None)
    assert found.packages == (package("curl"), newer("libssl3"), package("openssl"))
    assert found.machine == (package("libssl3-machine"), newer("systemd"))
    assert found.indexes == (index("bookworm"), index("bookworm-security"))
    same = ("packages", "machine", "indexes")
    assert found.model_dump(exclude=set(same)) == LOCK.model_dump(exclude=set(same))
    assert patched_packages(found, dict.fromkeys(["libssl3"], newer("libssl3"))) == ()


def test_a_lock_patched_with_nothing_is_the_same() -> None:
    assert patched_lock(LOCK, [], [], None) == LOCK


def test_indexes_that_are_there_are_not_named_again() -> None:
    given = [index("bookworm"), index("bookworm", 3), index("bookworm")]
    found = patched_lock(LOCK, [], given, None)
    assert found.indexes == (index("bookworm"), index("bookworm", 3))


def test_another_version_below_takes_the_place_of_the_one_there_is() -> None:
    one, two = (LockedParent(image="base", number=each, digest=digest("b")) for each in (1, 2))
    on = LOCK.model_copy(update={"parent": one})
    assert patched_lock(on, [], [], two).parent == two
    assert patched_lock(on, [], [], None).parent == one


def test_a_lock_as_in_recipes_does_not_say_how_its_packages_were_arranged() -> None:
    groups = (Group("all", LOCK.packages),)
    arrangement = Arrangement({Variant.CONTAINER: groups}, {Variant.CONTAINER: (LOCK.packages,)})
    arranged = with_arrangement(LOCK, arrangement)
    assert arranged.arranged
    assert as_in_recipes(arranged) == as_in_recipes(LOCK) == LOCK


def test_only_indexes_in_which_packages_were_found_are_named() -> None:
    given = [index("bookworm"), index("bookworm-security"), index("bookworm-updates")]
    held = [newer("openssl"), package("curl")]
    assert indexes_of(held, given) == (index("bookworm"), index("bookworm-security"))
    assert indexes_of([], given) == ()


SINGLE = "image: {name}\nfrom: {below}\n"
CATALOGUE = """\
name: "demo/{below}-{text}"
recipes: [images/*.yaml]
axes:
  below:
    a: {from: "debian:bookworm"}
    b: {from: "debian:trixie"}
    c: {from: "demo/below:3"}
    d: {from: "oci:example.org/base:1"}
  text: {one: {}, two: {packages: [curl]}}
"""


def lock_for(below: str, wishes: str) -> Lock:
    """A lock as it is made for a recipe on that."""
    inputs = digest(wishes)
    if below.startswith("debian:"):
        suite = below.removeprefix("debian:")
        return Lock(inputs=inputs, suite=suite, packages=(package("curl"),))
    if below.startswith("oci:"):
        base = LockedBase.model_construct(reference=below.removeprefix("oci:"))
        made = Lock(inputs=inputs, suite="bookworm", packages=(package("curl"),))
        return made.model_copy(update={"base": base})
    parent = LockedParent(image="demo/below", number=3, digest=digest("below"))
    return Lock(inputs=inputs, suite="bookworm", parent=parent)


@pytest.mark.parametrize("folder", ["", "of/many"])
def test_a_lock_is_found_by_its_home_where_it_is_found_by_its_recipe(
    tmp_path: Path, folder: str
) -> None:
    """Beside a recipe of its own or among those of a matrix, whatever the image is made on."""
    home = tmp_path / folder
    (home / "images").mkdir(parents=True)
    for name, below in (("x", "debian:bookworm"), ("y.z", "demo/below:3"), ("w", "oci:a.io/b:1")):
        text = SINGLE.format(name=name.replace(".", "-"), below=below)
        (home / f"images/{name}.yaml").write_text(text)
    (home / "catalogue.yaml").write_text(CATALOGUE)
    found = recipes_in([home / "catalogue.yaml"])
    assert len(found) == 3 + 8
    for each in found:
        lock = lock_for(each.recipe.from_, each.recipe.image)
        assert lock_path_at(each.path, lock) == lock_path(each, lock.inputs)
    paths = {lock_path(each, digest(each.recipe.image)) for each in found}
    assert len(paths) == len(found)
