"""Works at a campaign until all images have followed: rebases first, then builds, then once more.

What is left to do is read from the register every time, never remembered: so it does not matter
where the work was interrupted. A version and what made it are kept in one transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from functools import cached_property

from herdbook.actions.check_rebases import check_rebase
from herdbook.actions.find_holders import running_instances
from herdbook.actions.find_homes import Homes, bring_locks_home
from herdbook.actions.judge_classes import Judge, Judgement
from herdbook.actions.plan_campaign import outdated
from herdbook.actions.prepare_moves import MoveMaker
from herdbook.actions.rebuild_images import Rebuild, rebuild_all
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.model import Campaign, CampaignState, Failure, Verify
from herdbook.campaigns.ports import ClassKey, Move
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, StepFailedError, VerificationError
from herdbook.core.progress import Task

IMAGES_AT_ONCE = 5_000
"""How many images are rebased in one transaction: others may write between two of them."""

_POLL_SECONDS = 2.0


class _Stopped(Exception):  # noqa: N818 - no error: somebody wants it so
    """The campaign was paused or aborted, or has used up its budget."""


def work_at(workshop: Workshop, number: int) -> Campaign:
    """Work at a running campaign until nothing is left, or it is paused or aborted.

    Raises ConflictError where another process works at it.
    """
    with workshop.campaigns.work(number) as alone:
        if not alone:
            raise ConflictError(
                f"Another process works at campaign {number} already",
                hint=f"Watch it: herdbook campaign show {number} --follow",
            )
        found = workshop.campaigns.find(number)
        if found is None:
            raise ConflictError(f"Campaign {number} is gone")
        with workshop.layers.lease(_lease(number)):
            return _Work(workshop, found).finish()


def _lease(number: int) -> str:
    return f"campaign {number}"


@dataclass
class _Work:
    """A campaign being worked at by this process."""

    workshop: Workshop
    campaign: Campaign
    homes: Homes = field(default_factory=Homes)
    checked: dict[ClassKey, str] = field(default_factory=dict)
    refuted: dict[ClassKey, Finding] = field(default_factory=dict)
    building: set[str] = field(default_factory=set)
    counted: set[Digest] = field(default_factory=set)
    kept_bytes: int = 0

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.workshop, self.campaign.targets)

    @cached_property
    def mover(self) -> MoveMaker:
        return MoveMaker(self.workshop, self.judge, self.campaign.targets)

    def finish(self) -> Campaign:
        """Do all that is left; return the campaign as it is then."""
        number = self.campaign.number
        try:
            while self._one_round():
                pass
        except _Stopped:
            pass
        replaced, left = bring_locks_home(self.workshop.campaigns.lock_changes(number))
        for path in replaced:
            self.workshop.progress.say(f"The lock {path} has the new packages")
        for path in left:
            self.workshop.progress.say(f"The lock {path} was changed meanwhile: it is as it was")
        for follower in self.workshop.campaigns.followers(number):
            self.workshop.stamps.forget(follower.image)
        campaign = self.workshop.campaigns.find(number)
        if campaign is not None and campaign.state is CampaignState.RUNNING:
            now = self.workshop.clock.now()
            return self.workshop.campaigns.move(number, CampaignState.DONE, now)
        return campaign or self.campaign

    def _one_round(self) -> bool:
        """Let images follow, those below others first; return whether there was something."""
        self._require_leave()
        judgements = self._judgements()
        # What stands on others is judged anew when those have followed.
        moved = self._rebase(
            [each for each in judgements if each.way is Way.REBASE and not each.level]
        )
        return self._build(self._refuted(judgements)) or moved > 0

    def _judgements(self) -> list[Judgement]:
        _, layers = outdated(self.workshop, self.campaign.sources, self.campaign.targets)
        return self._refuted(self.judge.judge(self.workshop.herd.classes(layers)))

    def _refuted(self, judgements: Iterable[Judgement]) -> list[Judgement]:
        """Return judgements with what their checks have found against them."""
        return [
            replace(each, findings=(*each.findings, self.refuted[each.of.key]))
            if each.of.key in self.refuted
            else each
            for each in judgements
        ]

    def _rebase(self, judgements: Sequence[Judgement]) -> int:
        """Rebase classes, those that run first; return how many images followed.

        What is not checked goes together, in as few transactions as there can be. Else each class
        follows when its check is done, so that no check is done twice.
        """
        ordered = sorted(judgements, key=self._runs_nowhere)
        together = self.campaign.verify is Verify.NONE
        done = 0
        total = sum(each.of.images for each in ordered)
        with self.workshop.progress.task("Rebasing", total, "images") as task:
            for some in [ordered] if together else [[each] for each in ordered]:
                self._require_leave()
                moves = [move for each in some if (move := self._checked(each))]
                done += self._move(moves, task)
        if done:
            self.workshop.advisories.match_new()
        return done

    def _move(self, moves: Sequence[Move], task: Task) -> int:
        done, running = 0, {label.rpartition(":")[0] for label in self._running}
        while moves:
            count = self.workshop.herd.rebase(
                self.campaign.number,
                moves,
                now=self.workshop.clock.now(),
                limit=IMAGES_AT_ONCE,
                first=running,
            )
            if not count:
                break
            task.advance(count)
            done += count
            self._require_leave()
        return done

    def _runs_nowhere(self, judgement: Judgement) -> bool:
        return judgement.of.key not in self._running_classes

    @cached_property
    def _running_classes(self) -> set[ClassKey | None]:
        images = {label.rpartition(":")[0] for label in self._running}
        return {self.workshop.herd.key(image) for image in images}

    @cached_property
    def _running(self) -> Mapping[str, tuple[str, ...]]:
        return running_instances(self.workshop)[0]

    def _checked(self, judgement: Judgement) -> Move | None:
        """Return what a class becomes, after its check; None where it has to be built instead."""
        key = judgement.of.key
        try:
            move = self.mover.move(judgement)
            if key not in self.checked:
                self.checked[key] = self._check(move)
        except (VerificationError, StepFailedError) as error:
            finding = Finding(condition=Condition.LONG_WAY, way=Way.REBUILD, words=error.message)
            self.refuted[key] = finding
            self.workshop.progress.say(f"Not rebased after all: {error.message}")
            return None
        new = {layer.digest: layer.size for layer in move.replaced.values()}
        self.kept_bytes += sum(size for digest, size in new.items() if digest not in self.counted)
        self.counted |= new.keys()
        proof = move.proof.model_copy(update={"checked": self.checked[key]})
        return replace(move, proof=proof)

    def _check(self, move: Move) -> str:
        if self.campaign.verify is Verify.NONE:
            return ""
        members = self.workshop.herd.members(move.of)
        if self.campaign.verify is Verify.SAMPLE:
            sample = next(members, None)
            return check_rebase(self.workshop, self.homes, move, sample) if sample else ""
        with self.workshop.progress.task("Checking", move.of.images, "images") as task:
            told = ""
            for member in list(members):
                self._require_leave()
                told = check_rebase(self.workshop, self.homes, move, member)
                task.advance()
        return f"all {move.of.images}: {told}" if move.of.images > 1 else told

    def _build(self, judgements: Sequence[Judgement]) -> bool:
        """Build the lowest images that have to be built; return whether there were some."""
        number = self.campaign.number
        failed = {each.image for each in self.workshop.campaigns.failures(number)}
        wanted: list[Rebuild] = []
        hopeless: list[Failure] = []
        for judgement in judgements:
            if judgement.way is Way.REBASE:
                continue
            why = _why_hopeless(judgement, failed)
            for member in self.workshop.herd.members(judgement.of):
                if member.image in failed:
                    continue
                if why:
                    hopeless.append(Failure(member.image, member.number, why))
                else:
                    wanted.append(Rebuild(judgement, member))
        self.workshop.campaigns.fail(number, hopeless)
        lowest = min((each.judgement.level for each in wanted), default=0)
        first = [each for each in wanted if each.judgement.level == lowest]
        self._build_all(sorted(first, key=self._urgency))
        return bool(wanted or hopeless)

    def _urgency(self, wanted: Rebuild) -> tuple[bool, str]:
        return wanted.label not in self._running, wanted.member.image

    def _build_all(self, wanted: Sequence[Rebuild]) -> None:
        if not wanted:
            return
        with self.workshop.progress.task("Building", len(wanted), "images") as task:
            for result in rebuild_all(
                self.workshop, self.mover, self.homes, self.campaign, self._given_leave(wanted)
            ):
                if result.failure:
                    self.workshop.campaigns.fail(self.campaign.number, [result.failure])
                    self.workshop.progress.say(f"{result.image}: {result.failure.words}")
                self.kept_bytes += result.new_bytes
                task.advance()

    def _given_leave(self, wanted: Iterable[Rebuild]) -> Iterator[Rebuild]:
        for each in wanted:
            self._require_leave()
            self.building.add(each.member.image)
            yield each

    def _require_leave(self) -> None:
        """Wait until the campaign may work; raises _Stopped where it may not any more."""
        told = ""
        while True:
            campaign = self.workshop.campaigns.find(self.campaign.number)
            if campaign is None or campaign.state is not CampaignState.RUNNING:
                raise _Stopped
            most = campaign.budget.most_bytes
            if most is not None and self.kept_bytes >= most:
                self.workshop.progress.say(f"The budget of {most} bytes is used: paused")
                now = self.workshop.clock.now()
                self.workshop.campaigns.move(campaign.number, CampaignState.PAUSED, now)
                raise _Stopped
            reason = self._why_wait(campaign)
            if not reason:
                return
            if reason != told:
                self.workshop.progress.say(f"Waiting: {reason}")
                told = reason
            self.workshop.clock.sleep(_POLL_SECONDS)

    def _why_wait(self, campaign: Campaign) -> str:
        hours = campaign.budget.hours
        if hours and not is_within(self.workshop.clock.now().time(), *hours):
            return f"it works from {hours[0]:%H:%M} to {hours[1]:%H:%M} (UTC)"
        others = [
            about
            for about in self.workshop.layers.work_under_way()
            if not about.startswith("campaign ") and about not in self.building
        ]
        return f"others build first: {', '.join(sorted(others)[:3])}" if others else ""


def is_within(now: time, begin: time, end: time) -> bool:
    """Tell whether a time of day lies between two, over midnight where the second is earlier."""
    return begin <= now < end if begin <= end else now >= begin or now < end


def _why_hopeless(judgement: Judgement, failed: Collection[str]) -> str:
    """Return why building images would be in vain; nothing where it would not."""
    if judgement.way is Way.WAIT:
        return "; ".join(each.words for each in judgement.findings if each.way is Way.WAIT)
    parent = judgement.lock.parent
    if parent and judgement.below and parent.image in failed:
        return f"{parent.image}, which it is made from, could not follow"
    return ""
