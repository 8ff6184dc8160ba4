"""Campaigns fit a terminal, name the next step, and speak JSON as it is documented."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import run
from locked import digest, package
from stores import Store, open_store
from versions import new_version

from herdbook.actions.find_offers import Offer, offers_of, targets_of
from herdbook.actions.judge_classes import Judgement
from herdbook.actions.look_at_campaign import Evidence, Looker, Status
from herdbook.actions.measure_radius import Radius, Reason, Wave
from herdbook.actions.plan_campaign import CampaignPlan
from herdbook.builds.lock import Lock
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.model import (
    Budget,
    Campaign,
    CampaignState,
    Change,
    Failure,
    Follower,
    LayerChange,
    Made,
    NewCampaign,
    Proof,
    Target,
    Verify,
)
from herdbook.campaigns.ports import ImageClass
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.catalogue.model import Cause
from herdbook.cli.campaigns.following import follow, news
from herdbook.cli.campaigns.options import bytes_of, hours_of, verify_of
from herdbook.cli.campaigns.plan_page import print_plan, print_reasons
from herdbook.cli.campaigns.report_page import made_lines, print_report
from herdbook.cli.campaigns.shapes import (
    evidence_head,
    follower_shape,
    made_shape,
    radius_shape,
    status_shape,
)
from herdbook.cli.campaigns.status_page import print_list, status_line, status_lines
from herdbook.cli.output import Output
from herdbook.core.errors import InvalidInputError
from herdbook.packages.model import SignedIndex

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD, NEW = "3.0.17-1~deb12u2", "3.0.22-1~deb12u2"
LIBSSL = package("libssl3").model_copy(
    update={
        "version": NEW,
        "source": "openssl",
        "source_version": NEW,
        "pocket": "bookworm-security",
    }
)
INDEX = SignedIndex(pocket="bookworm", digest=digest("index"), date=MOMENT)
TARGET = Target(suite="bookworm", indexes=(INDEX,), packages=(LIBSSL,))
HELD = Component(Ecosystem.DEBIAN, "libssl3", OLD, "bookworm", source="openssl", source_version=OLD)
LONG = "a-team/with-quite-a-long-name/and-parts/of-it-that-go-on-and-on/up-to-the-end"
WORDS = "steps of a recipe ran on top of it, and nobody can tell what they took from it"
REASON = Reason(Way.REBUILD, Condition.OPAQUE, WORDS, 1_234, (LONG, "shop/steps"))
CAMPAIGN = Campaign(
    number=7,
    state=CampaignState.RUNNING,
    sources=("openssl",),
    targets=(TARGET,),
    budget=Budget(builds=2, most_bytes=10 << 30, hours=(time(22), time(6))),
    verify=Verify.SAMPLE,
    created_at=MOMENT,
    ended_at=None,
    planned={"rebase": 137_000, "rebuild": 1_234},
)
FAILURE = Failure(
    "shop/steps", 12, "Its recipe has changed Build it yourself: herdbook build x.yaml"
)
STATUS = Status(CAMPAIGN, {Way.REBASE: 100_000}, (FAILURE,), 3, 2, worked_at=True)
HOLDS = Finding(condition=Condition.PATHS, way=Way.REBASE, words="libssl3: 17 paths kept")
FAILS = Finding(condition=Condition.OPAQUE, way=Way.REBUILD, words=WORDS)
CHANGES = tuple(
    Change(name=name, old=OLD, new=NEW, pocket="bookworm-security")
    for name in ("libssl3", "openssl")
)
PROOF = Proof(
    way=Way.REBASE,
    changes=CHANGES,
    findings=(HOLDS,),
    layers=(LayerChange(title="openssl", old=digest("old"), new=digest("new")),),
    checked="shop/web:1 built the long way: the same, to the last byte",
)
BUILT = Proof(way=Way.REBUILD, changes=CHANGES, findings=(FAILS,))
FOLLOWERS = [
    *(Follower(f"shop/web{number}", 2, 1, Way.REBASE, 1) for number in range(60)),
    Follower(LONG, 13, 12, Way.REBUILD, 2),
]
EVIDENCE = Evidence(STATUS, FOLLOWERS, {1: PROOF, 2: BUILT}, {"shop/web1:1": ("one",)}, ("qemu",))
CLASS = ImageClass(("one",), "", {}, 138_234, opaque=True, allowed=True, complete=True)
LOCK = Lock(
    inputs=digest("wishes"), suite="bookworm", indexes=(INDEX,), packages=(package("base-files"),)
)
JUDGEMENT = Judgement(CLASS, LOCK, (), (), (FAILS,))
RADIUS = Radius(
    plan=CampaignPlan(("openssl",), (TARGET,), (HELD,), ()),
    offers=(Offer("openssl", "bookworm", (OLD, "3.0.20-1~deb12u2"), NEW, "bookworm-security"),),
    reasons=(REASON,),
    waves=(
        Wave(0, runs=True, images=3),
        Wave(0, runs=False, images=137_000),
        Wave(1, runs=False, images=9),
    ),
    running={f"{LONG}:12": ("one", "two")},
    bytes_at_least=3 << 20,
    seconds=300.0,
)


@pytest.fixture(autouse=True)
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "state")


def opened(store: Store) -> Campaign:
    """Open a campaign in the register."""
    new = NewCampaign(("openssl",), (TARGET,), Budget(), Verify.SAMPLE, MOMENT, {"rebase": 2})
    return store.workshop.campaigns.open(new)[0]


def followed(store: Store, campaign: Campaign, image: str, proof: Proof = PROOF) -> None:
    """Let an image follow a campaign."""
    store.workshop.versions.add(new_version(image, f"{image} 1"))
    number = store.workshop.campaigns.keep_proof(campaign.number, proof)
    cause = Cause(campaign.number, number, 1)
    store.workshop.versions.add(replace(new_version(image, f"{image} 2"), cause=cause))


class Idle:
    """A clock at which waiting takes no time."""

    def now(self) -> datetime:
        return MOMENT

    def monotonic_seconds(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        del seconds


def together(text: str) -> str:
    """Return a text without what tables put between the parts of a folded cell."""
    return re.sub(r"\s+", "", text)


def tables(output: str) -> list[str]:
    """Return lines but those of text, which the terminal itself folds."""
    return [line.rstrip() for line in output.splitlines() if "herdbook" not in line]


def test_reasons_fit_in_80_columns_and_name_whom_they_concern(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_reasons(Output(as_json=False), [REASON], "Why:")
    output, _ = capsys.readouterr()
    assert max(map(len, tables(output))) <= 80
    assert "1,234" in output
    assert "shop/steps" in output
    # A long name is folded beside the words, so that both are there in pieces.
    assert output.count("\n") > 4


def test_a_plan_fits_in_80_columns_and_says_how_to_begin(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = replace(RADIUS.plan, judgements=(JUDGEMENT,), layers=2)
    print_plan(Output(as_json=False), replace(RADIUS, plan=plan))
    output, _ = capsys.readouterr()
    assert max(map(len, tables(output))) <= 80
    for said in (
        NEW,
        "3.0.20-1~deb12u2",
        "138,234 images hold an older one",
        "in 2 layers",
        "137,000",
    ):
        assert said in output
    assert "An estimate: 5 min with one build at a time" in output
    assert "at least 3 MiB of new layers" in output
    assert output.splitlines()[-1] == "Begin with: herdbook campaign start openssl"


def test_many_reasons_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = [replace(REASON, words=f"reason {number}", examples=()) for number in range(20)]
    print_reasons(Output(as_json=False), reasons, "Why:")
    output, errors = capsys.readouterr()
    assert "reason 11" in output
    assert "8 more reasons: see them with --json" in errors


def test_where_nothing_is_to_be_done_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(Output(as_json=False), RADIUS)
    output, _ = capsys.readouterr()
    assert output.startswith("There is nothing to do")
    assert "Running with an older version" in output
    assert "campaign start" not in output


def test_a_source_is_offered_once_in_each_suite_however_many_packages_it_has() -> None:
    other = replace(HELD, name="openssl", version="3.0.9-1", source="", source_version="")
    program = LIBSSL.model_copy(update={"name": "openssl"})
    target = Target(suite="bookworm", packages=(LIBSSL, program))
    assert offers_of([HELD, other], [target]) == (
        Offer("openssl", "bookworm", ("3.0.9-1", OLD), NEW, "bookworm-security"),
    )
    assert targets_of([target], ["openssl"]) == (
        Offer("openssl", "bookworm", (), NEW, "bookworm-security"),
    )


def test_packages_that_were_only_built_again_are_told_by_their_own_versions() -> None:
    again = LIBSSL.model_copy(update={"version": f"{OLD}+b1", "source_version": OLD})
    (offer,) = offers_of([HELD], [Target(suite="bookworm", packages=(again,))])
    assert (offer.held, offer.offered) == ((OLD,), f"{OLD}+b1")


def test_where_a_campaign_is_says_what_to_do_next() -> None:
    lines = status_lines(STATUS)
    assert lines[:3] == [
        "campaign 7: openssl, running",
        f"openssl in bookworm goes to {NEW} (bookworm-security)",
        "begun 2026-01-02 03:04 UTC",
    ]
    assert lines[3] == (
        "2 builds at a time, at most 10.0 GiB of new layers, from 22:00 to 06:00 UTC, "
        "one rebase of each kind is checked"
    )
    assert "rebase        137,000    100,000" in lines
    assert "38,233 left, 1 could not follow" in lines
    assert "3 proofs, 2 of them held against builds of the long way" in lines
    assert lines[-1] == "Watch it: herdbook campaign show 7 --follow"


@pytest.mark.parametrize(
    ("state", "workers", "failed", "said", "hint"),
    [
        (CampaignState.RUNNING, (), 0, "no process works at it", "campaign resume 7"),
        (CampaignState.PAUSED, (), 0, "paused", "campaign resume 7"),
        (CampaignState.PAUSED, ("a process",), 0, "what is under way ends", "campaign resume 7"),
        (CampaignState.DONE, (), 0, "done", "campaign report 7"),
        (CampaignState.DONE, (), 1, "done", "campaign resume 7"),
        (CampaignState.ABORTED, (), 0, "aborted", "campaign start openssl"),
    ],
)
def test_each_state_has_its_next_step(
    state: CampaignState, workers: tuple[str, ...], failed: int, said: str, hint: str
) -> None:
    status = replace(
        STATUS,
        campaign=replace(CAMPAIGN, state=state),
        worked_at=bool(workers),
        failures=(FAILURE,) * failed,
    )
    lines = status_lines(status)
    assert said in lines[0]
    assert hint in lines[-1]
    assert said in status_line(status)


def test_what_ended_says_how_long_it_took() -> None:
    ended = replace(CAMPAIGN, state=CampaignState.DONE, ended_at=MOMENT + timedelta(minutes=5))
    lines = status_lines(replace(STATUS, campaign=ended))
    assert "begun 2026-01-02 03:04 UTC, done after 5 min" in lines
    assert "38,233 images had no need to any more, 1 could not follow" in lines


def test_only_some_failures_are_shown_and_where_the_others_are() -> None:
    lines = status_lines(replace(STATUS, failures=(FAILURE,) * 9))
    assert sum(FAILURE.words in line for line in lines) == 5
    assert "  ... and 4 more: herdbook campaign report 7" in lines


def test_a_report_fits_in_80_columns_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(Output(as_json=False), EVIDENCE, every=False)
    output, errors = capsys.readouterr()
    body = output.partition("What changed")[2]
    assert max(map(len, tables(body))) <= 80
    assert together(FAILURE.words) in together(body)
    assert together(PROOF.checked) in together(body)
    assert "shop/web39" in output
    assert "shop/web40" not in output
    assert "... and 21 more: see them with --all" in errors
    assert "What qemu runs is not known" in errors
    assert "Running with an older version" in output
    print_report(Output(as_json=False), EVIDENCE, every=True)
    everything = capsys.readouterr().out
    assert "shop/web59" in everything
    assert LONG in together(everything).replace("1213rebuild", "")


def test_campaigns_are_listed_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    many = replace(CAMPAIGN, sources=("openssl", "a-source-with-quite-a-long-name"))
    print_list(Output(as_json=False), [(many, 137_000, 1_000)])
    output, _ = capsys.readouterr()
    assert max(map(len, tables(output))) <= 80
    assert "a-source-with-quite-a-long-name" in together(output)


def test_a_version_says_what_made_it_and_why() -> None:
    assert made_lines(Made(CAMPAIGN, PROOF, 1)) == [
        f"made by campaign 7 (libssl3, openssl {OLD} -> {NEW}), follows version 1",
        "rebased because every condition holds (1 of 1)",
        f"checked: {PROOF.checked}",
    ]
    unchecked = PROOF.model_copy(update={"checked": ""})
    assert made_lines(Made(CAMPAIGN, unchecked, 1))[-1] == "checked: not by a build"
    assert made_lines(Made(CAMPAIGN, BUILT, 1))[1:] == [f"rebuilt because opaque layers: {WORDS}"]


def test_show_tells_what_made_a_version(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    campaign = opened(store)
    followed(store, campaign, "shop/web")
    status, output, _ = run(capsys, "show", "shop/web")
    assert status == 0
    assert f"made by campaign 1 (libssl3, openssl {OLD} -> {NEW}), follows version 1" in output
    cause = json.loads(run(capsys, "show", "shop/web", "--json")[1])["cause"]
    assert (cause["campaign"], cause["before"], cause["way"]) == (1, 1, "rebase")
    assert json.loads(run(capsys, "show", "shop/web:1", "--json")[1])["cause"] is None
    assert "campaign" not in run(capsys, "show", "shop/web:1")[1]


def test_a_campaign_is_shown_and_listed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    campaign = opened(store)
    followed(store, campaign, "shop/web")
    followed(store, campaign, "shop/other")
    found = json.loads(run(capsys, "campaign", "show", "--json")[1])
    assert (found["number"], found["followed"], found["left"]) == (1, {"rebase": 2}, 0)
    assert (found["proofs"], found["proofs_checked"], found["worked_at"]) == (1, 1, False)
    with store.workshop.campaigns.work(1):
        assert json.loads(run(capsys, "campaign", "show", "1", "--json")[1])["worked_at"] is True
    listed = json.loads(run(capsys, "campaign", "ls", "--json")[1])
    assert [(each["number"], each["followed"], each["failed"]) for each in listed] == [(1, 2, 0)]
    assert "openssl" in run(capsys, "campaign", "ls")[1]


def test_a_campaign_is_paused_and_ended(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    opened(store)
    status, output, errors = run(capsys, "campaign", "pause")
    assert (status, output) == (0, "Campaign 1 (openssl) is paused\n")
    assert "herdbook campaign resume 1" in errors
    assert json.loads(run(capsys, "campaign", "abort", "1", "--json")[1])["state"] == "aborted"
    assert run(capsys, "campaign", "pause")[0] == 10


@pytest.mark.parametrize(
    ("arguments", "status", "hint"),
    [
        (("show",), 4, "campaign plan"),
        (("show", "7"), 4, "none yet"),
        (("pause",), 4, "campaign plan"),
        (("report",), 4, "campaign plan"),
        (("resume", "3"), 4, "none yet"),
        (("plan", "absent"), 4, "sources"),
        (("start", "openssl", "--most-bytes", "much"), 3, "10G"),
        (("start", "openssl", "--most-bytes", "0"), 3, "no limit"),
        (("start", "openssl", "--hours", "night"), 3, "22:00-06:00"),
        (("start", "openssl", "--verify", "smaple"), 3, "sample"),
        (("start", "absent"), 4, "sources"),
    ],
)
def test_failures_say_what_to_do_next(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, hint: str
) -> None:
    found, output, errors = run(capsys, "campaign", *arguments)
    assert (found, output) == (status, "")
    assert hint in " ".join(errors.split())
    shaped = run(capsys, "campaign", *arguments, "--json")
    assert (shaped[0], shaped[1]) == (status, "")
    assert set(json.loads(shaped[2])["error"]) == {"code", "message", "hint", "where"}


def test_without_campaigns_the_list_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(run(capsys, "campaign", "ls", "--json")[1]) == []
    status, output, errors = run(capsys, "campaign", "ls")
    assert (status, output) == (0, "")
    assert "herdbook campaign plan" in errors


def test_following_ends_when_nobody_works_or_all_is_over(store: Store) -> None:
    campaign = opened(store)
    looker = Looker(replace(store.workshop, clock=Idle()), campaign.number)
    seen: list[Status] = []
    assert follow(looker, seen.append).campaign.state is CampaignState.RUNNING
    assert len(seen) == 3
    store.workshop.campaigns.move(campaign.number, CampaignState.DONE, MOMENT)
    assert follow(looker, seen.append).is_over
    assert len(seen) == 4


def test_following_goes_on_while_somebody_works(store: Store) -> None:
    campaign = opened(store)
    looker, seen = Looker(replace(store.workshop, clock=Idle()), campaign.number), list[Status]()

    def tell(status: Status) -> None:
        seen.append(status)
        if len(seen) == 2:
            followed(store, campaign, "shop/web")
        if len(seen) == 10:
            store.workshop.campaigns.move(campaign.number, CampaignState.DONE, MOMENT)

    with store.workshop.campaigns.work(campaign.number):
        assert follow(looker, tell).is_over
    assert [sum(each.followed.values()) for each in seen] == [0, 0, *[1] * 9]
    assert [each.proofs for each in seen] == [0, 0, *[1] * 9]


def test_only_news_is_written() -> None:
    written: list[str] = []
    tell = news(status_line, written.append)
    for count in (1, 1, 2):
        tell(replace(STATUS, followed={Way.REBASE: count}))
    assert [line.split("; ")[1][:1] for line in written] == ["1", "2"]


@pytest.mark.parametrize(("text", "size"), [("", None), ("500M", 500 << 20), ("10 GiB", 10 << 30)])
def test_sizes_are_powers_of_1024(text: str, size: int | None) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    ("text", "hours"),
    [("", None), ("22:00-06:00", (time(22), time(6))), ("9:30-17:00", (time(9, 30), time(17)))],
)
def test_hours_are_two_times_of_the_day(text: str, hours: tuple[time, time] | None) -> None:
    assert hours_of(text) == hours


@pytest.mark.parametrize("parse", [bytes_of, hours_of, verify_of])
@pytest.mark.parametrize(
    "text", ["10.5G", "-1", "0", "24:00-06:00", "22-06", "5:0-6:00", "05:00-5:00", "ten", "ALL"]
)
def test_anything_else_is_refused_with_an_example(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(text)
    assert caught.value.hint


def test_the_shapes_are_the_documented_ones() -> None:
    text = (Path(__file__).parents[3] / "docs/json.md").read_text()
    shapes = [
        radius_shape(RADIUS),
        status_shape(STATUS),
        evidence_head(EVIDENCE),
        made_shape(Made(CAMPAIGN, PROOF, 1)),
        follower_shape(FOLLOWERS[0]),
    ]
    ways = {"rebase", "rebuild"}
    assert {
        key for key in keys(shapes) - ways if f'"{key}"' not in text and f"`{key}`" not in text
    } == set()
    assert json.loads(json.dumps(shapes)) == shapes


def keys(shape: Any) -> set[str]:
    """Return every key within a shape."""
    if isinstance(shape, dict):
        return {*shape, *keys(list(shape.values()))}
    return {key for each in shape for key in keys(each)} if isinstance(shape, list) else set()


def test_every_command_of_the_page_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "docs/campaigns.md").read_text()
    commands = re.findall(r"herdbook (campaign [a-z]+|watch|show)", text)
    assert {f"campaign {word}" for word in ("plan", "start", "show", "ls", "pause")} <= {*commands}
    options = set(re.findall(r"(--[a-z][a-z-]+)", text))
    helped = ""
    for command in dict.fromkeys(commands):
        status, output, errors = run(capsys, *command.split(), "--help")
        assert (status, errors) == (0, ""), command
        helped += output
    assert {option for option in options if option not in helped} == set()
