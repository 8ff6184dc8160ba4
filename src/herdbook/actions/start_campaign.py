"""Opens campaigns, and changes what state they are in."""

from collections.abc import Sequence

from herdbook.actions.plan_campaign import CampaignPlan, sources_of
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.model import (
    OPEN,
    Budget,
    Campaign,
    CampaignState,
    NewCampaign,
    Verify,
)
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.people.acts import Act


def open_for(workshop: Workshop, names: Sequence[str]) -> Campaign | None:
    """Return the campaign that is open for what these names mean, or None."""
    return _open_about(workshop, sources_of(workshop, names))


def open_campaign(
    workshop: Workshop, plan: CampaignPlan, budget: Budget, verify: Verify
) -> tuple[Campaign, bool]:
    """Open a campaign, or join one that was opened meanwhile for the same: True says which.

    Raises ConflictError where there is nothing to do.
    """
    require_role(workshop, Act.CAMPAIGN)
    if not plan.judgements:
        raise ConflictError(
            f"There is nothing to do: no image holds {', '.join(plan.sources)} older than what "
            "there is now",
            hint="See who holds it: herdbook affected " + plan.sources[0],
        )
    return workshop.campaigns.open(_new(workshop, plan, budget, verify))


def _new(workshop: Workshop, plan: CampaignPlan, budget: Budget, verify: Verify) -> NewCampaign:
    planned = {way.value: count for way, count in plan.images.items()}
    now = workshop.clock.now()
    return NewCampaign(plan.sources, plan.targets, budget, verify, now, planned)


def _open_about(workshop: Workshop, sources: tuple[str, ...]) -> Campaign | None:
    found = (each for each in workshop.campaigns.every() if each.state in OPEN)
    return next((each for each in found if each.sources == sources), None)


def campaign_numbered(workshop: Workshop, number: int | None) -> Campaign:
    """Return a campaign, or the newest where no number is given; raises NotFoundError."""
    if number is None:
        every = workshop.campaigns.every()
        if not every:
            raise NotFoundError(
                "There is no campaign yet", hint="Plan one: herdbook campaign plan PACKAGE"
            )
        return every[0]
    found = workshop.campaigns.find(number)
    if found is None:
        known = ", ".join(str(each.number) for each in workshop.campaigns.every()[:5])
        hint = f"The newest are: {known}." if known else "There is none yet."
        raise NotFoundError(f"There is no campaign {number}", hint=hint)
    return found


def pause(workshop: Workshop, number: int | None) -> Campaign:
    """Let a campaign begin nothing more; what is under way ends."""
    return _move(workshop, number, CampaignState.PAUSED)


def abort(workshop: Workshop, number: int | None) -> Campaign:
    """End a campaign where it is; versions it has made stay."""
    return _move(workshop, number, CampaignState.ABORTED)


def resume(workshop: Workshop, number: int | None) -> Campaign:
    """Let a campaign go on; what failed is tried again."""
    require_role(workshop, Act.CAMPAIGN)
    campaign = campaign_numbered(workshop, number)
    if campaign.state is CampaignState.DONE and not workshop.campaigns.failures(campaign.number):
        raise ConflictError(
            f"Campaign {campaign.number} is done, and nothing failed",
            hint=f"See what it did: herdbook campaign report {campaign.number}",
        )
    other = _open_about(workshop, campaign.sources)
    if other is not None and other.number != campaign.number:
        raise ConflictError(
            f"Campaign {other.number} is open for {campaign.cause} by now",
            hint=f"Go on with that one: herdbook campaign resume {other.number}",
        )
    found = _move(workshop, campaign.number, CampaignState.RUNNING)
    workshop.campaigns.forgive(found.number)
    return found


def _move(workshop: Workshop, number: int | None, state: CampaignState) -> Campaign:
    require_role(workshop, Act.CAMPAIGN)
    campaign = campaign_numbered(workshop, number)
    return workshop.campaigns.move(campaign.number, state, workshop.clock.now())
