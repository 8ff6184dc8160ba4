"""Gathers where a campaign is, what it has done and why so, and what made a version."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from herdbook.actions.find_holders import running_instances
from herdbook.actions.measure_radius import Reason, reasons_of, still_old
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.conditions import Condition, Way
from herdbook.campaigns.model import (
    OVER,
    Campaign,
    Change,
    Failure,
    Follower,
    Proof,
)


@dataclass(frozen=True)
class Status:
    """Where a campaign is. `checked` of its `proofs` were held against a build of the long way."""

    campaign: Campaign
    followed: Mapping[Way, int]
    failures: tuple[Failure, ...]
    proofs: int
    checked: int
    worked_at: bool

    @property
    def left(self) -> int:
        """How many of the images that were planned did nothing yet, or had no need to."""
        planned = sum(self.campaign.planned.values())
        return max(0, planned - sum(self.followed.values()) - len(self.failures))

    @property
    def is_over(self) -> bool:
        """Whether it is at its end."""
        return self.campaign.state in OVER


@dataclass
class Looker:
    """Looks at one campaign again and again; what it has seen it does not read again."""

    workshop: Workshop
    number: int
    proofs: dict[int, Proof] = field(default_factory=dict)
    _seen: int = 0

    def look(self, campaign: Campaign) -> Status:
        """Return where the campaign is; `campaign` was read before."""
        campaigns = self.workshop.campaigns
        followed = campaigns.count(self.number)
        for follower in campaigns.followers(self.number, skip=self._seen):
            self._seen += 1
            if follower.proof not in self.proofs:
                self.proofs[follower.proof] = campaigns.proof(follower.proof)
        with campaigns.work(self.number) as alone:
            worked_at = not alone
        return Status(
            campaign,
            followed,
            tuple(campaigns.failures(self.number)),
            len(self.proofs),
            sum(1 for proof in self.proofs.values() if proof.checked),
            worked_at,
        )


@dataclass(frozen=True)
class Evidence:
    """What a campaign has done, and why so.

    `running` are instances of versions that are older than what it brought; `unseen` the engines
    that could not be asked.
    """

    status: Status
    followers: Sequence[Follower]
    proofs: Mapping[int, Proof]
    running: Mapping[str, tuple[str, ...]]
    unseen: tuple[str, ...]

    @property
    def changes(self) -> list[Change]:
        """What changed in packages, each once."""
        found = {change for proof in self.proofs.values() for change in proof.changes}
        return sorted(found, key=lambda each: (each.name, each.old, each.new))

    @property
    def images(self) -> Mapping[int, int]:
        """How many images followed by which proof."""
        return Counter(follower.proof for follower in self.followers)

    @property
    def conditions(self) -> Mapping[Condition, str]:
        """What held of images that were rebased, with an example of the words."""
        found: dict[Condition, str] = {}
        for proof in self.proofs.values():
            for finding in proof.findings if proof.way is Way.REBASE else ():
                found.setdefault(finding.condition, finding.words)
        return found

    @property
    def reasons(self) -> list[Reason]:
        """Why images were not rebased, what concerned most of them first."""
        return reasons_of(
            (each.way, finding, 1, (each.image,))
            for each in self.followers
            for finding in self.proofs[each.proof].findings
        )


def evidence_of(workshop: Workshop, campaign: Campaign) -> Evidence:
    """Return what a campaign has done, and which instances have not got it yet."""
    looker = Looker(workshop, campaign.number)
    status = looker.look(campaign)
    running, unseen = running_instances(workshop)
    return Evidence(
        status,
        workshop.campaigns.followers(campaign.number),
        looker.proofs,
        still_old(workshop, campaign.sources, campaign.targets, running),
        tuple(unseen),
    )
