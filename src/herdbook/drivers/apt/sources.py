"""Finds out which mirrors and which network settings this machine's apt is set up with."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import MissingToolError
from herdbook.drivers import process
from herdbook.packages.suites import SUITES, Suite

_FORMAT = "$(RELEASE) $(COMPONENT) $(REPO_URI) $(ORIGIN)"
_KEYRINGS = Path("/usr/share/keyrings")
_NETWORK_SETTING = re.compile(
    r"Acquire::(http|https|ftp|Retries|ForceIPv4|ForceIPv6|Queue-Mode|SOCKS)", re.IGNORECASE
)


@dataclass(frozen=True)
class Mirrors:
    """Where the main and the security archive are read from (URLs with a trailing slash)."""

    main: str
    security: str

    def of_pocket(self, pocket: str) -> str:
        """Return the mirror that holds a pocket."""
        return self.security if pocket.endswith("-security") else self.main


def configured_mirrors(caches: Path | None = None) -> Mirrors:
    """Return the Debian mirrors of this machine's apt sources.

    `caches` is a folder where apt may keep what it computed, for machines that keep none. Raises
    MissingToolError where there are none, for instance on a machine that is not Debian.
    """
    found = {"main": "", "security": ""}
    listing = process.run(["apt-get", "indextargets", *_kept_in(caches), "--format", _FORMAT])
    if not listing.succeeded:  # the disk of the caches may be full
        listing = process.run(["apt-get", "indextargets", "--format", _FORMAT])
    for line in listing.output.splitlines():
        release, component, address, origin = [*line.split(" ", 3), "", "", ""][:4]
        if origin not in ("", "Debian"):  # empty until somebody has run apt-get update
            continue
        suite, _, pocket = release.partition("-")
        suite = suite.partition("/")[0]
        if component == "main" and suite in {*SUITES, "stable", "oldstable", "testing"}:
            kind = "security" if "security" in (pocket, release.rpartition("/")[2]) else "main"
            found[kind] = found[kind] or address.rstrip("/") + "/"
    if not found["main"] or not found["security"]:
        raise MissingToolError(
            "This machine's apt sources name no Debian mirror with a security archive",
            hint="Name both in /etc/apt/sources.list.d (see sources.list(5)), or pass "
            "HERDBOOK_MIRROR and HERDBOOK_SECURITY_MIRROR.",
        )
    return Mirrors(found["main"], found["security"])


def _kept_in(caches: Path | None) -> list[str]:
    """Return options with which apt computes once what it needs even to list its sources."""
    if caches is None:
        return []
    with suppress(OSError):
        caches.mkdir(parents=True, exist_ok=True)
    return [
        f"--option=Dir::Cache::{name}={caches.absolute()}/{name}.bin"
        for name in ("pkgcache", "srcpkgcache")
    ]


def network_settings() -> str:
    """Return this machine's proxy and connection settings for apt, and none of its other ones.

    Others could loosen what is verified: some machines switch off the check of an index's age.
    """
    dump = process.run(["apt-config", "dump"]).output
    return "".join(
        f"{line}\n" for line in dump.splitlines() if _NETWORK_SETTING.match(line) and "::" in line
    )


def keyring(suite: Suite, directory: Path = _KEYRINGS) -> bytes:
    """Return the keys that may sign a suite, and no others, as one OpenPGP keyring.

    Debian ships one file per suite and role; concatenated binary keyrings are a keyring.
    """
    files = sorted(directory.glob(f"debian-archive-{suite.name}-*.gpg"))
    if not files:
        raise MissingToolError(
            f"There is no keyring for {suite.name} on this machine",
            hint="Install it with: apt-get install debian-archive-keyring",
        )
    return b"".join(path.read_bytes() for path in files)
