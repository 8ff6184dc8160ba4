"""A lock's packages are arranged by the plan, in the same layers for both variants."""

from locked import digest, package

from herdbook.builds.arrangement import (
    Arrangement,
    Group,
    arrange,
    arrangement_in,
    packages_of,
    with_arrangement,
)
from herdbook.builds.layer_plan import LayerEntry, RootEntry, SuitePlan
from herdbook.builds.lock import Lock, LockedParent, render
from herdbook.recipes.model import Variant

BOTH = (Variant.CONTAINER, Variant.VM)
PARENT = LockedParent(image="a", number=1, digest=digest("parent"))


DPKG, WEB, KERNEL = package("dpkg"), package("web"), package("kernel")
LOCK = Lock(inputs=digest("recipe"), suite="bookworm", packages=(DPKG, WEB), machine=(KERNEL,))
PLAN = SuitePlan(
    layers=tuple(
        LayerEntry(name=names[0], packages=names) for names in (("dpkg",), ("web",), ("kernel",))
    ),
    roots=(RootEntry(adds=("dpkg",)), RootEntry(on=0, adds=("web",))),
)


def arranged(lock: Lock = LOCK, plan: SuitePlan = PLAN) -> Arrangement:
    found = arrange(lock, BOTH, plan)
    assert found is not None
    return found


def test_a_machine_has_the_containers_layers_and_its_own() -> None:
    groups = arranged().groups
    assert groups[Variant.CONTAINER] == (Group("dpkg", (DPKG,)), Group("web", (WEB,)))
    assert groups[Variant.VM] == (*groups[Variant.CONTAINER], Group("kernel", (KERNEL,)))


def test_roots_are_made_in_the_planned_steps_and_the_machines_last() -> None:
    steps = arranged().steps
    assert steps[Variant.CONTAINER] == ((DPKG,), (WEB,))
    assert steps[Variant.VM] == ((DPKG,), (WEB,), (KERNEL,))


def test_on_another_image_all_is_installed_at_once_but_what_is_there_already() -> None:
    on_parent = LOCK.model_copy(update={"parent": PARENT, "machine": (), "machine_has": ("dpkg",)})
    found = arranged(on_parent)
    assert found.steps == {Variant.CONTAINER: ((DPKG, WEB),), Variant.VM: ((WEB,),)}
    assert found.groups[Variant.VM] == (Group("web", (WEB,)),)
    assert packages_of(on_parent, Variant.VM) == (WEB,)


def test_on_another_image_there_need_be_no_packages() -> None:
    nothing = LOCK.model_copy(update={"parent": PARENT, "packages": (), "machine": ()})
    assert arranged(nothing).steps == {Variant.CONTAINER: (), Variant.VM: ()}


def test_what_the_plan_does_not_cover_is_not_arranged() -> None:
    assert arrange(LOCK, BOTH, SuitePlan(layers=PLAN.layers[:2], roots=PLAN.roots)) is None
    assert arrange(LOCK, BOTH, SuitePlan(layers=PLAN.layers, roots=PLAN.roots[:1])) is None
    assert arrange(LOCK, (Variant.CONTAINER,), PLAN) is not None


def test_a_built_version_says_how_it_was_arranged() -> None:
    kept = with_arrangement(LOCK, arranged())
    read = Lock.model_validate_json(render(kept))
    assert arrangement_in(read) == arranged()
    assert not LOCK.arranged
