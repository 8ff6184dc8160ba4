"""Sees to it that a campaign works only while it may: its state, budget and hours, and others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from herdbook.actions.workshop import Workshop
from herdbook.campaigns.model import Campaign, CampaignState
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError
from herdbook.core.hours import is_within
from herdbook.images.documents import LayerReference

_POLL_SECONDS = 2.0
_CAMPAIGN = "campaign "


class StoppedError(Exception):
    """The campaign was paused or aborted, has used up its budget, or met trouble: an `error`."""

    def __init__(self, error: HerdbookError | None = None) -> None:
        super().__init__()
        self.error = error


def lease_of(number: int) -> str:
    """Return what the lease of a campaign's work is about."""
    return f"{_CAMPAIGN}{number}"


@dataclass
class Leave:
    """The leave of one campaign to go on, asked for between any two pieces of its work.

    `building` are images that it builds itself, which it does not wait for.
    """

    workshop: Workshop
    number: int
    building: set[str] = field(default_factory=set)
    _kept: dict[Digest, int] = field(default_factory=dict)

    def require(self) -> None:
        """Wait until the campaign may work; raises StoppedError where it may not any more."""
        told = ""
        while True:
            campaign = self.workshop.campaigns.find(self.number)
            if campaign is None or campaign.state is not CampaignState.RUNNING:
                raise StoppedError
            most = campaign.budget.most_bytes
            if most is not None and sum(self._kept.values()) >= most:
                self.stop(f"the budget of {most} bytes is used")
            reason = self._why_wait(campaign)
            if not reason:
                return
            if reason != told:
                self.workshop.progress.say(f"Waiting: {reason}")
                told = reason
            self.workshop.clock.sleep(_POLL_SECONDS)

    def stop(self, reason: str | HerdbookError) -> NoReturn:
        """Pause the campaign, and say why; always raises StoppedError, with the error if it is one.

        That is for what concerns no single image: the network is gone, for instance.
        """
        error = reason if isinstance(reason, HerdbookError) else None
        if not error:
            self.workshop.progress.say(f"Paused: {reason}")
        now = self.workshop.clock.now()
        self.workshop.campaigns.move(self.number, CampaignState.PAUSED, now)
        raise StoppedError(error)

    def kept(self, layers: Iterable[LayerReference]) -> None:
        """Say which new layers were kept; each counts once."""
        self._kept |= {layer.digest: layer.size for layer in layers}

    def _why_wait(self, campaign: Campaign) -> str:
        hours = campaign.budget.hours
        if hours and not is_within(self.workshop.clock.now().time(), *hours):
            return f"it works from {hours[0]:%H:%M} to {hours[1]:%H:%M} (UTC)"
        others = [
            about
            for about in self.workshop.layers.work_under_way()
            if not about.startswith(_CAMPAIGN) and about not in self.building
        ]
        return f"others build first: {', '.join(sorted(others)[:3])}" if others else ""
