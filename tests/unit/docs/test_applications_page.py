"""What docs/applications.md says of applications is what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import get_args

from pydantic import BaseModel

from herdbook.cli.applications.following import _UNDONE_STATUS
from herdbook.compose.reading import read_application
from herdbook.compose.unsupported import MACHINE_RULES, RESOURCE_RULES, SERVICE_RULES
from herdbook.compose.wishes import ApplicationWishes, Backup, Canary, ServiceWishes, Snapshot
from herdbook.fleet.applications import Canary as CanaryPolicy
from herdbook.fleet.applications import UpdatePolicy
from herdbook.fleet.probes import Probe, ProbeKind
from herdbook.rollouts.model import MOVES, OVER, RolloutState

PAGE = (Path(__file__).parents[3] / "docs" / "applications.md").read_text()
_ROW = re.compile(r"^\| `([a-z_.]+)` \| *([^|]*?) *\|", re.MULTILINE)


def section(title: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the keys that people may write, those of inner parts after a full stop."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = [each for each in get_args(field.annotation) if isinstance(each, type)]
        parts = [each for each in inner if issubclass(each, BaseModel)]
        parts = [each for each in parts if each.__name__ not in {"WishedImage", "Percent"}]
        if parts:
            yield from (f"{key}.{each}" for part in parts for each in keys(part))
        else:
            yield key


def test_every_key_of_a_service_is_documented_and_no_other() -> None:
    documented = {key for key, _ in _ROW.findall(section("`x-herdbook` of a service"))}
    assert documented == set(keys(ServiceWishes))


def test_every_key_at_the_top_is_documented_and_no_other() -> None:
    documented = {key for key, _ in _ROW.findall(section("`x-herdbook` at the top"))}
    assert documented == set(keys(ApplicationWishes))


def test_the_defaults_are_those_of_the_code() -> None:
    policy, probe, wishes = UpdatePolicy(), Probe(ProbeKind.TCP), ServiceWishes()
    found = dict(_ROW.findall(section("`x-herdbook` of a service")))
    wanted = {
        "kind": wishes.kind.value,
        "class": wishes.class_.value,
        "strategy": policy.strategy.value,
        "canary.instances": f"{Canary().instances}",
        "canary.weight": f"{Canary().weight}",
        "canary.analysis": f"{CanaryPolicy().analysis_seconds:g}s",
        "canary.hold": f"{Canary().hold}".lower(),
        "settle": f"{policy.settle_seconds:g}s",
        "deadline": f"{policy.deadline_seconds:g}s",
        "drain": f"{policy.drain_seconds:g}s",
        "bake": f"{policy.bake_seconds:g}s",
        "on_degrade": policy.failure_action.value,
        "reversible": f"{wishes.reversible}".lower(),
        "snapshot.before_update": f"{Snapshot().before_update}".lower(),
        "snapshot.keep": f"{Snapshot().keep}",
        "backup.keep": f"{Backup.model_fields['keep'].default}",
        "probe.interval": f"{probe.interval_seconds:g}s",
        "probe.timeout": f"{probe.timeout_seconds:g}s",
        "probe.rise": f"{probe.rise}",
        "probe.fall": f"{probe.fall}",
    }
    assert {key: found[key] for key in wanted} == wanted


def test_the_diagram_shows_every_move_of_a_rollout_and_no_other() -> None:
    shown = {
        (one.replace("_", " "), other.replace("_", " "))
        for one, other in re.findall(r"^    (\S+) --> (\S+)$", section("Rollouts"), re.MULTILINE)
    }
    moves = {(one.value, other.value) for one, goals in MOVES.items() for other in goals}
    ends = {(state.value, "[*]") for state in OVER}
    assert shown == {*moves, *ends, ("[*]", RolloutState.ROLLING.value)}


def test_every_state_of_a_rollout_is_explained() -> None:
    explained = re.findall(r"^\| ([a-z ]+) \|", section("Rollouts"), re.MULTILINE)
    assert set(explained) - {"state"} == {state.value for state in RolloutState}


def test_all_that_is_not_done_is_listed_with_what_that_means() -> None:
    beside = {
        (f"{part}.*.{rule.key}", rule.consequence)
        for part, rules in RESOURCE_RULES.items()
        for rule in rules
    }
    rules = {(rule.key, rule.consequence) for rule in (*SERVICE_RULES, *MACHINE_RULES)}
    listed = re.findall(
        r"^\| `([^`]+)`(?: \([^)]*\))? \| (.*) \|$",
        section("What of Compose is not done"),
        re.MULTILINE,
    )
    assert set(listed) == rules | beside


def test_the_exit_status_is_the_one_that_is_documented() -> None:
    assert f"status {_UNDONE_STATUS} " in PAGE
    errors = (Path(__file__).parents[3] / "docs" / "errors.md").read_text()
    assert f"| {_UNDONE_STATUS} | |" in errors


def test_the_example_can_be_read(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "compose.yaml").write_text(dedent(example[1]))
    found = read_application([tmp_path / "compose.yaml"], environment={})
    assert set(found.application.services) == {"web", "db"}
    assert not found.unsupported
