"""Tells where campaigns are, for people."""

from collections.abc import Iterable

from herdbook.actions.find_offers import Offer, targets_of
from herdbook.actions.look_at_campaign import Status
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import Budget, Campaign, CampaignState, Verify
from herdbook.cli.campaigns.plan_page import counted, fixes_in_words
from herdbook.cli.output import Output, human_seconds, human_size

_SHOWN_FAILURES = 5
_CHECKS = {
    Verify.SAMPLE: "one rebase of each kind is checked",
    Verify.ALL: "every rebase is checked",
    Verify.NONE: "no rebase is checked",
}


def status_lines(status: Status) -> list[str]:
    """Return where a campaign is, line by line."""
    campaign = status.campaign
    lines = [f"campaign {campaign.number}: {campaign.cause}, {_state(status)}"]
    lines += map(_goal, targets_of(campaign.targets, campaign.sources))
    lines += filter(None, [fixes_in_words(campaign.targets)])
    lines += [times(campaign), _terms(campaign.budget, campaign.verify), "", *_ways(status), ""]
    lines += [_left(status), _proven(status)]
    lines += [
        f"  {each.image}:{each.number}: {each.words}" for each in status.failures[:_SHOWN_FAILURES]
    ]
    if len(status.failures) > _SHOWN_FAILURES:
        more = len(status.failures) - _SHOWN_FAILURES
        lines.append(f"  ... and {more:,} more: herdbook campaign report {campaign.number}")
    return [*lines, what_next(status)]


def _goal(offer: Offer) -> str:
    suite = f" in {offer.suite}" if offer.suite else ""
    pocket = f" ({offer.pocket})" if offer.pocket else ""
    return f"{offer.source}{suite} goes to {offer.offered}{pocket}"


def status_line(status: Status) -> str:
    """Return where a campaign is in one line."""
    campaign = status.campaign
    planned = sum(campaign.planned.values())
    followed = sum(status.followed.values())
    return (
        f"campaign {campaign.number}: {_state(status)}; {followed:,} of {planned:,} followed, "
        f"{len(status.failures):,} failed, {status.left:,} left"
    )


def _state(status: Status) -> str:
    state = status.campaign.state
    if state is CampaignState.RUNNING:
        return "running" if status.worked_at else "running, but no process works at it"
    if state is CampaignState.PAUSED and status.worked_at:
        return "paused, what is under way ends"
    return state.value


def times(campaign: Campaign) -> str:
    """Return when a campaign began and ended."""
    begun = f"begun {campaign.created_at:%Y-%m-%d %H:%M} UTC"
    if campaign.ended_at is None:
        return begun
    seconds = (campaign.ended_at - campaign.created_at).total_seconds()
    return f"{begun}, {campaign.state} after {human_seconds(seconds)}"


def _terms(budget: Budget, verify: Verify) -> str:
    terms = [f"{counted(budget.builds, 'build')} at a time"]
    if budget.most_bytes is not None:
        terms.append(f"at most {human_size(budget.most_bytes)} of new layers")
    if budget.hours:
        terms.append(f"from {budget.hours[0]:%H:%M} to {budget.hours[1]:%H:%M} UTC")
    return ", ".join([*terms, _CHECKS[verify]])


def _ways(status: Status) -> list[str]:
    planned, followed = status.campaign.planned, status.followed
    ways = [way for way in Way if planned.get(way.value) or followed.get(way)]
    rows = [(way.value, planned.get(way.value, 0), followed.get(way, 0)) for way in ways]
    lines = [f"{'way':<10}  {'planned':>9}  {'followed':>9}"]
    return lines + [f"{way:<10}  {one:>9,}  {other:>9,}" for way, one, other in rows]


def _left(status: Status) -> str:
    failed = f"{len(status.failures):,} could not follow"
    if status.is_over and status.campaign.state is CampaignState.DONE:
        others = f"{counted(status.left, 'image')} had no need to any more, "
        return (others if status.left else "") + failed
    return f"{status.left:,} left, {failed}"


def _proven(status: Status) -> str:
    if not status.proofs:
        return "no proofs yet"
    checked = f"{status.checked:,} of them held against builds of the long way"
    return f"{counted(status.proofs, 'proof')}, {checked}"


def what_next(status: Status) -> str:
    """Return what somebody may do about a campaign now."""
    number, state = status.campaign.number, status.campaign.state
    if state is CampaignState.DONE:
        again = f"Try those again: herdbook campaign resume {number}"
        return again if status.failures else f"See what it did: herdbook campaign report {number}"
    if state is CampaignState.ABORTED:
        sources = " ".join(status.campaign.sources)
        return f"What it has done stays. Begin another one: herdbook campaign start {sources}"
    if state is CampaignState.RUNNING and status.worked_at:
        return f"Watch it: herdbook campaign show {number} --follow"
    return f"Go on: herdbook campaign resume {number}"


def print_list(output: Output, statuses: Iterable[tuple[Campaign, int, int]]) -> None:
    """Print campaigns with how many images followed each, and how many could not."""
    output.table(
        ["campaign", "cause", "state", "#planned", "#followed", "#failed", "begun"],
        [
            [
                str(campaign.number),
                "\n".join(campaign.sources),
                campaign.state,
                f"{sum(campaign.planned.values()):,}",
                f"{followed:,}",
                f"{failed:,}",
                f"{campaign.created_at:%Y-%m-%d %H:%M}",
            ]
            for campaign, followed, failed in statuses
        ],
    )
