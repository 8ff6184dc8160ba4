"""What stands against a rebase is named beforehand, and the image is patched all the same."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from archive_debian import TinyArchive, made_keys
from archive_server import served
from insides import FOLDER, real_library, renamed
from patched_archive import (
    NEW,
    OLD,
    Build,
    Patch,
    content,
    debian_debs,
    debs_of,
    publish,
    workshop_on,
)
from product import tool
from tiny import Tiny

from herdbook.actions.build import BuildResult, build_all
from herdbook.actions.judge_classes import Judgement
from herdbook.actions.plan_campaign import plan_campaign
from herdbook.actions.run_campaign import work_at
from herdbook.actions.start_campaign import open_campaign
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import read_lock
from herdbook.campaigns.conditions import Condition, Way
from herdbook.campaigns.model import Budget, Campaign, CampaignState, Follower, Proof, Verify
from herdbook.core.errors import ConflictError
from herdbook.drivers.apt import AptArchive
from herdbook.recipes.catalogue import recipes_in

pytestmark = [pytest.mark.root, pytest.mark.archive]

LIBRARY = renamed(real_library(), b"libz.so.1", b"liby.so.1")
LOADED = f"{FOLDER}/liby.so.1"
LDCONFIG = b"activate-noawait ldconfig\n"
SCRIPT = b"#!/bin/sh\nset -e\necho %s > /etc/h-script\n"
DATA = "usr/share/h/data"


def patched(more: Mapping[str, bytes | str] = {}, new: Mapping[str, bytes | str] = {}) -> Patch:
    """A package of which one file changes, and what else is said."""
    return Patch(Build({DATA: b"old", **more}), Build({DATA: b"new", **more, **new}))


PATCHES = {
    "h-plain": patched({"usr/bin/h-plain": b"#!/bin/sh\n"}),
    "h-unsummed": Patch(Build({DATA: b"old"}, summed=False), Build({DATA: b"new"}, summed=False)),
    "h-module": patched(
        {"usr/lib/modules/6.1.0-1-amd64/h.ko": b"old"},
        {"usr/lib/modules/6.1.0-1-amd64/h.ko": b"new"},
    ),
    "h-soname": Patch(
        Build({LOADED: LIBRARY, DATA: b"old", "DEBIAN/triggers": LDCONFIG}),
        Build(
            {
                f"{FOLDER}/libx.so.1": renamed(LIBRARY, b"liby.so.1", b"libx.so.1"),
                DATA: b"new",
                "DEBIAN/triggers": LDCONFIG,
            }
        ),
    ),
    "h-symbol": patched(
        {LOADED: LIBRARY, "DEBIAN/triggers": LDCONFIG},
        {LOADED: renamed(LIBRARY, b"zlibVersion", b"zlibVersiom")},
    ),
    "h-needs": Patch(
        Build({DATA: b"old"}),
        Build({DATA: b"new"}, "Depends: h-needed (>= 1.0)\n"),
        {"h-needed": Build({"usr/share/h/needed": b"here"})},
    ),
    "h-moved": Patch(
        Build({DATA: b"old", "usr/share/h/here": b""}),
        Build({DATA: b"new", "usr/share/h/there": b""}),
    ),
    "h-script": patched({"DEBIAN/postinst": SCRIPT % b"old"}, {"DEBIAN/postinst": SCRIPT % b"new"}),
    "h-conffile": patched(
        {"etc/h.conf": b"a = 1\n", "DEBIAN/conffiles": b"/etc/h.conf\n"}, {"etc/h.conf": b"a = 2\n"}
    ),
    "h-copied": Patch(
        Build({DATA: b"old"}),
        Build({DATA: b"new"}),
        {"h-static": Build({"usr/bin/h-static": b""}, f"Static-Built-Using: h-copied (= {OLD})\n")},
    ),
    "h-initrd": patched(
        {
            "usr/share/initramfs-tools/hooks/h": b"#!/bin/sh\n",
            "DEBIAN/triggers": b"activate-noawait update-initramfs\n",
        },
        {"usr/share/initramfs-tools/hooks/h": b"#!/bin/sh\necho\n"},
    ),
}
AFTER = {
    "h-plain": (Way.REBASE, None, ""),
    "h-unsummed": (Way.REBUILD, Condition.DATABASE, "dpkg wrote files about h-unsummed"),
    "h-module": (Way.REBASE, None, ""),
    "h-soname": (Way.RELOCK, Condition.LIBRARIES, "h-soname: liby.so.1: gone"),
    "h-symbol": (Way.RELOCK, Condition.SYMBOLS, "liby.so.1 no longer has zlibVersion"),
    "h-needs": (Way.RELOCK, Condition.RELATIONS, "h-needed (>= 1.0), which h-needs needs, is not"),
    "h-moved": (Way.REBUILD, Condition.PATHS, "/usr/share/h/here gone"),
    "h-script": (Way.REBUILD, Condition.SCRIPTS, "another postinst"),
    "h-conffile": (Way.REBUILD, Condition.CONFFILES, "/etc/h.conf with other content"),
    "h-copied": (Way.REBUILD, Condition.EMBEDDED, f"h-static holds a copy of h-copied {OLD}"),
    "h-initrd": (Way.REBUILD, Condition.TRIGGERS, "update-initramfs"),
}
"""The way that is left of each patch, and what is said against a milder one."""

BROUGHT = {
    "h-module": ("usr/lib/modules/6.1.0-1-amd64/h.ko", b"new"),
    "h-soname": (f"{FOLDER}/libx.so.1", renamed(LIBRARY, b"liby.so.1", b"libx.so.1")),
    "h-needs": ("usr/share/h/needed", b"here"),
    "h-moved": ("usr/share/h/there", b""),
    "h-script": ("etc/h-script", b"new\n"),
    "h-conffile": ("etc/h.conf", b"a = 2\n"),
    "h-initrd": ("usr/share/initramfs-tools/hooks/h", b"#!/bin/sh\necho\n"),
}
"""What else an image holds once it has followed."""


@dataclass(frozen=True)
class Carried:
    """A campaign for all packages at once: how each image was judged before, and its end."""

    workshop: Workshop
    planned: Mapping[str, Judgement]
    campaign: Campaign

    def follower(self, image: str) -> tuple[Follower, Proof]:
        """The one version that the campaign made of an image, and why so."""
        register, number = self.workshop.campaigns, self.campaign.number
        (found,) = [each for each in register.followers(number) if each.image == image]
        return found, register.proof(found.proof)


@pytest.fixture(scope="module")
def carried(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """Build an image of each package and one on top of another, patch all, let them follow."""
    folder = tmp_path_factory.mktemp("ways")
    state = folder / "state"
    tool("cp", "-a", tiny.state, state)
    shutil.rmtree(state / "archive/apt")  # it knows of another archive
    base = debian_debs(tiny.recipe.with_suffix(".lock"), AptArchive(state / "archive"))
    debs, patches = [], []
    for name, patch in PATCHES.items():
        first, new = debs_of(name, patch, folder)
        debs += first
        patches.append(new)
    catalogue = write_catalogue(folder / "catalogue")
    with made_keys() as keys, served(folder / "mirrors") as mirror:
        archive = TinyArchive(folder / "mirrors", keys)
        publish(archive, [*base, *debs])
        workshop = workshop_on(state, mirror, archive)
        built = list(build_all(workshop, recipes_in([catalogue])))
        assert all(isinstance(each, BuildResult) for each in built), built
        publish(archive, [], patches)
        plan = plan_campaign(workshop, [*PATCHES])
        planned = {
            member.image: each
            for each in plan.judgements
            for member in workshop.herd.members(each.of)
        }
        shutil.rmtree(workshop.roots)
        workshop.roots.mkdir()
        campaign, _ = open_campaign(workshop, plan, Budget(builds=2), Verify.SAMPLE)
        yield Carried(workshop, planned, work_at(workshop, campaign.number))


def write_catalogue(folder: Path) -> Path:
    folder.mkdir()
    for name, patch in PATCHES.items():
        packages = ", ".join([name, *(each for each in patch.others if each != "h-needed")])
        _recipe(folder, name, f"from: debian:bookworm\npackages: [{packages}]\n")
    _recipe(folder, "h-child", "from: p/h-script\n")
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text("recipes: [h-*.yaml]\n")
    return catalogue


def _recipe(folder: Path, name: str, more: str) -> None:
    (folder / f"{name}.yaml").write_text(f"image: p/{name}\nvariants: [container]\n{more}")


@pytest.mark.parametrize("name", PATCHES)
def test_the_plan_names_the_way_and_what_stands_against_a_milder_one(
    carried: Carried, name: str
) -> None:
    way, condition, words = AFTER[name]
    judgement = carried.planned[f"p/{name}"]
    against = {each.condition: each.words for each in judgement.findings if not each.holds}
    assert judgement.way is way, against
    assert condition in (*against, None)
    assert condition is None or words in against[condition]


@pytest.mark.parametrize("name", PATCHES)
def test_the_image_follows_by_the_planned_way_and_holds_the_patch(
    carried: Carried, name: str
) -> None:
    image, (way, condition, words) = f"p/{name}", AFTER[name]
    follower, proof = carried.follower(image)
    assert (follower.way, follower.before, follower.number) == (way, 1, 2)
    against = {each.condition: each.words for each in proof.findings if not each.holds}
    assert condition in (*against, None)
    assert condition is None or words in against[condition]
    assert content(carried.workshop, image, DATA) == b"new"
    path, brought = BROUGHT.get(name, (DATA, b"new"))
    assert content(carried.workshop, image, path) == brought
    status = content(carried.workshop, image, "var/lib/dpkg/status").decode()
    (entry,) = [text for text in status.split("\n\n") if text.startswith(f"Package: {name}\n")]
    assert f"\nVersion: {NEW}\n" in entry
    assert "\nStatus: install ok installed\n" in entry


@pytest.mark.parametrize("name", [name for name, (way, *_) in AFTER.items() if way is Way.REBASE])
def test_a_rebase_is_the_long_way_to_the_last_byte(carried: Carried, name: str) -> None:
    _, proof = carried.follower(f"p/{name}")
    assert proof.checked == f"p/{name}:1 built the long way: the same, to the last byte"


def test_nothing_is_left_to_do_and_recipes_have_the_new_packages(carried: Carried) -> None:
    assert carried.campaign.state is CampaignState.DONE
    assert carried.workshop.campaigns.failures(carried.campaign.number) == []
    left = plan_campaign(carried.workshop, [*PATCHES])
    with pytest.raises(ConflictError, match="nothing to do"):
        open_campaign(carried.workshop, left, Budget(), Verify.NONE)
    for name in PATCHES:
        found = carried.workshop.versions.find(f"p/{name}")
        assert found is not None
        lock = read_lock(Path(found.home).with_suffix(".lock"))
        assert {each.version for each in lock.packages if each.name == name} == {NEW}


def test_an_image_on_one_that_was_built_anew_stands_on_its_new_version(carried: Carried) -> None:
    judgement = carried.planned["p/h-child"]
    assert {each.condition for each in judgement.findings if not each.holds} >= {Condition.PARENT}
    follower, _ = carried.follower("p/h-child")
    assert (follower.before, follower.number) == (1, 2)
    child, parent = (carried.workshop.versions.find(f"p/h-{name}") for name in ("child", "script"))
    assert child is not None
    assert parent is not None
    assert f'"digest": "{parent.digest}"' in child.lock
    assert content(carried.workshop, "p/h-child", DATA) == b"new"
    assert content(carried.workshop, "p/h-child", "etc/h-script") == b"new\n"
