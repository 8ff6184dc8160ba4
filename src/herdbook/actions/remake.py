"""Makes layers of a version again from its recorded lock, without the files it was built from."""

from threading import Event

from herdbook.actions.bench import Bench
from herdbook.actions.foundation import foundation_of
from herdbook.actions.inputs import Inputs
from herdbook.actions.install_node import install_node
from herdbook.actions.install_python import install_python
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.make_roots import RootMaker, control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import arrangement_in, packages_of
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import Variant, Version
from herdbook.core.errors import InvalidInputError
from herdbook.packages.suites import NO_SUITE, suite_named
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
    lock = inputs.lock
    packages = packages_of(lock, variant)
    workshop.archive.fetch(packages, workshop.progress)
    controls = {package.name: control_of(workshop, package) for package in packages}
    foundation = foundation_of(workshop, lock, variant, inputs.recipe_file.folder)
    suite = suite_named(lock.suite) if lock.suite else NO_SUITE
    maker = RootMaker(workshop, suite, controls, foundation)
    steps = maker.whole(inputs.arrangement.steps[variant])
    never = Event()
    kept = [keep_packages(workshop, group, never) for group in inputs.arrangement.groups[variant]]
    if steps:
        maker.configured(steps, kept)
    bench = Bench(workshop, inputs, maker, steps)
    if lock.python:
        install_python(bench, lock.python, foundation.tree)
    if lock.node:
        install_node(bench, lock.node, foundation.tree)
