"""Locks roots that are worked from and are part of no image, and makes them."""

from collections.abc import Sequence
from pathlib import Path

from herdbook.actions.foundation import Foundation
from herdbook.actions.make_roots import RootMaker, control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import LockedTools
from herdbook.builds.playbooks import TOOLS_PACKAGES, TOOLS_SUITE
from herdbook.builds.wheel_building import PYTHON_TOOLS
from herdbook.packages.suites import suite_named
from herdbook.recipes.model import PlaybookStep, Recipe


def lock_tools(workshop: Workshop, recipe: Recipe) -> LockedTools | None:
    """Pin Ansible and what it needs, for a recipe that plays something; raises as Archive.resolve.

    It is the same set for every image, whatever its suite.
    """
    if not any(isinstance(step, PlaybookStep) for step in recipe.run):
        return None
    return _locked(workshop, TOOLS_SUITE, TOOLS_PACKAGES)


def lock_python_tools(workshop: Workshop, recipe: Recipe, suite: str) -> LockedTools | None:
    """Pin what wheels are built with, for a recipe that wants one built; raises as Archive.resolve.

    It is of the image's own suite, so that what is built there runs in the image.
    """
    if recipe.python is None or not recipe.python.from_source:
        return None
    return _locked(workshop, suite, (*PYTHON_TOOLS, *recipe.python.build_packages))


def _locked(workshop: Workshop, suite_name: str, packages: Sequence[str]) -> LockedTools:
    suite = suite_named(suite_name)
    wanted = [*suite.base, *packages]
    resolution = workshop.archive.resolve(suite, [wanted], workshop.progress)
    return LockedTools(suite=suite.name, indexes=resolution.indexes, packages=resolution.sets[0])


def tools_root(workshop: Workshop, locked: LockedTools) -> Path:
    """Return a root of tools, verified and installed like any other if it is not there."""
    workshop.archive.fetch(locked.packages, workshop.progress)
    controls = {package.name: control_of(workshop, package) for package in locked.packages}
    maker = RootMaker(workshop, suite_named(locked.suite), controls, Foundation(workshop))
    return maker.folders([locked.packages])[0]
