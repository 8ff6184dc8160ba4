"""Sends what a version was made from along with a proposal: its recipe, its lock, its files."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex

from herdbook.actions.find_homes import Homes
from herdbook.actions.name_version import version_meant
from herdbook.actions.require_role import require_role
from herdbook.actions.weigh_proposal import proposal_numbered
from herdbook.actions.workshop import Workshop
from herdbook.builds.bundles import bundle_of, recipe_in
from herdbook.builds.lock import Lock
from herdbook.campaigns.ports import Member
from herdbook.catalogue.model import Version
from herdbook.core.digests import Digest
from herdbook.core.errors import (
    ConflictError,
    GateError,
    HerdbookError,
    InvalidInputError,
    NotFoundError,
)
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import suite_named
from herdbook.people.acts import Act

_SHOWN = 3


def send_sources(workshop: Workshop, version: Version) -> Digest:
    """Keep what a version was made from, and return what names it.

    Raises NotFoundError or ConflictError where its recipe or its files are gone or have changed
    since it was built, and GateError where its lock names what the archive does not list: whoever
    builds it again must not have to take the word of whoever locked it.
    """
    lock = Lock.model_validate_json(version.lock)
    refuse_unlisted(workshop, version.label, lock)
    return _bundled(workshop, version, lock)


def pack_sources(workshop: Workshop, name: str, file: Path) -> Version:
    """Write what a version was made from to a new file, to be proposed elsewhere; return it.

    Raises as `send_sources`, but for what the archive lists, and ConflictError where the file
    exists.
    """
    version = version_meant(workshop, name)
    require_role(workshop, Act.READ, version.image)
    lock = Lock.model_validate_json(version.lock)
    workshop.bundles.copy(_bundled(workshop, version, lock, version.digest), file)
    return version


def _bundled(workshop: Workshop, version: Version, lock: Lock, built: str = "") -> Digest:
    """Keep the bundle of a version, once it has been seen to make the same elsewhere."""
    inputs = Homes().inputs(_at(version, version.home), lock)
    with workshop.progress.task(f"Keeping what {version.label} was made from"):
        digest = workshop.bundles.keep(bundle_of(inputs.recipe_file, lock, built))
        with workshop.bundles.opened(digest) as folder:
            try:
                Homes().inputs(_at(version, recipe_in(folder).home), lock)
            except HerdbookError as error:
                raise InvalidInputError(
                    f"What {version.label} was made from is not the same elsewhere: "
                    f"{error.message}",
                    hint="`files` must not take the folder of the recipe itself: name what it "
                    "needs.",
                    where=str(inputs.recipe_file.path),
                ) from error
    return digest


def write_sources(workshop: Workshop, number: int, folder: Path) -> Path:
    """Write what a proposal was sent with to a new folder; return the recipe there.

    Raises NotFoundError where it was sent with nothing, ConflictError where the folder exists.
    """
    proposal = proposal_numbered(workshop, number)
    require_role(workshop, Act.READ, proposal.image)
    if proposal.sources is None:
        raise NotFoundError(
            f"Proposal {number} was not sent with what {proposal.label} was made from",
            hint=f"See where it was built: herdbook show {proposal.label}",
        )
    if folder.exists():
        raise ConflictError(f"{folder} exists already", hint="Name a new folder.")
    part = folder.with_name(f".{folder.name}.{token_hex(4)}")
    try:
        with workshop.bundles.opened(proposal.sources) as opened:
            recipe = recipe_in(opened).path
            shutil.copytree(recipe.parent, part, symlinks=True)
        part.rename(folder)
    except OSError as error:
        raise InvalidInputError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder / recipe.name


def _at(version: Version, home: str) -> Member:
    return Member(version.image, version.number, home, version.wishes)


def refuse_unlisted(workshop: Workshop, label: str, lock: Lock) -> None:
    """Raise GateError where a lock names packages that no signed index of the archive lists."""
    found = [
        each.label
        for suite, packages in _packages(lock)
        for each in workshop.archive.unlisted(suite_named(suite), packages, workshop.progress)
    ]
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise GateError(
            f"The lock of {label} names what the archive does not list (any more): "
            f"{', '.join(found[:_SHOWN])}{more}",
            hint="Lock it anew, build it and propose that: herdbook lock RECIPE",
        )


def _packages(lock: Lock) -> Iterator[tuple[str, Sequence[LockedPackage]]]:
    """Yield all that is installed to make an image, by the suite that it is from."""
    own = (*lock.packages, *lock.machine)
    if own:
        yield lock.suite, own
    for tools in (lock.ansible, lock.python_tools):
        if tools is not None:
            yield tools.suite, tools.packages
