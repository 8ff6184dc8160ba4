"""The port to Python packages: pins requirements, and gives out what was locked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.builds.lock import LockedPython, LockedWheel
from herdbook.builds.requirements import checked_requirements
from herdbook.core.progress import Progress
from herdbook.drivers.python.house import House

_BUILDS_WHEELS = "pip"


@dataclass(frozen=True)
class PypiWheelHouse:
    """Wheels and source distributions under `directory`, each in a folder named by its digest."""

    directory: Path

    def resolve(
        self,
        requirements: Path,
        python: str,
        glibc: str,
        *,
        from_source: Sequence[str] = (),
        credentials: Path | None = None,
    ) -> LockedPython:
        """Pin every requirement with its digest; see the port's promises.

        uv decides on versions; what fits the image is fetched at once, since only then is it known
        which of a version's wheels that is.
        """
        wanted = checked_requirements(requirements.read_text(encoding="utf-8"), str(requirements))
        house = House(self.directory, python, glibc, requirements, credentials)
        if not from_source:
            return house.locked(house.resolve(wanted, ()))
        sources, metadata = house.sources(wanted, from_source)
        pinned = "".join(f"{each.name}=={each.version}\n" for each in metadata)
        wheels = house.resolve(wanted + pinned, metadata)
        building: set[LockedWheel] = set()
        for each in metadata:
            lines = (*each.build_requires, _BUILDS_WHEELS)
            building.update(house.resolve("".join(f"{line}\n" for line in lines), ()))
        return house.locked(wheels, sources, building)

    def fetch(
        self, locked: LockedPython, progress: Progress, *, credentials: Path | None = None
    ) -> list[Path]:
        """Return the kept wheels, fetching those not kept yet, or no longer with their bytes."""
        house = _house_of(self.directory, locked, credentials)
        return house.fetch(locked.wheels, progress)

    def fetch_for_building(
        self, locked: LockedPython, progress: Progress, *, credentials: Path | None = None
    ) -> tuple[list[Path], list[Path]]:
        """Return the kept source distributions, and the kept wheels that build them."""
        house = _house_of(self.directory, locked, credentials)
        house.fetch_sources(locked.sources, progress)
        return (
            [house.kept(source) for source in locked.sources],
            house.fetch(locked.build_wheels, progress),
        )


def _house_of(directory: Path, locked: LockedPython, credentials: Path | None) -> House:
    return House(directory, locked.version, locked.glibc, Path("herdbook.lock"), credentials)
