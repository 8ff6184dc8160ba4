"""Locks the root that playbooks are played from, and makes it."""

from pathlib import Path

from herdbook.actions.foundation import Foundation
from herdbook.actions.make_roots import RootMaker, control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import LockedTools
from herdbook.builds.playbooks import TOOLS_PACKAGES, TOOLS_SUITE
from herdbook.packages.suites import suite_named
from herdbook.recipes.model import PlaybookStep, Recipe


def lock_tools(workshop: Workshop, recipe: Recipe) -> LockedTools | None:
    """Pin Ansible and what it needs, for a recipe that plays something; raises as Archive.resolve.

    It is the same set for every image, whatever its suite.
    """
    if not any(isinstance(step, PlaybookStep) for step in recipe.run):
        return None
    suite = suite_named(TOOLS_SUITE)
    wanted = [*suite.base, *TOOLS_PACKAGES]
    resolution = workshop.archive.resolve(suite, [wanted], workshop.progress)
    return LockedTools(suite=suite.name, indexes=resolution.indexes, packages=resolution.sets[0])


def tools_root(workshop: Workshop, locked: LockedTools) -> Path:
    """Return the root with Ansible, verified and installed like any other if it is not there."""
    workshop.archive.fetch(locked.packages, workshop.progress)
    controls = {package.name: control_of(workshop, package) for package in locked.packages}
    maker = RootMaker(workshop, suite_named(locked.suite), controls, Foundation(workshop))
    return maker.folders([locked.packages])[0]
