"""Decides how wheels are built from source distributions, and holds them against the lock."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from herdbook.builds.lock import LockedPython
from herdbook.core.errors import ConflictError, VerificationError

PYTHON_TOOLS = ("python3", "python3-dev", "gcc", "libc6-dev")
"""What the root has in which they are built: for most of those with parts in C, that is enough."""

SOURCES_FOLDER = "/run/herdbook/sources"
WHEELS_FOLDER = "/run/herdbook/wheels"
BUILT_FOLDER = "srv/wheels"
"""Where what is built lies in the root; the two above are where the sandbox shows what is kept."""

_UNPACKED = "/srv/sources"
_UNPACK_THEN_BUILD = f"""cd {SOURCES_FOLDER}
for source in *; do
  mkdir -p "{_UNPACKED}/$source"
  tar -x -z -f "$source" -C "{_UNPACKED}/$source" --strip-components=1 --no-same-owner
done
cd /srv
exec "$@"
"""


def build_command(pip: str, sources: Sequence[str]) -> list[str]:
    """Return what builds them; `pip` is the file name of the wheel that holds it.

    pip gives each a build environment of its own, from the shown wheels alone (PEP 517). Each is
    unpacked in a folder of a fixed name, for compilers write such names into what they make.
    """
    return [
        *("sh", "-euc", _UNPACK_THEN_BUILD, "sh"),
        *("python3", f"{WHEELS_FOLDER}/{pip}/pip", "wheel", "--quiet", "--no-index", "--no-deps"),
        *("--find-links", WHEELS_FOLDER, "--no-cache-dir", "--disable-pip-version-check"),
        *("--wheel-dir", f"/{BUILT_FOLDER}"),
        *(f"{_UNPACKED}/{name}" for name in sources),
    ]


def build_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment it runs in: the same source makes the same wheel.

    What is found at random names, such as the build environment, would else be in debug symbols.
    """
    return {**base, "CFLAGS": "-g0", "CXXFLAGS": "-g0", "PYTHONHASHSEED": "0"}


def require_all_locked(wheel: Path, locked: LockedPython) -> None:
    """Raise ConflictError where a built wheel needs what is not among the locked packages."""
    versions = {str(canonicalize_name(each.name)): each.version for each in locked.packages}
    missing = [str(each) for each in _needs(wheel, locked.version) if not _meets(each, versions)]
    if missing:
        raise ConflictError(
            f"{wheel.name} was built and needs what its source distribution did not say: "
            + ", ".join(missing),
            hint="Add that to the requirements file.",
        )


def _needs(wheel: Path, python: str) -> Iterator[Requirement]:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "extra": "",
    }
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        if not names:
            raise VerificationError(f"{wheel.name} was built and is no wheel")
        said = HeaderParser().parsestr(archive.read(names[0]).decode())
    for line in said.get_all("Requires-Dist", []):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield requirement


def _meets(requirement: Requirement, versions: Mapping[str, str]) -> bool:
    version = versions.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)
