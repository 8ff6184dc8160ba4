"""Picks from the verified indexes the newest package of each name, as apt's candidate is picked."""

from collections.abc import Collection
from pathlib import Path

from herdbook.catalogue.components import Ecosystem
from herdbook.drivers.apt.indexes import packages_in
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import Suite
from herdbook.trust.version_order import is_older


def newest_of(lists: Path, suite: Suite, names: Collection[str]) -> tuple[LockedPackage, ...]:
    """Return the newest package of each name that a pocket has, sorted by name."""
    found: dict[str, LockedPackage] = {}
    for package in packages_in(lists, suite, names):
        known = found.get(package.name)
        if known is None or is_older(Ecosystem.DEBIAN, known.version, package.version):
            found[package.name] = package
    return tuple(found[name] for name in sorted(found))
