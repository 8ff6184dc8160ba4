"""The promise: what Herdbook's layers stack up to is what mmdebstrap installs."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import ours
import pytest
import reference
from comparing import compare
from debian_inspector import debcon
from debs import build_deb
from explained import explain
from product import Herdbook, container_named, tool
from roots import Root
from rules import Case
from sets import PackageSet, wanted_sets
from tally import Tally

from herdbook.packages.suites import Suite, suite_named

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.timeout(1800)]

APT_RECIPE = """\
image: oracle/apt
from: debian:trixie
packages: [apt]
service: {command: [sleep, infinity]}
variants: [container]
"""


@dataclass(frozen=True)
class Installed:
    """One set, installed by both."""

    suite: Suite
    built: ours.Built
    theirs: Root


@pytest.fixture(scope="module")
def herdbook(tmp_path_factory: pytest.TempPathFactory) -> Herdbook:
    """The command with a state of its own, in which no other test has built."""
    return Herdbook(tmp_path_factory.mktemp("oracle-state"))


@pytest.fixture(scope="module")
def tally(pytestconfig: pytest.Config) -> Iterator[Tally]:
    """Where tests write down what they did; it is told at the end."""
    tally = Tally()
    yield tally
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stderr.write("\n".join(["", *tally.lines(), ""]))


@pytest.fixture(scope="module", params=wanted_sets(), ids=str)
def installed(
    request: pytest.FixtureRequest,
    herdbook: Herdbook,
    tally: Tally,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installed]:
    """A set, installed by Herdbook and from the same files by mmdebstrap."""
    wanted: PackageSet = request.param
    suite = suite_named(wanted.suite)
    folder = tmp_path_factory.mktemp("oracle")
    began = monotonic()
    try:
        built = ours.build(herdbook, wanted, folder / "ours")
    except ours.NotInTheArchiveError as error:
        pytest.skip(f"the archive that is reached from here lacks a package: {error}")
    between = monotonic()
    theirs = reference.install(suite, built.packages, folder / "theirs")
    tally.seconds[wanted] = (between - began, monotonic() - between)
    yield Installed(suite, built, theirs)
    shutil.rmtree(folder)


def test_the_layers_stack_up_to_what_mmdebstrap_installs(
    installed: Installed, tally: Tally
) -> None:
    """Kinds, contents, targets, modes, owners, capabilities, times: all but the explained."""
    left = []
    ours, theirs = installed.built.root, installed.theirs
    for finding in compare(ours, theirs):
        rule = explain(Case(finding, ours, theirs, installed.suite.epoch))
        if rule is None:
            left.append(str(finding))
        else:
            tally.explained[rule] += 1
    assert not left, "\n".join([f"{len(left)} differences have no explanation:", *left[:40]])


def test_dpkg_finds_every_package_whole(installed: Installed) -> None:
    """It says nothing of broken packages, and of changed files what it says in their root."""
    assert dpkg(installed.built.root, "--audit") == ""
    assert dpkg(installed.built.root, "--verify") == dpkg(installed.theirs, "--verify")


def test_the_database_alone_names_the_locked_packages(installed: Installed) -> None:
    """As a scanner sees them, that has nothing but the file."""
    status = installed.built.root.content("var/lib/dpkg/status").decode()
    found = {
        (stanza["package"], stanza["version"], stanza["architecture"], stanza["status"])
        for stanza in debcon.get_paragraphs_data(status)
    }
    assert found == {
        (package.name, package.version, package.architecture, "install ok installed")
        for package in installed.built.packages
    }


@pytest.mark.podman
def test_apt_goes_on_in_a_running_container(herdbook: Herdbook, tmp_path: Path) -> None:
    """It plans with what is there, and installs a further package by the dpkg that is there."""
    needs = "Depends: libc6, apt (>= 2)\n"
    deb = build_deb(tmp_path, "further", {"usr/share/further": b"here"}, more=needs)
    recipe = tmp_path / "herdbook.yaml"
    recipe.write_text(APT_RECIPE)
    herdbook.must("build", recipe)
    name = herdbook.json("run", "oracle/apt")["name"]
    try:
        container = container_named(name)
        tool("podman", "cp", deb, f"{container}:/root/further.deb")
        inside = ("podman", "exec", "--user", "0", container)
        planned = tool(*inside, "apt-get", "--simulate", "install", "/root/further.deb")
        assert "1 newly installed, 0 to remove" in planned
        tool(*inside, "apt-get", "--yes", "install", "/root/further.deb")
        assert tool(*inside, "cat", "/usr/share/further") == "here"
        assert tool(*inside, "dpkg", "--audit") == ""
        assert "0 to remove" in tool(*inside, "apt-get", "--simulate", "autoremove")
    finally:
        herdbook.must("stop", name)


def dpkg(root: Root, *arguments: str) -> str:
    """Ask the dpkg inside a root, which says by its status no more than by its words."""
    command = ["chroot", str(root.folder), "dpkg", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return result.stdout + result.stderr
