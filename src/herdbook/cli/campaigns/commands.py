"""Commands about campaigns: plan, start, show, ls, pause, resume, abort, report."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_campaign, complete_component
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.errors import UnsatisfiableError

if TYPE_CHECKING:
    from herdbook.actions.look_at_campaign import Looker, Status
    from herdbook.actions.workshop import Workshop
    from herdbook.campaigns.model import Budget, Campaign, Verify

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME",
        help="Packages, or their sources.",
        autocompletion=complete_component,
        show_default=False,
    ),
]
Number = Annotated[
    int | None,
    typer.Argument(
        metavar="NUMBER",
        help="A campaign; the newest by default.",
        autocompletion=complete_campaign,
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    campaign = typer.Typer(help="Carry a patch through all images.", no_args_is_help=True)
    for command in (plan, start, show, ls, pause, resume, abort, report):
        campaign.command()(command)
    app.add_typer(campaign, name="campaign")


def plan(names: Names, as_json: AsJson = False) -> None:
    """Say what a patch reaches, and change nothing."""
    from herdbook.actions.measure_radius import radius_of
    from herdbook.actions.plan_campaign import plan_campaign
    from herdbook.cli.campaigns.plan_page import print_plan
    from herdbook.cli.campaigns.shapes import radius_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    radius = radius_of(workshop, plan_campaign(workshop, names))
    if as_json:
        output.json(radius_shape(radius))
    else:
        print_plan(output, radius)


def start(  # noqa: PLR0913, PLR0917 - each is an option
    names: Names,
    builds: Annotated[int, typer.Option(min=1, help="So many builds side by side.")] = 1,
    most_bytes: Annotated[
        str, typer.Option(help="Pause after so many new bytes: 10G.", metavar="SIZE")
    ] = "",
    hours: Annotated[
        str, typer.Option(help="Work at these hours (UTC) alone: 22:00-06:00.", metavar="HOURS")
    ] = "",
    verify: Annotated[
        str, typer.Option(help="Rebases to check: sample, all or none.", metavar="WHICH")
    ] = "sample",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Carry a patch through all images."""
    from herdbook.cli.campaigns.options import budget_of, verify_of
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    budget, checks = budget_of(builds, most_bytes, hours), verify_of(verify)
    workshop = open_session(output)
    ask = not (yes or as_json) and sys.stdin.isatty()
    campaign = _joined(workshop, output, names) or _opened(
        workshop, output, names, (budget, checks), ask=ask
    )
    if campaign is None:
        output.note("Nothing was begun.")
    else:
        _work(workshop, output, campaign)


def _joined(workshop: "Workshop", output: Output, names: list[str]) -> "Campaign | None":
    """Return the open campaign for the same, which goes on; None where there is none."""
    from herdbook.actions.start_campaign import open_for
    from herdbook.actions.start_campaign import resume as act
    from herdbook.campaigns.model import CampaignState

    campaign = open_for(workshop, names)
    if campaign is None:
        return None
    output.note(
        f"Campaign {campaign.number} is open for {campaign.cause} already: joined, on the "
        "terms it was begun with"
    )
    paused = campaign.state is CampaignState.PAUSED
    return act(workshop, campaign.number) if paused else campaign


def _opened(
    workshop: "Workshop",
    output: Output,
    names: list[str],
    terms: "tuple[Budget, Verify]",
    *,
    ask: bool,
) -> "Campaign | None":
    """Open a campaign; where somebody is asked, and does not mean it, return None."""
    from herdbook.actions.measure_radius import radius_of
    from herdbook.actions.plan_campaign import plan_campaign
    from herdbook.actions.start_campaign import open_campaign
    from herdbook.cli.campaigns.plan_page import print_plan

    found = plan_campaign(workshop, names)
    if ask and found.judgements:
        print_plan(output, radius_of(workshop, found))
        if not typer.confirm("Begin?", default=True, err=True):
            return None
    campaign, _ = open_campaign(workshop, found, *terms)
    return campaign


