"""The commands of channels print for people or for scripts, and fail in words."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from channel_images import add_version, add_versions
from commands import JsonOf, Run
from stores import open_store

from herdbook.actions.hold_channel import hold
from herdbook.actions.promote import promote
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry
from herdbook.channels.rules import read_rules

LONG = "a-team/with-quite-a-long-name/and-parts/of-it"
ASSIGNMENT = {"image", "channel", "number", "version", "digest", "at", "who", "why", "way"}
HOLD = {"image", "channel", "at", "who", "why"}
RULES = """
channels:
  - channel: production
    images: shop/*
    from: staging
    hours: {begin: "00:00", end: "00:00", zone: Europe/Berlin}
    follow_back: [dev, qa]
"""


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One whose production and staging are shop/web:1 of two; the command line opens it, too."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    add_versions(made, 2)
    promote(made, "shop/web:1", "staging")
    promote(made, "shop/web:1", "production")
    return made


# Where a channel is written in place of a version


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (("show", "shop/web@production"), lambda found: found["number"]),
        (("diff", "shop/web@production", "shop/web:2"), lambda found: found["before"]["number"]),
        (("diff", "shop/web:2", "shop/web@production"), lambda found: found["after"]["number"]),
        (("tree", "shop/web@production"), json.dumps),
    ],
)
def test_commands_about_versions_take_what_a_channel_means(
    json_of: JsonOf, command: tuple[str, ...], meant: Callable[[Any], object]
) -> None:
    by_number = [each.replace("@production", ":1") for each in command]
    assert meant(json_of(*command)) == meant(json_of(*by_number))
    other = [each.replace("@production", ":2").replace("web:1", "web:2") for each in command]
    if command[0] != "diff":
        assert meant(json_of(*command)) != meant(json_of(*other))


def test_what_a_channel_means_is_exported(json_of: JsonOf, tmp_path: Path) -> None:
    found = {
        name: json_of("export", name, "--to", str(tmp_path / str(number)))["digest"]
        for number, name in enumerate(("shop/web@production", "shop/web:1", "shop/web:2"))
    }
    assert found["shop/web@production"] == found["shop/web:1"] != found["shop/web:2"]


def test_the_bill_of_what_a_channel_means_is_written(json_of: JsonOf) -> None:
    assert json_of("sbom", "shop/web@production") == json_of("sbom", "shop/web:1")
    assert json_of("sbom", "shop/web@production") != json_of("sbom", "shop/web:2")


def test_why_tells_of_the_version_that_a_channel_means(run: Run) -> None:
    status, _, errors = run("why", "shop/web@production", "openssl")
    assert status == 4
    assert "shop/web:1" in errors


@pytest.mark.parametrize(
    "command",
    [
        ("show", "shop/web@prodction"),
        ("diff", "shop/web@prodction"),
        ("diff", "shop/web:1", "shop/web@prodction"),
        ("sbom", "shop/web@prodction"),
        ("tree", "shop/web@prodction"),
        ("export", "shop/web@prodction"),
        ("run", "shop/web@prodction"),
        ("why", "shop/web@prodction", "openssl"),
        ("vulnerabilities", "shop/web@prodction"),
        ("promote", "shop/web@prodction", "dev"),
        ("hold", "shop/web@prodction", "--why", "x"),
        ("channel", "history", "shop/web@prodction"),
        ("revoke", "shop/web@prodction", "--reason", "x"),
        ("reinstate", "shop/web@prodction"),
    ],
)
def test_an_unknown_channel_gives_the_nearest_name(run: Run, command: tuple[str, ...]) -> None:
    status, output, errors = run(*command)
    assert (status, output) == (4, "")
    assert "Did you mean 'production'?" in errors


# Moving channels


def test_a_promotion_is_told_and_who_followed_or_is_held(run: Run, workshop: Workshop) -> None:
    workshop.channels.set_rules(*rules(workshop, "{channel: production, follow_back: [dev, qa]}"))
    promote(workshop, "shop/web:1", "qa")
    hold(workshop, "shop/web@qa", "a bug is looked for")
    status, output, errors = run("promote", "shop/web:2", "production")
    assert status == 0
    assert output.splitlines() == [
        "shop/web@production is shop/web:2 now; it was shop/web:1",
        "shop/web@dev follows: shop/web:2",
    ]
    assert "shop/web@qa stays where it is: anna holds it" in errors
    assert run("promote", "shop/web:2", "production")[1] == (
        "shop/web@production is shop/web:2 already\n"
    )


def test_a_promotion_for_scripts(json_of: JsonOf, workshop: Workshop) -> None:
    workshop.channels.set_rules(*rules(workshop, "{channel: production, follow_back: [dev, qa]}"))
    promote(workshop, "shop/web:1", "qa")
    hold(workshop, "shop/web@qa", "a bug is looked for")
    found = json_of("promote", "shop/web:2", "production", "--why", "an invoice")
    assert set(found) == ASSIGNMENT | {"changed", "before", "followed", "held"}
    assert (found["changed"], found["before"], found["held"]) == (True, 1, ["qa"])
    assert (found["why"], found["way"]) == ("an invoice", "promoted")
    [followed] = found["followed"]
    assert (set(followed), followed["channel"]) == (ASSIGNMENT, "dev")
    again = json_of("promote", "shop/web:2", "production")
    assert (again["changed"], again["before"], again["number"]) == (False, 2, 2)
    assert json_of("promote", "shop/web:2", "new")["before"] is None


def rules(workshop: Workshop, text: str) -> tuple[Any, ...]:
    """Return rules with their entry, to be put into a register."""
    with workshop.staging() as folder:
        path = folder / "channels.yaml"
        path.write_text(f"channels: [{text}]")
        entry = Entry(who="anna", verb="set-rules", subject="channels")
        return read_rules(path), entry, workshop.clock.now()


def test_a_refusal_has_a_status_of_its_own_and_says_everything(
    run: Run, workshop: Workshop
) -> None:
    hold(workshop, "shop/web@production", "stocktaking")
    workshop.channels.set_rules(*rules(workshop, "{channel: production, from: staging}"))
    status, output, errors = run("promote", "shop/web:2", "production")
    assert (status, output) == (15, "")
    assert "held by anna" in errors
    assert "has never been in staging" in errors
    assert "Let it go: herdbook release-hold shop/web@production" in errors
    status, output, errors = run("promote", "shop/web:2", "production", "--json")
    error = json.loads(errors)["error"]
    assert (status, output, error["code"]) == (15, "", "gate")


def test_a_hold_is_made_and_let_go(run: Run, json_of: JsonOf) -> None:
    found = json_of("hold", "shop/web@production", "--why", "stocktaking")
    assert set(found) == HOLD
    assert (found["image"], found["channel"], found["why"]) == (
        *("shop/web", "production", "stocktaking"),
    )
    assert json_of("release-hold", "shop/web@production") == {"released": "shop/web@production"}
    assert run("release-hold", "shop/web@production")[0] == 4
    assert "release-hold" in run("hold", "shop/web@production", "--why", "x")[1]
    assert run("release-hold", "shop/web@production")[1] == (
        "shop/web@production may be moved again\n"
    )


def test_a_hold_wants_a_reason(run: Run) -> None:
    status, _, errors = run("hold", "shop/web@production")
    assert status == 2
    assert "--why" in errors


# Looking at them


def test_channels_are_listed_with_who_holds_them(
    run: Run, json_of: JsonOf, workshop: Workshop
) -> None:
    add_version(workshop, LONG)
    promote(workshop, LONG, "production")
    hold(workshop, "shop/web@production", "stocktaking until Friday, and longer if it must be")
    found = json_of("channel", "ls")
    assert all(
        set(each) == {"image", "channel", "now", "newest", "revoked", "hold"} for each in found
    )
    assert [(each["image"], each["channel"]) for each in found] == [
        (LONG, "production"),
        ("shop/web", "production"),
        ("shop/web", "staging"),
    ]
    assert set(found[1]["hold"]) == HOLD
    assert set(found[1]["now"]) == set(found[1]["newest"]) == ASSIGNMENT
    assert (found[1]["revoked"], found[2]["hold"]) == (None, None)
    assert [each["channel"] for each in json_of("channel", "ls", "shop/web")] == [
        *("production", "staging"),
    ]
    status, output, _ = run("channel", "ls")
    assert status == 0
    assert max(len(line) for line in output.splitlines() if "@" not in line) <= 80
    assert "shop/web@production: held by anna: stocktaking" in output


def test_a_history_is_listed_the_newest_first(
    run: Run, json_of: JsonOf, workshop: Workshop
) -> None:
    reason = "a reason that is quite long, as people write who care about others " * 2
    promote(workshop, "shop/web:2", "production", reason)
    found = json_of("channel", "history", "shop/web@production")
    assert [each["version"] for each in found] == [2, 1]
    assert all(set(each) == ASSIGNMENT for each in found)
    output = run("channel", "history", "shop/web@production")[1]
    assert max(map(len, output.splitlines())) <= 80
    assert [line.split()[0] for line in output.splitlines() if line[0].isdigit()] == ["2", "1"]
    assert "people write who" in " ".join(output.split())


def test_a_long_history_is_cut_for_people_and_whole_for_scripts(
    run: Run, json_of: JsonOf, workshop: Workshop
) -> None:
    for number in [2, 1] * 27:
        promote(workshop, f"shop/web:{number}", "dev")
    listed = run("channel", "history", "shop/web@dev")[1].splitlines()
    assert len(listed) == 1 + 50
    assert len(run("channel", "history", "shop/web@dev", "--all")[1].splitlines()) == 1 + 54
    assert len(json_of("channel", "history", "shop/web@dev")) == 54


def test_where_there_is_no_channel_a_next_step_is_told(
    run: Run, json_of: JsonOf, workshop: Workshop
) -> None:
    add_version(workshop, "shop/other")
    assert json_of("channel", "ls", "shop/other") == []
    status, output, errors = run("channel", "ls", "shop/other")
    assert (status, output) == (0, "")
    assert "herdbook promote IMAGE CHANNEL" in errors
    status, _, errors = run("channel", "ls", "shop/wep")
    assert status == 4
    assert "'shop/web'" in errors


# Rules


def test_rules_are_applied_and_shown_as_they_were_written(
    run: Run, json_of: JsonOf, tmp_path: Path
) -> None:
    assert "There are no rules" in run("channel", "rules")[2]
    assert json_of("channel", "rules") == {"channels": []}
    path = tmp_path / "channels.yaml"
    path.write_text(RULES)
    applied = json_of("channel", "apply", str(path))
    assert applied == json_of("channel", "rules")
    [rule] = applied["channels"]
    assert (rule["channel"], rule["from"], rule["follow_back"]) == (
        *("production", ["staging"], ["dev", "qa"]),
    )
    assert run("channel", "rules")[1].splitlines() == [
        "production of shop/*",
        "  from staging",
        "  on 00:00 to 00:00 (Europe/Berlin)",
        "  dev, qa follow back",
    ]
    again = tmp_path / "again.yaml"
    again.write_text(json.dumps(applied))
    assert json_of("channel", "apply", str(again)) == applied


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("channels:\n  - chanel: production\n", 2, "'channel'"),
        ("channels:\n  - channel: production\n    hours: {zone: Mars}\n", 3, "time zone"),
        ("channels:\n  - channel: a\n    freezes: [{begin: 2026-02-30, end: x}]\n", 3, "begin"),
        ("channels:\n  - channel: a\n    follow_back: a\n", 3, "itself"),
    ],
)
def test_what_is_wrong_with_rules_is_said_with_its_line_and_the_old_ones_hold(
    run: Run, json_of: JsonOf, tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(text)
    status, output, errors = run("channel", "apply", str(path))
    assert (status, output) == (3, "")
    assert f"{path}:{line}" in errors
    assert said in errors
    assert json_of("channel", "rules") == {"channels": []}


def test_rules_have_a_schema(run: Run) -> None:
    assert json.loads(run("schema", "channels")[1])["title"] == "ChannelRules"
