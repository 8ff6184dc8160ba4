"""Finds out what this machine can do, and how to mend what it cannot."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from herdbook.actions.workshop import Workshop
from herdbook.builds.ports import Job
from herdbook.builds.roots import make_skeleton
from herdbook.core.errors import HerdbookError, MissingToolError
from herdbook.drivers import process
from herdbook.drivers.apt.sources import configured_mirrors, keyring
from herdbook.fleet.ports import Capabilities
from herdbook.packages.suites import SUITES, Suite
from herdbook.server.provision import installed_tool
from herdbook.server.settings import Settings
from herdbook.server.status import status_of

_WANTED_FREE_BYTES = 4 << 30
_PROGRAMS = ("apt-get", "dpkg-deb", "bwrap", "unshare", "mount")
_FLEET_PROGRAMS = ("haproxy", "dnsmasq", "ip", "iptables")
_DISK_PROGRAMS = ("mkfs.ext4", "mkfs.fat", "mcopy", "qemu-img")


class Verdict(Enum):
    """How bad a finding is."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do where it is not well."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(settings: Settings, workshop: Workshop) -> list[Finding]:
    """Return all findings; each comes of trying, and none of it changes anything lasting."""
    return [
        _checked("privileges", _privileges),
        *(_program(name) for name in _PROGRAMS),
        _checked("sandbox", lambda: _sandbox(workshop)),
        _checked("mirrors", _mirrors),
        *(_keyring(suite) for suite in SUITES.values()),
        *(_engine(workshop.engines[kind].capabilities(), kind) for kind in workshop.engines),
        *(_program(name) for name in _DISK_PROGRAMS),
        *(_needed_only_by(name, "applications (herdbook up)") for name in _FLEET_PROGRAMS),
        _needed_only_by("skopeo", "recipes `from: oci:...`"),
        _checked("server", lambda: _server(settings, workshop)),
        _root_file_systems(),
        _space(settings.state_directory),
    ]


def _checked(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, Verdict.OK, check())
    except HerdbookError as error:
        return Finding(name, Verdict.MISSING, error.message, error.hint)


def _privileges() -> str:
    if os.geteuid() != 0:
        raise MissingToolError(
            "not root: images can be looked at, not built", hint="Run Herdbook with sudo."
        )
    return "root"


def _sandbox(workshop: Workshop) -> str:
    with workshop.staging() as folder:
        make_skeleton(folder)
        job = Job((), folder, ["/usr/bin/true"], shown={Path("/usr"): "/usr"})
        outcome = workshop.sandbox.run(job)
    if outcome.status:
        raise MissingToolError(f"a trial ended with status {outcome.status}: {outcome.output}")
    return "namespaces and overlayfs work"


def _mirrors() -> str:
    mirrors = configured_mirrors()
    return f"{mirrors.main}, {mirrors.security}"


def _program(name: str) -> Finding:
    return _checked(name, lambda: process.find(name))


def _needed_only_by(name: str, what: str) -> Finding:
    found = _program(name)
    if found.verdict is Verdict.OK:
        return found
    detail = f"not installed: only {what} need it"
    return Finding(found.name, Verdict.LIMITED, detail, found.remedy)


def _keyring(suite: Suite) -> Finding:
    return _checked(f"keyring {suite.name}", lambda: f"{len(keyring(suite))} bytes")


def _engine(found: Capabilities, kind: str) -> Finding:
    name = f"{kind} engine"
    if found.unusable:
        return Finding(name, Verdict.MISSING, found.unusable, found.remedy)
    if found.accelerator == "tcg":
        return Finding(
            name,
            Verdict.LIMITED,
            f"{found.version}, emulated: a tiny guest did not start under KVM",
            "Machines run, about ten times slower. Enable virtualisation if the hardware has it.",
        )
    return Finding(name, Verdict.OK, f"{found.version} {found.accelerator}".strip())


def _server(settings: Settings, workshop: Workshop) -> str:
    return status_of(settings, workshop).words


def _root_file_systems() -> Finding:
    if installed_tool():
        return Finding("mkfs.erofs", Verdict.OK, "new enough to take a tar")
    detail = "none that takes a tar: the first VM fetches one from the archive, and keeps it"
    return Finding("mkfs.erofs", Verdict.OK, detail)


def _space(state: Path) -> Finding:
    free = shutil.disk_usage(state).free
    detail = f"{free >> 30} GiB free under {state}"
    if free < _WANTED_FREE_BYTES:
        return Finding("space", Verdict.LIMITED, detail, "A first build takes about 2 GiB.")
    return Finding("space", Verdict.OK, detail)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict of all."""
    verdicts = {finding.verdict for finding in findings}
    return next(each for each in reversed(Verdict) if each in verdicts)
