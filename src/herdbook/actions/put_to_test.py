"""Finds out what gates ask of a version: starts it, runs tests and commands, builds it again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from herdbook.actions.check_genuine import refuse_forged
from herdbook.actions.keep_results import keep_result
from herdbook.actions.read_recipe_of import read_recipe_of
from herdbook.actions.reproduce import reproduce
from herdbook.actions.require_role import SYSTEM, require_role
from herdbook.actions.run_own_commands import own_commands
from herdbook.actions.try_variant import try_variant
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, Version
from herdbook.catalogue.names import variant_of
from herdbook.channels.gates import text_of_tests
from herdbook.channels.results import Part, Result, ResultKind
from herdbook.core.digests import EMPTY, Digest
from herdbook.core.errors import MissingToolError
from herdbook.fleet.ports import Network
from herdbook.people.acts import Act


def put_to_test(
    workshop: Workshop,
    network: Network,
    version: Version,
    only: Variant | None,
    ready_limit_seconds: float,
) -> Iterator[Result | MissingToolError]:
    """Start variants, run tests and commands, and yield each result once it is kept.

    Where a variant cannot be tried on this machine, why is yielded in its place.
    """
    require_role(workshop, Act.TEST, version.image)
    workshop.keys.require()
    refuse_forged(workshop, version)
    recipe = read_recipe_of(workshop, version)
    tests = recipe.tests if recipe else ()
    chosen = [variant_of(version, only)] if only else version.variants
    for variant in chosen:
        try:
            # Who may test may have it started for that.
            trying = replace(workshop, authority=SYSTEM)
            found = try_variant(trying, network, version, variant, tests, ready_limit_seconds)
        except MissingToolError as error:
            yield error
            continue
        name = variant.kind.value
        yield _kept(workshop, version, ResultKind.BOOTS, name, [found.boots])
        if tests:
            parts = found.tests or (Part("ready", passed=False, said="it did not become ready"),)
            text = text_of_tests(tests)
            yield _kept(workshop, version, ResultKind.TESTS, name, parts, text)
    if only is None:
        for command, channel, part in own_commands(workshop, version):
            kind, text = ResultKind.COMMAND, command.text_for(channel)
            yield _kept(workshop, version, kind, command.name, [part], text)


def prove_reproduced(workshop: Workshop, version: Version) -> Result:
    """Build a version again, compare, and keep what came of it; raises as `reproduce`."""
    require_role(workshop, Act.TEST, version.image)
    workshop.keys.require()
    refuse_forged(workshop, version)
    return _kept(workshop, version, ResultKind.REPRODUCED, "", reproduce(workshop, version))


def _kept(
    workshop: Workshop,
    version: Version,
    kind: ResultKind,
    name: str,
    parts: Sequence[Part],
    text: Digest = EMPTY,
) -> Result:
    result = Result(
        image=version.image,
        version=version.number,
        digest=version.digest,
        kind=kind,
        at=workshop.clock.now(),
        who=workshop.actor,
        parts=tuple(parts),
        name=name,
        text=text,
    )
    keep_result(workshop, result)
    return result
