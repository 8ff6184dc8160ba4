"""Makes layers of a version again from its recorded lock, without the files it was built from."""

import re
from pathlib import Path
from threading import Event

from herdbook.actions.bench import Bench
from herdbook.actions.foundation import foundation_of
from herdbook.actions.inputs import Inputs
from herdbook.actions.install_python import install_python
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.make_roots import RootMaker, control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Arrangement, Group, Step, packages_of
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.catalogue.stock import Stock
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.packages.suites import suite_named
from herdbook.recipes.reading import read_recipe

_PACKAGE = re.compile(r"var/lib/dpkg/info/([^/:]+)(?::[^/]+)?\.list")


def remake(workshop: Workshop, stock: Stock, version: Version) -> None:
    """Make again what packages, their configuration and Python packages are in a version.

    Files, commands and accounts need the recipe's folder, which is not kept. Raises whatever the
    steps of a build raise, and InvalidInputError where the lock was written by another Herdbook.
    """
    try:
        lock = Lock.model_validate_json(version.lock)
    except ValueError as error:
        raise InvalidInputError(f"The lock of {version.label} is of another form") from error
    for record in version.variants:
        _remake(workshop, version, lock, record.kind, _groups(stock, record, lock))


def _remake(
    workshop: Workshop, version: Version, lock: Lock, variant: Variant, groups: tuple[Group, ...]
) -> None:
    packages = packages_of(lock, variant)
    workshop.archive.fetch(packages, workshop.progress)
    controls = {package.name: control_of(workshop, package) for package in packages}
    foundation = foundation_of(workshop, lock, variant, Path())
    maker = RootMaker(workshop, suite_named(lock.suite), controls, foundation)
    steps = _steps(lock, variant)
    never = Event()
    kept = [keep_packages(workshop, group, never) for group in groups]
    maker.configured(steps, kept)
    if lock.python:
        with workshop.staging() as folder:
            path = folder / "herdbook.yaml"
            path.write_text(version.recipe)
            arrangement = Arrangement({variant: groups}, {variant: steps})
            inputs = Inputs(read_recipe(path), lock, (), arrangement, version.build_key)
            install_python(Bench(workshop, inputs, maker, steps), lock.python)


def _groups(stock: Stock, record: VariantRecord, lock: Lock) -> tuple[Group, ...]:
    """Return which packages lie in which layers, as the layers' trees tell."""
    by_name = {package.name: package for package in packages_of(lock, record.kind)}
    groups = []
    for layer in record.layers:
        try:
            tree = stock.tree(layer.digest) or {}
        except VerificationError:
            tree = {}
        names = [match[1] for path in tree if (match := _PACKAGE.fullmatch(path))]
        if names and by_name.keys() >= set(names):
            groups.append(Group(layer.title, tuple(by_name[name] for name in sorted(names))))
    return tuple(groups)


def _steps(lock: Lock, variant: Variant) -> tuple[Step, ...]:
    """Return the sets of packages to install on each other: as few as the variant allows.

    In which steps the build did it is not kept, and makes no difference to the layers.
    """
    if not lock.from_nothing:
        steps = [packages_of(lock, variant)]
    else:
        steps = [lock.packages, lock.machine if variant is Variant.VM else ()]
    return tuple(step for step in steps if step)
