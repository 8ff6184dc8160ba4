"""Builds wheels from Python source distributions, in the sandbox, in a root with a compiler."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from herdbook.actions.bench import Bench, attempted
from herdbook.actions.lock_tools import tools_root
from herdbook.builds.lock import LockedPython
from herdbook.builds.ports import Job
from herdbook.builds.roots import install_environment
from herdbook.builds.wheel_building import (
    BUILT_FOLDER,
    SOURCES_FOLDER,
    WHEELS_FOLDER,
    build_command,
    build_environment,
    require_all_locked,
)
from herdbook.core.errors import InvalidInputError, StepFailedError
from herdbook.packages.suites import suite_named

_LAST_LINES = 25


@contextmanager
def built_wheels(bench: Bench, locked: LockedPython) -> Iterator[list[Path]]:
    """Give the wheels that the locked source distributions make, until the block ends.

    They are the same for the same lock: no network, a fixed clock and a fixed order of hashes.
    Raises StepFailedError with what a build said, ConflictError where a wheel needs more than
    is locked.
    """
    if not locked.sources:
        yield []
        return
    where = bench.recipe_file.where("python", "from_source")
    tools = bench.inputs.lock.python_tools
    if tools is None:
        raise InvalidInputError(
            "The lock lacks what Python packages are built with",
            hint="Make it again: herdbook lock",
            where=where,
        )
    workshop, step = bench.workshop, bench.recipe_file.recipe.python
    credentials = workshop.secrets.path(step.credentials if step else None)
    sources, wheels = workshop.wheels.fetch_for_building(
        locked, workshop.progress, credentials=credentials
    )
    root = tools_root(workshop, tools)
    title = f"Building {len(sources)} Python packages from source"
    with workshop.staging() as upper, workshop.progress.task(title) as task:
        environment = build_environment(install_environment(suite_named(tools.suite)))
        pip = next(wheel.name for wheel in wheels if wheel.name.startswith("pip-"))
        command = build_command(pip, [source.name for source in sources])
        shown = _shown(SOURCES_FOLDER, sources) | _shown(WHEELS_FOLDER, wheels)
        job = Job([root], upper, command, environment, shown)
        outcome = attempted(bench, job, "Building Python packages", where, task)
        if outcome.status:
            tail = "\n".join(outcome.output.splitlines()[-_LAST_LINES:])
            raise StepFailedError(
                f"Python packages could not be built from source:\n{tail}",
                hint="A missing header or program comes with a Debian package: name it in "
                "`python.build_packages`. There is no network while they are built.",
                where=where,
            )
        built = sorted((upper / BUILT_FOLDER).glob("*.whl"))
        for wheel in built:
            require_all_locked(wheel, locked)
        yield built


def _shown(folder: str, files: Sequence[Path]) -> dict[Path, str]:
    return {file: f"{folder}/{file.name}" for file in files}
