"""Takes what was made elsewhere as sources alone: it is built here before it can be proposed."""

from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.build import build_prepared
from herdbook.actions.find_homes import inputs_with
from herdbook.actions.require_role import require_role
from herdbook.actions.send_sources import refuse_unlisted
from herdbook.actions.workshop import Workshop
from herdbook.builds.bundles import contents_in, lock_in, recipe_in
from herdbook.catalogue.model import Version
from herdbook.core.errors import InvalidInputError
from herdbook.people.acts import Act


@dataclass(frozen=True)
class Taken:
    """The version that was built of a bundle; `built` is what its sender has built, if they say."""

    version: Version
    built: str

    @property
    def is_identical(self) -> bool:
        """Whether both are the same, bit by bit."""
        return self.built == self.version.digest


def take_sources(workshop: Workshop, file: Path) -> Taken:
    """Build the version that a bundle makes, which is kept here from then on.

    Raises VerificationError for what is no bundle, InvalidInputError where its lock is not its
    recipe's, GateError where the archive does not list what the lock names, and what a build
    raises.
    """
    workshop.keys.require()
    digest = workshop.bundles.take(file)
    with workshop.bundles.opened(digest) as folder:
        require_role(workshop, Act.BUILD, recipe_in(folder).recipe.image)
    home = workshop.bundles.lay_out(digest)  # the recipe's from now on
    recipe_file, lock = recipe_in(home), lock_in(home)
    inputs = inputs_with(recipe_file, lock)
    if inputs is None:
        raise InvalidInputError(
            f"The lock in {file} is not that of its recipe",
            hint="Write it anew where it was built: herdbook proposal pack IMAGE FILE",
        )
    refuse_unlisted(workshop, recipe_file.recipe.image, lock)
    return Taken(build_prepared(workshop, inputs).version, contents_in(home).built)
