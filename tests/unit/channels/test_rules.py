"""Rules say when a channel may be moved and from where; every mistake is told with its line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from json_schema import problems
from pydantic import BaseModel, ValidationError

from herdbook.channels.gate_rules import Gates, Licences, OwnCommand
from herdbook.channels.rules import (
    CHANNELS,
    Approvals,
    ChannelRule,
    ChannelRules,
    Freeze,
    Hours,
    read_rules,
    rules_schema,
)
from herdbook.channels.signer_rules import Signers
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.recipes.model import Variant
from herdbook.signatures.keys import new_private_key

SCHEMA = rules_schema()
EVERYTHING = """\
channels:
  - channel: production
    images: shop/*
    from: [staging, canary]
    promoters: operators
    approvals:
      count: 2
      groups: [operators, security]
      valid: 3d
    gates:
      worst: medium
      exploited: false
      complete: true
      boots: [container, vm]
      tests: true
      reproduced: true
      tested_within: 30d
      licences: {deny: [AGPL-3.0-*], unknown: deny}
      commands:
        - {name: scan, run: [scan, --all], timeout: 5m}
        - {name: note, run: "echo $HERDBOOK_LABEL"}
    hours:
      days: [mon, tue]
      begin: "09:00"
      end: "17:00"
      zone: Europe/Berlin
    freezes:
      - begin: 2026-12-20
        end: "2027-01-02 06:30"
        zone: Europe/Berlin
        reason: Christmas
    follow_back: dev
"""


def rule_from(channel: str, source: str, images: str = "*") -> ChannelRule:
    return ChannelRule.model_validate({"channel": channel, "from": source, "images": images})


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def rules(folder: Path, text: str) -> ChannelRules:
    path = folder / "channels.yaml"
    path.write_text(text)
    return read_rules(path)


# 2026-01-05 is a Monday.
@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-01-05 08:59:59.999999", False),
        ("2026-01-05 09:00", True),
        ("2026-01-05 16:59:59.999999", True),
        ("2026-01-05 17:00", False),
        ("2026-01-07 12:00", True),
        ("2026-01-06 12:00", False),
        ("2026-01-11 12:00", False),
    ],
)
def test_hours_hold_from_their_beginning_until_their_end_on_their_days(
    moment: str,
    within: bool,  # noqa: FBT001
) -> None:
    hours = Hours(days=("mon", "wed"), begin="09:00", end="17:00")
    assert hours.hold(at(moment)) is within


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-01-05 21:59", False),
        ("2026-01-05 22:00", True),
        ("2026-01-05 23:59:59", True),
        ("2026-01-06 00:00", True),
        ("2026-01-06 05:59", True),
        ("2026-01-06 06:00", False),
        ("2026-01-06 22:00", False),  # on Tuesday none begin
        ("2026-01-05 03:00", False),  # nor on Sunday
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(
    moment: str,
    within: bool,  # noqa: FBT001
) -> None:
    assert Hours(days=("mon",), begin="22:00", end="06:00").hold(at(moment)) is within


def test_the_night_from_sunday_to_monday_belongs_to_sunday() -> None:
    hours = Hours(days=("sun",), begin="22:00", end="06:00")
    assert hours.hold(at("2026-01-05 05:00"))
    assert not hours.hold(at("2026-01-04 05:00"))


def test_hours_until_midnight_end_there() -> None:
    hours = Hours(days=("mon",), begin="22:00")
    assert hours.hold(at("2026-01-05 23:59:59"))
    assert not hours.hold(at("2026-01-06 00:00"))


def test_hours_that_end_when_they_begin_are_a_whole_day_from_then_on() -> None:
    hours = Hours(days=("mon",), begin="09:00", end="09:00")
    assert not hours.hold(at("2026-01-05 08:59"))
    assert hours.hold(at("2026-01-05 09:00"))
    assert hours.hold(at("2026-01-06 08:59"))
    assert not hours.hold(at("2026-01-06 09:00"))


def test_hours_of_which_only_days_are_given_are_these_days_from_midnight_to_midnight() -> None:
    hours = Hours(days=("mon",))
    assert [
        hours.hold(at(f"2026-01-{day:02} {time}"))
        for day, time in ((4, "23:59"), (5, "00:00"), (5, "23:59"), (6, "00:00"))
    ] == [False, True, True, False]


def test_hours_of_which_nothing_is_given_are_always() -> None:
    assert all(
        Hours().hold(at(f"2026-01-{day:02} {time}:00"))
        for day in range(1, 9)
        for time in ("00", "12", "23")
    )


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-01-05 07:59", False),  # 08:59 in Berlin
        ("2026-01-05 08:00", True),
        ("2026-01-05 16:00", False),
        ("2026-07-06 07:00", True),  # 09:00 in summer
        ("2026-07-06 15:00", False),
    ],
)
def test_hours_are_those_of_their_zone_in_winter_and_in_summer(
    moment: str,
    within: bool,  # noqa: FBT001
) -> None:
    hours = Hours(days=("mon",), begin="09:00", end="17:00", zone="Europe/Berlin")
    assert hours.hold(at(moment)) is within


def test_the_day_is_that_of_their_zone() -> None:
    """On Sunday evening in London it is Monday already in Auckland."""
    hours = Hours(days=("mon",), zone="Pacific/Auckland")
    assert hours.hold(at("2026-01-04 12:00"))
    assert not hours.hold(at("2026-01-05 12:00"))
    assert hours.hold(at("2026-01-04 13:00").astimezone(ZoneInfo("America/New_York")))


def test_hours_are_told_with_their_days_and_zone() -> None:
    assert str(Hours(days=("mon", "fri"), begin="09:00", end="17:00", zone="Europe/Berlin")) == (
        "mon, fri 09:00 to 17:00 (Europe/Berlin)"
    )
    assert str(Hours(begin="22:00", end="06:00")) == "22:00 to 06:00 (UTC)"


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-12-19 22:59:59", False),
        ("2026-12-19 23:00", True),
        ("2027-01-02 05:29:59", True),
        ("2027-01-02 05:30", False),
    ],
)
def test_a_freeze_holds_from_its_beginning_until_its_end_in_its_zone(
    moment: str,
    frozen: bool,  # noqa: FBT001
) -> None:
    freeze = Freeze(begin="2026-12-20", end="2027-01-02 06:30", zone="Europe/Berlin")
    assert freeze.holds(at(moment)) is frozen


def test_the_first_rule_that_fits_holds() -> None:
    pets = rule_from("production", "canary", images="shop/db")
    shop = rule_from("production", "staging", images="shop/*")
    other = ChannelRule(channel="dev", images="shop/*", follow_back=("edge",))
    found = ChannelRules(channels=(other, pets, shop))
    assert found.of("shop/db", "production") is pets
    assert found.of("shop/db-old", "production") is shop
    assert found.of("shop/a/b", "production") is shop
    assert found.of("shop/db", "dev") is other


def test_where_no_rule_fits_none_holds() -> None:
    shop = rule_from("production", "staging", images="shop/*")
    for rule in (
        ChannelRules(channels=(shop,)).of("shop", "production"),
        ChannelRules(channels=(shop,)).of("Shop/web", "production"),
        ChannelRules(channels=(shop,)).of("shop/web", "prod"),
        ChannelRules().of("shop/web", "production"),
    ):
        assert rule == ChannelRule(channel=rule.channel)
        assert list(rule.in_words()) == []


def test_a_rule_is_for_all_images_unless_it_names_some() -> None:
    rule = rule_from("dev", "edge")
    assert ChannelRules(channels=(rule,)).of("any/thing", "dev") is rule


def test_everything_that_can_be_written_is_read(tmp_path: Path) -> None:
    [rule] = rules(tmp_path, EVERYTHING).channels
    assert (rule.channel, rule.images, rule.from_) == (
        *("production", "shop/*", ("staging", "canary")),
    )
    assert rule.promoters == ("operators",)
    assert rule.approvals == Approvals(count=2, groups=("operators", "security"), valid="3d")
    assert rule.gates == Gates(
        worst="medium",
        exploited=False,
        complete=True,
        boots=(Variant.CONTAINER, Variant.VM),
        tests=True,
        reproduced=True,
        commands=(
            OwnCommand(name="scan", run=("scan", "--all"), timeout="5m"),
            OwnCommand(name="note", run=("echo $HERDBOOK_LABEL",)),
        ),
        tested_within="30d",
        licences=Licences(deny=("AGPL-3.0-*",), unknown="deny"),
    )
    assert rule.hours == Hours(
        days=("mon", "tue"), begin="09:00", end="17:00", zone="Europe/Berlin"
    )
    assert rule.freezes == (
        Freeze(
            begin="2026-12-20", end="2027-01-02 06:30", zone="Europe/Berlin", reason="Christmas"
        ),
    )
    assert rule.follow_back == ("dev",)
    assert list(rule.in_words()) == [
        "from staging or canary",
        "by operators",
        "2 of operators or security approve, at most 3d before",
        "nothing graver than medium",
        "nothing that is known to be exploited",
        "nothing unknown",
        "container and vm started, at most 30d before",
        "its tests passed, at most 30d before",
        "reproduced, at most 30d before",
        "scan passed, at most 30d before",
        "note passed, at most 30d before",
        "nothing under AGPL-3.0-*",
        "no licence unknown",
        "on mon, tue 09:00 to 17:00 (Europe/Berlin)",
        "not from 2026-12-20 to 2027-01-02 06:30: Christmas",
        "dev follow back",
    ]


@pytest.mark.parametrize(
    "more",
    [
        "tested_within: long",
        "commands: [{name: a, run: x, timeout: never}]",
        "commands: [{name: a, run: x}, {name: a, run: y}]",
    ],
)
def test_what_gates_cannot_mean_is_not_read(tmp_path: Path, more: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rules(tmp_path, f"{HEAD}    gates: {{{more}}}\n")
    assert caught.value.where


def test_approvals_and_gates_of_which_nothing_is_given(tmp_path: Path) -> None:
    """One other person, whoever it is; and nothing is asked of what is known."""
    [rule] = rules(tmp_path, f"{HEAD}    approvals: {{}}\n    gates: {{}}\n").channels
    assert rule.approvals == Approvals(count=1, groups=(), valid="7d")
    assert rule.approvals.lasts == timedelta(days=7)
    assert rule.gates == Gates(worst=None, exploited=True, complete=False)
    assert list(rule.in_words()) == ["1 approve, at most 7d before"]


@pytest.mark.parametrize(
    ("more", "asks"),
    [
        ("from: staging", False),
        ("promoters: operators", False),
        ("gates: {}", False),
        ("gates: {exploited: true, complete: false}", False),
        ("approvals: {}", True),
        ("gates: {worst: critical}", True),
        ("gates: {exploited: false}", True),
        ("gates: {complete: true}", True),
    ],
)
def test_what_is_known_is_asked_for_only_where_it_matters(
    tmp_path: Path,
    more: str,
    asks: bool,  # noqa: FBT001
) -> None:
    [rule] = rules(tmp_path, f"{HEAD}    {more}\n").channels
    assert rule.asks_for_evidence is asks


def test_one_group_is_written_as_a_list_of_one_or_by_itself(tmp_path: Path) -> None:
    for written in ("operators", "[operators]"):
        text = f"{HEAD}    promoters: {written}\n    approvals: {{groups: {written}}}\n"
        [rule] = rules(tmp_path, text).channels
        assert rule.approvals
        assert rule.promoters == rule.approvals.groups == ("operators",)


def test_no_rules_are_rules_too(tmp_path: Path) -> None:
    assert rules(tmp_path, "channels: []\n") == ChannelRules()


def test_a_channel_that_is_named_twice_follows_once() -> None:
    assert ChannelRule(channel="a", follow_back=("b", "c", "b")).follow_back == ("b", "c")


def test_rules_are_the_same_after_they_were_written_as_json(tmp_path: Path) -> None:
    found = rules(tmp_path, EVERYTHING)
    assert ChannelRules.model_validate_json(found.model_dump_json(by_alias=True)) == found
    assert ChannelRules.model_validate(found.model_dump(mode="json", by_alias=True)) == found


HEAD = "channels:\n  - channel: production\n"
MISTAKES = [
    ("channel: []\n", 1, "channel"),
    ("channels: 3\n", 1, "channels"),
    ("channels:\n  - images: shop/*\n", 2, "channels.0.channel"),
    ("channels:\n  - images: a\n    channel: Production\n", 3, "Production"),
    (f"channels:\n  - channel: {'a' * 64}\n", 2, "channels.0.channel"),
    ("channels:\n  - channel: a\n  - channel: .a\n", 3, "channels.1.channel"),
    (f"{HEAD}    image: shop/*\n", 3, "image"),
    (f"{HEAD}    images: ''\n", 3, "images"),
    (f"{HEAD}    form: staging\n", 3, "form"),
    (f"{HEAD}    from: [staging, b@d]\n", 3, "from"),
    (f"{HEAD}    from:\n      - staging\n      - B\n", 5, "from"),
    (f"{HEAD}    from: 3\n", 3, "from"),
    (f"{HEAD}    hours: 9-17\n", 3, "hours"),
    (f"{HEAD}    hours:\n      days: []\n", 4, "days"),
    (f"{HEAD}    hours:\n      days:\n        - mon\n        - monday\n", 6, "monday"),
    (f"{HEAD}    hours:\n      day: [mon]\n", 4, "day"),
    (f"{HEAD}    hours:\n      begin: 9:00\n", 4, "begin"),
    (f'{HEAD}    hours:\n      begin: "24:00"\n', 4, "24:00"),
    (f'{HEAD}    hours:\n      begin: "09:00"\n      end: "17:60"\n', 5, "17:60"),
    (f"{HEAD}    hours:\n      zone: Europe/Bärlin\n", 4, "Bärlin"),
    (f"{HEAD}    hours:\n      zone: ../etc/passwd\n", 4, "zone"),
    (f"{HEAD}    hours:\n      zone: Europe\n", 4, "zone"),
    (f"{HEAD}    freezes: 2026-12-20\n", 3, "freezes"),
    (f"{HEAD}    freezes:\n      - end: 2027-01-02\n", 4, "begin"),
    (f"{HEAD}    freezes:\n      - begin: 2026-12-20\n", 4, "end"),
    (f"{HEAD}    freezes:\n      - begin: 20.12.2026\n        end: 2027-01-02\n", 4, "begin"),
    (f"{HEAD}    freezes:\n      - begin: 2026-02-30\n        end: 2027-01-02\n", 4, "begin"),
    (f"{HEAD}    freezes:\n      - begin: 2026-12-20\n        end: 2027-13-02\n", 5, "end"),
    (f"{HEAD}    freezes:\n      - begin: 2026-12-20\n        end: 2026-12-20\n", 5, "end"),
    (f"{HEAD}    freezes:\n      - begin: 2026-12-20\n        end: 2026-01-02\n", 5, "end"),
    (
        f"{HEAD}    freezes:\n      - {{begin: 2026-12-20, end: 2027-01-02,\n       zone: Mars}}\n",
        5,
        "Mars",
    ),
    (
        f"{HEAD}    freezes:\n      - {{begin: 2026-12-20, end: 2027-01-02,\n         why: x}}\n",
        5,
        "why",
    ),
    (f"{HEAD}    follow_back: [staging, production]\n", 3, "itself"),
    (f"{HEAD}    follow_back: A\n", 3, "follow_back"),
    (f"{HEAD}    follow-back: staging\n", 3, "follow-back"),
    (f"{HEAD}    promoter: operators\n", 3, "promoter"),
    (f"{HEAD}    promoters:\n      - operators\n      - ''\n", 5, "promoters"),
    (f"{HEAD}    promoters: {{a: b}}\n", 3, "promoters"),
    (f"{HEAD}    approvals: 2\n", 3, "approvals"),
    (f"{HEAD}    approvals:\n      count: 0\n", 4, "count"),
    (f"{HEAD}    approvals:\n      count: -1\n", 4, "count"),
    (f"{HEAD}    approvals:\n      count: two\n", 4, "count"),
    (f"{HEAD}    approvals:\n      count: 1.5\n", 4, "count"),
    (f"{HEAD}    approvals:\n      group: operators\n", 4, "group"),
    (f"{HEAD}    approvals:\n      count: 1\n      groups: ['']\n", 5, "groups"),
    (f"{HEAD}    approvals:\n      valid: 3\n", 4, "approvals.valid"),
    (f"{HEAD}    approvals:\n      valid: 0d\n", 4, "no duration"),
    (f"{HEAD}    approvals:\n      valid: 1w\n", 4, "no duration"),
    (f"{HEAD}    gates: high\n", 3, "gates"),
    (f"{HEAD}    gates:\n      worst: important\n", 4, "worst"),
    (f"{HEAD}    gates:\n      worst: High\n", 4, "worst"),
    (f"{HEAD}    gates:\n      worst: [high]\n", 4, "worst"),
    (f"{HEAD}    gates:\n      exploited: perhaps\n", 4, "exploited"),
    (f"{HEAD}    gates:\n      worst: high\n      complete: 2\n", 5, "complete"),
    (f"{HEAD}    gates:\n      best: low\n", 4, "best"),
    (f"{HEAD}    channel: production\n", 3, "twice"),
    ("- channel: production\n", 1, "mapping"),
]


@pytest.mark.parametrize(("text", "line", "word"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_would_help(
    tmp_path: Path, text: str, line: int, word: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rules(tmp_path, text)
    assert caught.value.where == f"{tmp_path}/channels.yaml:{line}"
    assert word in caught.value.message
    assert caught.value.hint


def test_a_misspelt_key_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rules(tmp_path, f"{HEAD}    form: staging\n")
    assert "from" in caught.value.hint


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_rules(tmp_path / "channels.yaml")


@pytest.mark.parametrize("place", sorted(CHANNELS.examples))
def test_every_example_that_a_mistake_is_answered_with_can_be_written(
    tmp_path: Path, place: str
) -> None:
    example = yaml.safe_load(CHANNELS.examples[place])
    rule: dict[str, Any] = {"channel": "production"}
    inner: Any = rule
    *parents, _ = place.split(".")[1:]
    for name in parents:
        inner = {"begin": "2026-12-01", "end": "2028-01-01"} if name == "freezes" else {}
        rule[name] = [inner] if name == "freezes" else inner
    inner.update(example)
    assert rules(tmp_path, yaml.safe_dump({"channels": [rule]})).channels


def test_what_is_read_fits_the_schema() -> None:
    for text in (EVERYTHING, "{}", "channels: []", "channels: [{channel: a, from: b}]"):
        document = yaml.load(text, Loader=_WithoutDates)  # noqa: S506 - a safe one
        assert problems(document, SCHEMA, SCHEMA) == []


@pytest.mark.parametrize(
    "more",
    [
        "image: a",
        "from: [A]",
        "hours: {days: [monday]}",
        "hours: {begin: '9:00'}",
        "hours: {day: [mon]}",
        "freezes: [{begin: '2026-12-20'}]",
        "freezes: [{begin: a, end: b}]",
        "follow_back: [A]",
        "images: ''",
        "promoters: ['']",
        "promoters: ''",
        "promoters: 3",
        "approvals: 2",
        "approvals: {count: 0}",
        "approvals: {count: two}",
        "approvals: {group: a}",
        "gates: {worst: important}",
        "gates: {exploited: perhaps}",
        "gates: {best: low}",
        "gates: {boots: [raw]}",
        "gates: {boots: ''}",
        "gates: {tests: perhaps}",
        "gates: {licences: {deny: 3}}",
        "gates: {licences: {unknown: perhaps}}",
        "gates: {commands: [{name: a}]}",
        "gates: {commands: [{name: A b, run: x}]}",
        "gates: {commands: [{name: a, run: []}]}",
    ],
)
def test_what_does_not_fit_the_schema_is_not_read(tmp_path: Path, more: str) -> None:
    text = f"channels: [{{channel: production, {more}}}]"
    assert problems(yaml.safe_load(text), SCHEMA, SCHEMA)
    with pytest.raises(InvalidInputError):
        rules(tmp_path, text)


def test_the_schema_names_every_key_as_it_is_written() -> None:
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    described = {name for each in _objects(SCHEMA) for name in each["properties"]}
    parts = (Approvals, Signers, Gates, Licences, OwnCommand, Hours, Freeze)
    models: tuple[type[BaseModel], ...] = (ChannelRules, ChannelRule, *parts)
    read = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert described == read
    assert {"channels", "from", "follow_back", "zone", "reason"} <= described
    assert all(each["additionalProperties"] is False for each in _objects(SCHEMA))


class _WithoutDates(yaml.SafeLoader):
    """Reads numbers and truths as what they are, as JSON has them, and dates as text."""


_WithoutDates.add_constructor(
    "tag:yaml.org,2002:timestamp", yaml.SafeLoader.yaml_constructors["tag:yaml.org,2002:str"]
)


def _objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    yield from (each for each in schema["$defs"].values() if "properties" in each)


# --- Signers


PEM = new_private_key().public.pem
OTHER = new_private_key().public.pem


def signed(channel: str = "production", **more: Any) -> dict[str, Any]:
    return {"channel": channel, "signers": {"count": 1, "keys": {"anna": PEM}}, **more}


def test_signers_guard_the_channels_of_their_rule_in_order() -> None:
    rules = ChannelRules.model_validate(
        {"channels": [signed(images="shop/*"), {"channel": "dev"}, signed("staging")]}
    )
    assert [(each.channel, each.images, each.threshold) for each in rules.guards] == [
        ("production", "shop/*", 1),
        ("staging", "*", 1),
    ]
    assert len({each.role for each in rules.guards}) == 2
    assert "1 of the keys anna sign" in list(rules.channels[0].in_words())


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([{"channel": "a", "signers": {"keys": {}}}], "at least 1"),
        ([{"channel": "a", "signers": {"count": 0, "keys": {"anna": PEM}}}], "greater than"),
        ([{"channel": "a", "signers": {"count": 2, "keys": {"anna": PEM}}}], "fewer than 2"),
        (
            [{"channel": "a", "signers": {"count": 2, "keys": {"anna": PEM, "bert": PEM}}}],
            "one key two names",
        ),
        ([{"channel": "a", "signers": {"keys": {"anna": "no key"}}}], "no public key"),
        ([{"channel": "a", "signers": {"keys": {"A B": PEM}}}], "pattern"),
        ([signed("dev"), {"channel": "production", "follow_back": "dev"}], "cannot follow back"),
        ([signed(), signed()], "images twice"),
    ],
)
def test_signers_that_could_not_sign_are_refused(rules: list[Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ChannelRules.model_validate({"channels": rules})


@pytest.mark.parametrize("leads", [False, True])
def test_what_need_not_be_rebuilt_is_not_followed_by_what_must(*, leads: bool) -> None:
    rules = [
        {"channel": "production", "follow_back": "staging", "rebuilt": leads},
        {"channel": "staging", "rebuilt": True},
    ]
    if leads:
        assert "rebuilt from what it was proposed with" in [
            *ChannelRules.model_validate({"channels": rules}).channels[0].in_words()
        ]
        return
    with pytest.raises(ValidationError, match="add `rebuilt: true` to production"):
        ChannelRules.model_validate({"channels": rules})


def test_as_many_keys_as_are_counted_are_enough() -> None:
    assert Signers(count=2, keys={"anna": PEM, "bert": OTHER}).count == 2
