"""Starts a variant of a version to see whether it becomes ready, runs its tests, and removes it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from herdbook.actions.judge_command import judge_command, last_lines, words_of
from herdbook.actions.run import Started, Wish, run
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.channels.results import Part
from herdbook.core.errors import EngineError, NotFoundError, TimeoutExpiredError
from herdbook.fleet.instances import ProcessChanges, State
from herdbook.fleet.ports import Network
from herdbook.images.documents import process_of
from herdbook.recipes.model import RecipeTest

_NAME = "herdbook-test-"
_LEASE = "test of "
_LAST_LINES = 20
_SETTLE_SECONDS = {Variant.CONTAINER: 3.0, Variant.VM: 20.0}
"""How long what has no health check has to go on before it is taken for started."""

_LOOK_EVERY_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_IDLE = ("sleep", "infinity")
"""What runs in a container of an image that has no service: its tests need something to be in."""


@dataclass(frozen=True)
class Tested:
    """What came of it: whether it became ready, and then of its tests."""

    boots: Part
    tests: tuple[Part, ...]


def try_variant(
    workshop: Workshop,
    network: Network,
    version: Version,
    variant: VariantRecord,
    tests: Sequence[RecipeTest],
    ready_limit_seconds: float,
) -> Tested:
    """Start a variant under a name of its own, run its tests inside, stop and remove it always.

    Raises what keeps this machine from trying at all; a version that does not start is no error.
    """
    remove_left(workshop)
    name = f"{_NAME}{uuid4().hex[:12]}"
    before = workshop.clock.monotonic_seconds()
    with _removed_in_the_end(workshop, variant, name):
        try:
            started = _start(workshop, network, version, variant, name, ready_limit_seconds)
            passed, said = _settled(workshop, variant, name, started)
        except (EngineError, TimeoutExpiredError) as error:
            passed, said = False, error.message
        seconds = round(workshop.clock.monotonic_seconds() - before, 3)
        if not passed:
            said = last_lines("\n".join([said, *_logged(workshop, variant, name)]))
            return Tested(Part("ready", passed=False, seconds=seconds, said=said), ())
        boots = Part("ready", passed=True, seconds=seconds)
        return Tested(boots, tuple(_run_test(workshop, variant, name, each) for each in tests))


def remove_left(workshop: Workshop) -> list[str]:
    """Remove what tests have left that were killed; return the instances' names."""
    seen = [(engine, each) for engine in workshop.engines.values() for each in engine.observe()]
    # After that: whoever starts one holds its lease before, until it is removed again.
    alive = set(workshop.layers.work_under_way())
    left = [
        (engine, each.name)
        for engine, each in seen
        if each.name.startswith(_NAME) and f"{_LEASE}{each.name}" not in alive
    ]
    for engine, name in left:
        engine.stop(name, 0)
    return [name for _, name in left]


@contextmanager
def _removed_in_the_end(workshop: Workshop, variant: VariantRecord, name: str) -> Iterator[None]:
    with workshop.layers.lease(f"{_LEASE}{name}"):
        try:
            yield
        finally:
            workshop.engines[variant.kind].stop(name, _GRACE_SECONDS)


def _start(
    workshop: Workshop,
    network: Network,
    version: Version,
    variant: VariantRecord,
    name: str,
    ready_limit_seconds: float,
) -> Started:
    idle = ProcessChanges(entrypoint=_IDLE) if _has_no_service(workshop, variant) else None
    wish = Wish(name=name, process=idle or ProcessChanges())
    return run(workshop, network, version, variant, wish, ready_limit_seconds)


def _has_no_service(workshop: Workshop, variant: VariantRecord) -> bool:
    if variant.kind is Variant.VM:  # its init runs in any case
        return False
    return not process_of(workshop.versions.document(variant.config)).command


def _settled(
    workshop: Workshop, variant: VariantRecord, name: str, started: Started
) -> tuple[bool, str]:
    """Tell whether it has become ready: without a health check, whether it goes on, or ended well.

    What ends by itself and says that all went well has done what it is for.
    """
    if started.ready_seconds is not None:
        return True, ""
    until = workshop.clock.monotonic_seconds() + _SETTLE_SECONDS[variant.kind]
    engine = workshop.engines[variant.kind]
    while True:
        seen = next((each for each in engine.observe() if each.name == name), None)
        if seen is None:
            return False, "it is gone"
        if seen.state is not State.RUNNING:
            return seen.state is State.STOPPED, seen.reason
        if workshop.clock.monotonic_seconds() >= until:
            return True, ""
        workshop.clock.sleep(_LOOK_EVERY_SECONDS)


def _logged(workshop: Workshop, variant: VariantRecord, name: str) -> list[str]:
    try:
        return list(workshop.engines[variant.kind].logs(name))[-_LAST_LINES:]
    except NotFoundError:  # it was not even made
        return []


def _run_test(workshop: Workshop, variant: VariantRecord, name: str, test: RecipeTest) -> Part:
    title = test.name or " ".join(test.run)

    def run() -> tuple[int, str]:
        inside = workshop.insides[variant.kind]
        ended = inside.execute(name, words_of(test.run), test.limit_seconds)
        return ended.status, ended.output

    with workshop.progress.task(f"Testing: {title[:60].partition(chr(10))[0]}"):
        return judge_command(workshop, title, test.timeout, run)
