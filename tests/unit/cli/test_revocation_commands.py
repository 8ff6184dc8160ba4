"""Declaring versions bad: from when, for what, what it reaches, and that it can be taken back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from channel_images import add_version, add_versions, verbs
from commands import Run, json_of
from fleet_workshop import MadeUpNetwork, composed
from stores import open_store

from herdbook.actions.promote import promote
from herdbook.actions.release_application import release_application
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.cli.channels.revocations import levels_of, moment_of
from herdbook.core.errors import InvalidInputError
from herdbook.rollouts.ports import Changes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REVOCATION = {"image", "version", "at", "who", "reason", "since", "inherited"}
BECAUSE = ("--reason", "it leaks")


# From when


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("36h", NOW + timedelta(hours=36)),
        ("14d", NOW + timedelta(days=14)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31 18:30", datetime(2027, 1, 31, 18, 30, tzinfo=UTC)),
        ("2027-01-31T18:30+02:00", datetime(2027, 1, 31, 16, 30, tzinfo=UTC)),
        ("2020-01-31", datetime(2020, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_time_is_now_in_a_while_or_a_date_in_utc(text: str, moment: datetime) -> None:
    found = moment_of(text, NOW)
    assert (found, found.utcoffset()) == (moment, timedelta(0))


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "-3d", "3", "0d", "1.5h", "3w", "2027-02-30", "31.1.2027", "9999999d"),
        *("0001-01-01T00:00+02:00", "NOW"),
    ],
)
def test_what_is_no_time_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        moment_of(text, NOW)
    assert repr(text) in caught.value.message
    assert "36h" in caught.value.hint


def test_levels_begin_when_it_is_said() -> None:
    days = [NOW + timedelta(days=each) for each in (0, 1, 2, 3)]
    now, one, two, three = days
    first = {Level.BUILDS: now, Level.RELEASES: now}
    assert levels_of("now", "", "", NOW) == first
    assert levels_of("now", "2d", "", NOW) == first | {Level.RESTARTS: two}
    assert levels_of("1d", "2d", "3d", NOW) == {
        Level.BUILDS: one,
        Level.RELEASES: one,
        Level.RESTARTS: two,
        Level.RUNNING: three,
    }


def test_what_must_not_run_is_not_started_either() -> None:
    two = NOW + timedelta(days=2)
    found = levels_of("now", "", "2d", NOW)
    assert (found[Level.RESTARTS], found[Level.RUNNING]) == (two, two)


@pytest.mark.parametrize(
    ("at", "restarts", "running"),
    [("3d", "now", ""), ("3d", "", "2d"), ("now", "3d", "2d"), ("2d", "1d", "3d")],
)
def test_a_later_level_does_not_begin_before_an_earlier_one(
    at: str, restarts: str, running: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        levels_of(at, restarts, running, NOW)
    assert " is before --" in caught.value.message
    assert "the earlier time" in caught.value.hint


# The commands


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One whose shop/web:2 is made from shop/base:1, in production and in an application."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    add_versions(made, 1, "shop/base")
    add_version(made, "shop/web")
    add_version(made, "shop/web", ("shop/base", 1))
    promote(made, "shop/web:1", "staging")
    for channel in ("staging", "production"):
        promote(made, "shop/web:2", channel)
    text = "services: {till: {image: web, x-herdbook: {image: 'shop/web:2'}}}"
    release_application(made, MadeUpNetwork(), composed(tmp_path / "counter", text))
    made.fleet.record("counter", Changes(standing=1))
    return made


def test_a_plan_shows_what_it_reaches_and_changes_nothing(run: Run, workshop: Workshop) -> None:
    before = verbs(workshop)
    status, output, errors = run(
        "revoke", "shop/base:1", *BECAUSE, "--running", "2099-01-31", "--plan"
    )
    assert status == 0
    lines = output.splitlines()
    assert lines[0] == "shop/base:1: it leaks"
    assert "  not for running from 2099-01-31 00:00 UTC" in lines
    assert "made from it: shop/web:2" in lines
    assert "shop/web@production is shop/web:2, and means nothing then" in lines
    assert "shop/web@staging is shop/web:2, and means shop/web:1 then" in lines
    assert lines[-1].split() == ["counter", "1", "till", "shop/web:2", "0"]
    assert max(map(len, lines)) <= 80
    assert "Nothing was revoked." in errors
    assert not workshop.channels.revocations()
    assert verbs(workshop) == before


def test_a_plan_for_scripts_is_what_is_done_but_for_that_it_is_done(
    run: Run, workshop: Workshop
) -> None:
    arguments = ("revoke", "shop/base:1", *BECAUSE, "--at", "2020-01-31")
    planned = json_of(run, *arguments, "--plan")
    assert not workshop.channels.revocations()
    assert set(planned) == {"revoked", "revocation", "versions", "channels", "applications"}
    assert set(planned["revocation"]) == REVOCATION
    assert planned["revocation"]["since"] == {
        "builds": "2020-01-31T00:00:00+00:00",
        "releases": "2020-01-31T00:00:00+00:00",
    }
    assert planned["versions"] == ["shop/base:1", "shop/web:2"]
    assert planned["channels"] == [
        {"image": "shop/web", "channel": "production", "before": 2, "after": None},
        {"image": "shop/web", "channel": "staging", "before": 2, "after": 1},
    ]
    assert planned["applications"] == [
        {
            "application": "counter",
            "release": 1,
            "service": "till",
            "version": "shop/web:2",
            "instances": 0,
        }
    ]
    done = json_of(run, *arguments)
    for found in (planned, done):
        del found["revocation"]["at"]
    assert (planned.pop("revoked"), done.pop("revoked")) == (False, True)
    assert planned == done


def test_a_version_is_revoked_listed_and_reinstated(run: Run) -> None:
    status, output, errors = run("revoke", "shop/base:1", *BECAUSE, "--restarts", "2099-01-31")
    assert status == 0
    assert output.splitlines()[-1] == "shop/base:1 is revoked"
    assert "herdbook reinstate shop/base:1" in errors
    listed = run("revocations")[1]
    assert max(map(len, listed.splitlines())) <= 80
    together = " ".join(listed.split())
    assert "restarts from" in together
    assert "2099-01-31" in together
    [found] = json_of(run, "revocations")
    assert set(found) == REVOCATION
    assert (found["image"], found["version"], found["reason"], found["inherited"]) == (
        *("shop/base", 1, "it leaks", True),
    )
    assert set(found["since"]) == {"builds", "releases", "restarts"}
    assert json_of(run, "reinstate", "shop/base:1") == {"reinstated": "shop/base:1"}
    assert json_of(run, "revocations") == []
    assert "Nothing is revoked." in run("revocations")[2]


def test_alone_it_reaches_nothing_else(run: Run) -> None:
    found = json_of(run, "revoke", "shop/base:1", *BECAUSE, "--alone")
    assert (found["versions"], found["channels"], found["applications"]) == (
        *(["shop/base:1"], [], []),
    )
    assert run("show", "shop/web@production")[0] == 0


def test_what_channels_mean_then_is_listed_with_the_reason(run: Run) -> None:
    json_of(run, "revoke", "shop/base:1", *BECAUSE)
    production, staging = json_of(run, "channel", "ls")
    assert (production["now"], production["newest"]["version"]) == (None, 2)
    assert (staging["now"]["version"], staging["newest"]["version"]) == (1, 2)
    assert "shop/base:1, which is revoked: it leaks" in staging["revoked"]
    listed = run("channel", "ls")[1]
    assert max(len(line) for line in listed.splitlines() if "revoked" not in line) <= 80
    assert "shop/web@staging: shop/web:2 is made from shop/base:1, which is revoked" in listed


def test_a_channel_of_which_nothing_is_left_has_a_status_of_its_own(run: Run) -> None:
    json_of(run, "revoke", "shop/base:1", *BECAUSE)
    status, output, errors = run("show", "shop/web@production", "--json")
    error = json.loads(errors)["error"]
    assert (status, output, error["code"]) == (16, "", "revoked")
    assert error["message"].startswith("No version of shop/web@production may be used any more")
    assert "herdbook reinstate shop/base:1" in error["hint"]
    assert json_of(run, "show", "shop/web@staging")["number"] == 1


@pytest.mark.parametrize(
    "arguments", [("--at", "soon"), ("--at", "3d", "--restarts", "now"), ("--running", "3w")]
)
def test_what_is_no_time_revokes_nothing(
    run: Run, workshop: Workshop, arguments: tuple[str, ...]
) -> None:
    status, output, errors = run("revoke", "shop/base:1", *BECAUSE, *arguments)
    assert (status, output) == (3, "")
    assert "next: " in errors
    assert not workshop.channels.revocations()


def test_a_revocation_wants_a_reason(run: Run) -> None:
    status, _, errors = run("revoke", "shop/base:1")
    assert status == 2
    assert "--reason" in errors
