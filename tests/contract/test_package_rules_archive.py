"""What the rules of a rebase say of real patches of Debian's archive."""

import re
from collections.abc import Callable, Sequence

import pytest

from herdbook.campaigns.conditions import Condition, Way, way_of
from herdbook.campaigns.inside import Inside, read_inside
from herdbook.campaigns.package_rules import judge_package
from herdbook.catalogue.components import Ecosystem
from herdbook.core.progress import NoProgress
from herdbook.drivers.apt import AptArchive
from herdbook.drivers.apt.indexes import packages_in
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import SUITES
from herdbook.trust.version_order import compare_versions

pytestmark = pytest.mark.archive

_SUITE = SUITES["bookworm"]
_PACKAGES = ("ca-certificates", "libcurl4", "libexpat1", "libssl3", "openssl", "perl", "tzdata")

Versions = Callable[[str], Sequence[Inside]]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    """Every version of a package that the pockets of bookworm have, oldest first."""
    archive = AptArchive(tmp_path_factory.mktemp("archive"))
    archive.resolve(_SUITE, [_PACKAGES], NoProgress(), essential=False)
    found: dict[str, dict[str, LockedPackage]] = {name: {} for name in _PACKAGES}
    lists = archive.directory / "apt" / _SUITE.name / "lists"
    for package in packages_in(lists, _SUITE, _PACKAGES):
        found[package.name].setdefault(package.version, package)

    def read(name: str) -> Sequence[Inside]:
        packages = list(found[name].values())
        archive.fetch(packages, NoProgress())
        insides = [read_inside(archive.kept(package)) for package in packages]
        return sorted(insides, key=lambda each: sum(_newer(each, other) for other in insides))

    return read


def _newer(one: Inside, other: Inside) -> bool:
    return compare_versions(Ecosystem.DEBIAN, one.version, other.version) == 1


@pytest.mark.parametrize("name", ["libcurl4", "libexpat1", "libssl3", "openssl", "perl", "tzdata"])
def test_patched_package_may_be_rebased(versions: Versions, name: str) -> None:
    *older, newest = versions(name)
    assert older
    for old in older:
        findings = judge_package(old, newest)
        broken = [f"{old.version}: {each.words}" for each in findings if not each.holds]
        assert way_of(findings) is Way.REBASE, broken


def test_libssl_keeps_all_its_symbols(versions: Versions) -> None:
    old, new = versions("libssl3")[-2:]
    words = {each.condition: each.words for each in judge_package(old, new)}
    assert words[Condition.LIBRARIES] == "libcrypto.so.3, libssl.so.3: same names"
    assert re.match(r"[5-9],\d{3} symbols kept, ", words[Condition.SYMBOLS])


def test_patch_taken_back_is_locked_anew(versions: Versions) -> None:
    old, new = versions("libssl3")[-2:]
    assert way_of(judge_package(new, old)) is Way.RELOCK


def test_certificates_are_rebuilt(versions: Versions) -> None:
    old, new = versions("ca-certificates")[-2:]
    findings = judge_package(old, new)
    assert way_of(findings) is Way.REBUILD
    broken = {each.condition for each in findings if not each.holds}
    assert broken >= {Condition.SCRIPTS, Condition.TRIGGERS}
