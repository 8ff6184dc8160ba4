"""Makes layers of a version again from its recorded lock, without the files it was built from."""

from herdbook.actions.bench import Bench
from herdbook.actions.inputs import Inputs
from herdbook.actions.install_node import install_node
from herdbook.actions.install_python import install_python
from herdbook.actions.lay_roots import lay_root
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import arrangement_in
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import Variant, Version
from herdbook.core.errors import InvalidInputError
from herdbook.recipes.reading import read_recipe


def remake(workshop: Workshop, version: Version) -> None:
    """Make again the packages of Debian, Python and Node in a version, and what configured them.

    Files, commands and accounts need the recipe's folder, which is not kept. Raises whatever the
    steps of a build raise, and InvalidInputError where the lock was written by another Herdbook.
    """
    try:
        lock = Lock.model_validate_json(version.lock)
    except ValueError as error:
        raise InvalidInputError(f"The lock of {version.label} is of another form") from error
    if version.variants and not lock.arranged:
        raise InvalidInputError(f"The lock of {version.label} does not say which layers it had")
    arrangement = arrangement_in(lock)
    with workshop.staging() as folder:
        path = folder / "herdbook.yaml"
        path.write_text(version.recipe)
        inputs = Inputs(read_recipe(path), lock, (), arrangement, version.wishes or version.digest)
        for variant in arrangement.groups:
            _remake(workshop, inputs, variant)


def _remake(workshop: Workshop, inputs: Inputs, variant: Variant) -> None:
    lock, folder = inputs.lock, inputs.recipe_file.folder
    root = lay_root(workshop, lock, inputs.arrangement, variant, folder)
    bench = Bench(workshop, inputs, root.maker, root.steps)
    if lock.python:
        install_python(bench, lock.python, root.maker.foundation.tree)
    if lock.node:
        install_node(bench, lock.node, root.maker.foundation.tree)
