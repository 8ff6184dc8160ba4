"""A version put to test is started, asked and always removed; what came of it is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from channel_images import put_rules, whole_version
from fleet_workshop import MadeUpNetwork, fleet_workshop

from herdbook.actions.keep_results import results_of
from herdbook.actions.put_to_test import put_to_test
from herdbook.actions.try_variant import remove_left
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.ports import Ended
from herdbook.channels.results import Result, ResultKind
from herdbook.core import digests
from herdbook.core.errors import MissingToolError, TimeoutExpiredError, VerificationError
from herdbook.drivers.fake import FakeEngine
from herdbook.drivers.fake.behaviour import Behaviour
from herdbook.fleet.instances import ContainerArtefact, Origin, Wanted
from herdbook.fleet.ports import Executed
from herdbook.recipes.model import Variant

RECIPE = """\
image: shop/web
from: debian:bookworm
variants: [container]
tests:
  - {name: first, run: [one, two]}
  - {name: second, run: a line}
"""
FIRST, SECOND = ("one", "two"), ("sh", "-euc", "a line")
RULES = "channels: [{channel: production, gates: {commands: [{name: look, run: [look, hard]}]}}]"


@dataclass
class MadeUpCommands:
    """Commands that do not run, and end as they were told to."""

    ended: Ended | Exception = field(default_factory=lambda: Ended(0, ""))
    heard: list[tuple[Sequence[str], Mapping[str, str], bytes]] = field(default_factory=list)
    damage: bytes = b""
    """What they write over each file of the layout that they get; all of it is read before."""

    found: list[dict[str, bytes]] = field(default_factory=list)

    def run(
        self,
        command: Sequence[str],
        settings: Mapping[str, str],
        given: bytes,
        limit_seconds: float,
    ) -> Ended:
        del limit_seconds
        self.heard.append((command, settings, given))
        layout = Path(settings["HERDBOOK_LAYOUT"])
        files = [each for each in layout.rglob("*") if each.is_file()]
        self.found.append({str(each.relative_to(layout)): each.read_bytes() for each in files})
        for each in files if self.damage else ():
            assert each.stat().st_mode & 0o222 == 0
            each.chmod(0o644)
            each.write_bytes(self.damage)
        if isinstance(self.ended, Exception):
            raise self.ended
        return self.ended


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return fleet_workshop(tmp_path / "state")


@pytest.fixture
def version(workshop: Workshop) -> Version:
    return workshop.versions.add(replace(whole_version(workshop), recipe=RECIPE))


def computer(workshop: Workshop) -> FakeEngine:
    engine = workshop.engines[Variant.CONTAINER]
    assert isinstance(engine, FakeEngine)
    return engine


def outcomes(workshop: Workshop, version: Version) -> dict[str, Result]:
    """Put it to test; nothing of it runs afterwards, and what came of it is what is kept."""
    found = list(put_to_test(workshop, MadeUpNetwork(), version, None, 5))
    results = [each for each in found if isinstance(each, Result)]
    assert results == found
    assert computer(workshop).observe() == []
    assert sorted(map(repr, results_of(workshop, version))) == sorted(map(repr, results))
    return {each.title: each for each in results}


def verdicts(results: Iterable[Result]) -> dict[str, bool]:
    return {each.title: each.passed for each in results}


def test_what_starts_and_whose_tests_end_well_passes(workshop: Workshop, version: Version) -> None:
    results = outcomes(workshop, version)
    assert verdicts(results.values()) == {"boots container": True, "tests container": True}
    assert [each.name for each in results["tests container"].parts] == ["first", "second"]


def test_a_test_that_fails_is_named_with_what_it_said_and_the_others_are_run(
    workshop: Workshop, version: Version
) -> None:
    computer(workshop).computer.answer_command(FIRST, Executed(3, "it is\x1b[31m wrong\n"))
    result = outcomes(workshop, version)["tests container"]
    assert (result.passed, result.failed) == (False, ("first",))
    [said] = [each.said for each in result.parts if not each.passed]
    assert said == "it is[31m wrong\nended with status 3"


def test_what_does_not_start_fails_with_the_reason_and_so_do_its_tests(
    workshop: Workshop, version: Version
) -> None:
    computer(workshop).computer.behave(lambda _: Behaviour(refusal="no such program"))
    results = outcomes(workshop, version)
    assert verdicts(results.values()) == {"boots container": False, "tests container": False}
    assert "no such program" in results["boots container"].parts[0].said


@pytest.mark.parametrize("reason", ["it ended with status 1", ""])
def test_what_ends_by_itself_has_to_end_well(
    workshop: Workshop, version: Version, reason: str
) -> None:
    dies = Behaviour(dies_after_seconds=1, death_reason=reason)
    computer(workshop).computer.behave(lambda _: dies)
    [part] = outcomes(workshop, version)["boots container"].parts
    assert part.passed is not bool(reason)
    assert part.said == reason


def test_a_version_without_tests_is_but_started(workshop: Workshop) -> None:
    recipe = RECIPE.partition("tests:")[0]
    bare = workshop.versions.add(replace(whole_version(workshop), recipe=recipe))
    assert verdicts(outcomes(workshop, bare).values()) == {"boots container": True}


def test_what_is_not_what_its_builder_signed_is_not_even_started(
    workshop: Workshop, version: Version
) -> None:
    forged = replace(version, recipe=RECIPE + "# more")
    with pytest.raises(VerificationError):
        list(put_to_test(workshop, MadeUpNetwork(), forged, None, 5))
    assert results_of(workshop, version) == []


def left_behind(workshop: Workshop, version: Version, name: str) -> None:
    artefact = ContainerArtefact(Path("/nowhere"), version.digest)
    origin = Origin(version.image, version.number, version.digest)
    computer(workshop).start(Wanted(name, origin, artefact))


def test_what_killed_tests_left_is_removed_and_nothing_else(
    workshop: Workshop, version: Version
) -> None:
    for name in ("herdbook-test-dead", "herdbook-test-alive", "web"):
        left_behind(workshop, version, name)
    with workshop.layers.lease("test of herdbook-test-alive"):
        assert remove_left(workshop) == ["herdbook-test-dead"]
    names = [each.name for each in computer(workshop).observe()]
    assert names == ["herdbook-test-alive", "web"]
    assert remove_left(workshop) == ["herdbook-test-alive"]


# Commands of one's own


def test_a_command_is_told_the_version_and_given_what_is_known_of_it(
    workshop: Workshop, version: Version
) -> None:
    commands = MadeUpCommands()
    put_rules(workshop, RULES)
    results = outcomes(replace(workshop, commands=commands), version)
    assert results["command look"].passed
    [(words, settings, given)] = commands.heard
    assert tuple(words) == ("look", "hard")
    assert settings["HERDBOOK_LABEL"] == version.label
    assert settings["HERDBOOK_DIGEST"] == version.digest
    assert settings["HERDBOOK_CHANNEL"] == "production"
    assert "index.json" in commands.found[0]
    assert not Path(settings["HERDBOOK_LAYOUT"]).exists(), "it is gone with the command"
    assert version.digest.encode() in given


def test_a_command_that_writes_into_what_it_gets_damages_neither_the_store_nor_the_next_one(
    workshop: Workshop, version: Version
) -> None:
    two = RULES.replace(
        "]}}]", "]}}, {channel: staging, gates: {commands: [{name: b, run: [b]}]}}]"
    )
    commands = MadeUpCommands(damage=b"rubbish")
    put_rules(workshop, two)
    outcomes(replace(workshop, commands=commands), version)
    first, second = commands.found
    assert first == second
    assert b"rubbish" not in second.values()
    [variant] = version.variants
    [layer] = variant.layers
    assert digests.of_file(workshop.layers.path(layer.digest)) == layer.digest


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Ended(2, "too old\n"), "too old"),
        (TimeoutExpiredError("look took longer"), "took longer than 10m and was stopped"),
        (MissingToolError("The program 'look' is not installed"), "is not installed"),
    ],
)
def test_a_command_that_does_not_end_well_fails_and_it_is_said_why(
    workshop: Workshop, version: Version, ended: Ended | Exception, said: str
) -> None:
    put_rules(workshop, RULES)
    results = outcomes(replace(workshop, commands=MadeUpCommands(ended)), version)
    [part] = results["command look"].parts
    assert not part.passed
    assert said in part.said


def test_a_command_of_rules_for_other_images_is_not_run(
    workshop: Workshop, version: Version
) -> None:
    commands = MadeUpCommands()
    put_rules(workshop, RULES.replace("{channel", "{images: other/*, channel"))
    results = outcomes(replace(workshop, commands=commands), version)
    assert all(each.kind is not ResultKind.COMMAND for each in results.values())
    assert commands.heard == []
