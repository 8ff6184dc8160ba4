"""Installs locked packages with mmdebstrap, from the very same .deb files."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from roots import Root

from herdbook.core.clock import SystemClock
from herdbook.layers.scanning import scan
from herdbook.layers.tree import Entry, Tree
from herdbook.packages.deb import control_files
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import Suite

LIMIT_SECONDS = 900

_MERGED_USR = (
    'for each in bin lib lib64 sbin; do mkdir -p "$1/usr/$each"; ln -s "usr/$each" "$1/$each"; done'
)
# As the sandbox of our builds: some scripts ask for the machine's name and network.
_ALONE = (
    *("bwrap", "--dev-bind", "/", "/", "--cap-add", "ALL", "--die-with-parent"),
    *("--unshare-net", "--unshare-uts", "--hostname", "localhost"),
)


def make_repository(folder: Path, packages: Mapping[LockedPackage, Path]) -> None:
    """Fill a folder with packages and the index that apt reads (Debian wiki, "flat repository")."""
    stanzas = []
    for package, deb in packages.items():
        # apt wants names; a colon in one would need quoting in an address.
        name = f"{package.name}_{package.sha256.removeprefix('sha256:')[:8]}.deb"
        (folder / name).hardlink_to(deb)
        control = control_files(deb)["control"].content.decode().strip()
        stanzas.append(
            f"{control}\nFilename: ./{name}\nSize: {package.size}\n"
            f"SHA256: {package.sha256.removeprefix('sha256:')}\n"
        )
    (folder / "Packages").write_text("\n".join(stanzas))


def install(suite: Suite, packages: Mapping[LockedPackage, Path], folder: Path) -> Root:
    """Return the root that mmdebstrap makes of these packages and no other."""
    repository = folder / "repository"
    repository.mkdir(parents=True)
    make_repository(repository, packages)
    target = folder / "root"
    began = int(SystemClock().now().timestamp())
    result = subprocess.run(
        [
            *_ALONE,
            "mmdebstrap",
            "--mode=root",
            "--format=directory",
            "--variant=essential",
            f"--include={','.join(_names(packages))}",
            f"--setup-hook={_MERGED_USR}",
            "",  # our index names no suite
            str(target),
            f"deb [trusted=yes] copy:{repository} ./",
        ],
        env={
            "DEBIAN_FRONTEND": "noninteractive",
            "HOME": "/root",
            "INITRD": "No",
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "SOURCE_DATE_EPOCH": str(suite.epoch),
            "TZ": "UTC",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    shutil.rmtree(repository)
    _remove_devices(target)
    return Root(_dated(scan(target), began, suite.epoch), target)


def _dated(scanned: Tree, began: int, epoch: int) -> dict[str, Entry]:
    """Give what the installation made the day of the suite's release, as our builds do."""
    return {
        path: replace(entry, mtime=epoch) if entry.mtime >= began else entry
        for path, entry in scanned.items()
    }


def _remove_devices(root: Path) -> None:
    """Empty /dev, which is no package's doing: an image holds no devices."""
    shutil.rmtree(root / "dev")
    (root / "dev").mkdir(mode=0o755)


def _names(packages: Iterable[LockedPackage]) -> list[str]:
    return sorted(package.name for package in packages)