def _work(workshop: "Workshop", output: Output, campaign: "Campaign") -> None:
    """Work at a campaign, or watch who does, and show how it ended."""
    from herdbook.cli.campaigns.following import work_or_follow

    status = work_or_follow(workshop, output, campaign.number)
    _print(output, status)
    if status.failures:
        raise typer.Exit(UnsatisfiableError.exit_status)


def _print(output: Output, status: "Status") -> None:
    from herdbook.cli.campaigns.shapes import status_shape
    from herdbook.cli.campaigns.status_page import status_lines

    if output.as_json:
        output.json(status_shape(status))
    else:
        output.text("\n".join(status_lines(status)))


def show(
    number: Number = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show where a campaign is, and what to do next."""
    from herdbook.actions.look_at_campaign import Looker
    from herdbook.actions.start_campaign import campaign_numbered
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    campaign = campaign_numbered(workshop, number)
    looker = Looker(workshop, campaign.number)
    if follow:
        _follow(output, looker)
    else:
        _print(output, looker.look(campaign))


def _follow(output: Output, looker: "Looker") -> None:
    from herdbook.cli.campaigns.following import follow, news, telling
    from herdbook.cli.campaigns.shapes import status_shape

    if output.as_json:  # a document a line, whenever something has changed
        follow(looker, news(lambda status: json.dumps(status_shape(status)), _write_line))
        return
    with telling(output) as tell:
        status = follow(looker, tell)
    _print(output, status)


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ls(as_json: AsJson = False) -> None:
    """List campaigns, the newest first."""
    from herdbook.cli.campaigns.shapes import campaign_shape
    from herdbook.cli.campaigns.status_page import print_list
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    campaigns = open_session(output).campaigns
    found = [
        (
            each,
            sum(campaigns.count(each.number).values()),
            len(campaigns.failures(each.number)),
        )
        for each in campaigns.every()
    ]
    if as_json:
        output.json(
            [
                {**campaign_shape(each), "followed": followed, "failed": failed}
                for each, followed, failed in found
            ]
        )
    elif found:
        print_list(output, found)
    else:
        output.note("There is no campaign yet. Plan one with: herdbook campaign plan PACKAGE")


def pause(number: Number = None, as_json: AsJson = False) -> None:
    """Let a campaign begin nothing more; what is under way ends."""
    from herdbook.actions.start_campaign import pause as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    campaign = act(open_session(output), number)
    _print_moved(output, campaign, f"Go on with: herdbook campaign resume {campaign.number}")


def resume(number: Number = None, as_json: AsJson = False) -> None:
    """Go on with a campaign; what could not follow is tried again."""
    from herdbook.actions.start_campaign import resume as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    _work(workshop, output, act(workshop, number))


def abort(number: Number = None, as_json: AsJson = False) -> None:
    """End a campaign for good; what it has made stays."""
    from herdbook.actions.start_campaign import abort as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    campaign = act(open_session(output), number)
    _print_moved(output, campaign, "What it has made stays; what is under way ends")


def _print_moved(output: Output, campaign: "Campaign", what_next: str) -> None:
    from herdbook.cli.campaigns.shapes import campaign_shape

    if output.as_json:
        output.json(campaign_shape(campaign))
        return
    output.text(f"Campaign {campaign.number} ({campaign.cause}) is {campaign.state}")
    output.note(what_next)


def report(
    number: Number = None,
    every: Annotated[bool, typer.Option("--all", help="All of a long list.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a campaign did, and the evidence that it was right."""
    from herdbook.actions.look_at_campaign import evidence_of
    from herdbook.actions.start_campaign import campaign_numbered
    from herdbook.cli.campaigns.report_page import print_report
    from herdbook.cli.campaigns.shapes import evidence_head, follower_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    evidence = evidence_of(workshop, campaign_numbered(workshop, number))
    if as_json:
        images = map(follower_shape, evidence.followers)
        output.json_stream(evidence_head(evidence), "images", images)
    else:
        print_report(output, evidence, every=every)
