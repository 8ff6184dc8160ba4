"""Works at a campaign until all images have followed: rebases first, then builds, then once more.

What is left to do is read from the register every time, never remembered: so it does not matter
where the work was interrupted. A version and what made it are kept in one transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from herdbook.actions.ask_leave import Leave, StoppedError, lease_of
from herdbook.actions.check_rebases import check_rebase
from herdbook.actions.find_holders import running_instances
from herdbook.actions.find_homes import Homes, bring_locks_home
from herdbook.actions.judge_classes import Judge, Judgement
from herdbook.actions.plan_campaign import outdated
from herdbook.actions.prepare_moves import MoveMaker
from herdbook.actions.rebuild_images import Rebuild, rebuild_all
from herdbook.actions.require_role import SYSTEM
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.model import Campaign, CampaignState, Failure, Verify
from herdbook.campaigns.ports import ClassKey, Member, Move
from herdbook.core.errors import (
    ConflictError,
    HerdbookError,
    MissingToolError,
    NetworkError,
    NoSpaceError,
    VerificationError,
)
from herdbook.core.progress import ProgressAbout, Task

IMAGES_AT_ONCE = 5_000
"""How many images are rebased in one transaction: others may write between two of them."""

_MOST_IDLE_ROUNDS = 5
_MOST_NETWORK_FAILURES = 3
"""So many builds one after the other that the network failed, and the campaign pauses."""


def work_at(workshop: Workshop, number: int) -> Campaign:
    """Work at a running campaign until nothing is left, or it is paused or aborted.

    Who began it was asked for their role then: it goes on, whatever became of that since. Raises
    ConflictError where another process works at it.
    """
    workshop = replace(workshop, authority=SYSTEM)
    with workshop.campaigns.work(number) as alone:
        if not alone:
            raise ConflictError(
                f"Another process works at campaign {number} already",
                hint=f"Watch it: herdbook campaign show {number} --follow",
            )
        found = workshop.campaigns.find(number)
        if found is None:
            raise ConflictError(f"Campaign {number} is gone")
        with workshop.layers.lease(lease_of(number)):
            return _Work(workshop, found, Leave(workshop, number)).finish()


@dataclass
class _Work:
    """A campaign being worked at by this process."""

    workshop: Workshop
    campaign: Campaign
    leave: Leave
    homes: Homes = field(default_factory=Homes)
    checked: dict[ClassKey, str] = field(default_factory=dict)
    refuted: dict[ClassKey, Finding] = field(default_factory=dict)

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.workshop, self.campaign.targets)

    @cached_property
    def mover(self) -> MoveMaker:
        return MoveMaker(self.workshop, self.judge, self.campaign.targets)

    def finish(self) -> Campaign:
        """Do all that is left; return the campaign as it is then.

        Raises what is about no single image, such as NetworkError, once the campaign is paused.
        """
        number, trouble = self.campaign.number, None
        try:
            self._all_rounds()
        except StoppedError as stopped:
            trouble = stopped.error
        finally:
            self.workshop.advisories.match_new()
        self._bring_home()
        if trouble:
            raise trouble
        campaign = self.workshop.campaigns.find(number)
        if campaign is not None and campaign.state is CampaignState.RUNNING:
            now = self.workshop.clock.now()
            return self.workshop.campaigns.move(number, CampaignState.DONE, now)
        return campaign or self.campaign

    def _bring_home(self) -> None:
        number = self.campaign.number
        replaced, left = bring_locks_home(self.workshop.campaigns.lock_changes(number))
        for path in replaced:
            self.workshop.progress.say(f"The lock {path} has the new packages")
        for path, why in left:
            self.workshop.progress.say(f"The lock {path} is as it was: {why}")
        for follower in self.workshop.campaigns.followers(number):
            self.workshop.stamps.forget(follower.image)

    def _all_rounds(self) -> None:
        """Go on until a round finds nothing to do: others may change images while we look."""
        idle = 0
        while (done := self._one_round()) is not None:
            idle = 0 if done else idle + 1
            if idle == _MOST_IDLE_ROUNDS:
                self.leave.stop("images were changed again and again meanwhile")

    def _one_round(self) -> int | None:
        """Let images follow, those below others first.

        Returns how many did or could not; None where there is nothing left to do.
        """
        judgements = self._judgements()
        if not judgements:
            return None
        self.leave.require()
        # What stands on others is judged anew when those have followed.
        rebases = [each for each in judgements if each.way is Way.REBASE and not each.level]
        moved = self._rebase(rebases)
        built = self._build(self._refuted(judgements))
        return None if built is None and not rebases else moved + (built or 0)

    def _judgements(self) -> list[Judgement]:
        _, layers = outdated(self.workshop, self.campaign.sources, self.campaign.targets)
        try:
            return self._refuted(self.judge.judge(self.workshop.herd.classes(layers)))
        except (NetworkError, NoSpaceError) as error:
            return self.leave.stop(error)

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
        done, batch = 0, list[Move]()
        total = sum(each.of.images for each in ordered)
        with self.workshop.progress.task("Rebasing", total, "images") as task:
            for judgement in ordered:
                self.leave.require()
                move = self._checked(judgement)
                batch += [move] if move else []
                if not together or sum(each.of.images for each in batch) >= IMAGES_AT_ONCE:
                    done += self._move(batch, task)
                    batch = []
            done += self._move(batch, task)
        return done

    def _move(self, moves: Sequence[Move], task: Task) -> int:
        """Let the images of classes follow; classes with something damaged are built instead."""
        try:
            return self._follow(moves, task)
        except VerificationError as error:
            if len(moves) > 1:
                return sum(self._move([move], task) for move in moves)
            self._refute(moves[0].of.key, error)
            return 0

    def _follow(self, moves: Sequence[Move], task: Task) -> int:
        done, running = 0, {label.rpartition(":")[0] for label in self._running}
        total = sum(move.of.images for move in moves)
        while done < total:
            if done:
                self.leave.require()
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
        except (NetworkError, NoSpaceError, MissingToolError) as error:
            return self.leave.stop(error)
        except HerdbookError as error:
            self._refute(key, error)
            return None
        self.leave.kept(move.replaced.values())
        proof = move.proof.model_copy(update={"checked": self.checked[key]})
        return replace(move, proof=proof)

    def _refute(self, key: ClassKey, error: HerdbookError) -> None:
        finding = Finding(condition=Condition.LONG_WAY, way=Way.REBUILD, words=error.message)
        self.refuted[key] = finding
        self.workshop.progress.say(f"Not rebased after all: {error.message}")

    def _check(self, move: Move) -> str:
        if self.campaign.verify is Verify.NONE:
            return ""
        members = [*self.workshop.herd.members(move.of)]
        if self.campaign.verify is Verify.SAMPLE:
            return self._check_one(move, members[0]) if members else ""
        with self.workshop.progress.task("Checking", len(members), "images") as task:
            told = ""
            for member in members:
                self.leave.require()
                told = self._check_one(move, member)
                task.advance()
        return f"all {len(members)}: {told}" if len(members) > 1 else told

    def _check_one(self, move: Move, member: Member) -> str:
        progress = ProgressAbout(self.workshop.progress, f"Checking {member.image}")
        return check_rebase(replace(self.workshop, progress=progress), self.homes, move, member)

    def _build(self, judgements: Sequence[Judgement]) -> int | None:
        """Build the lowest images that have to be built.

        Returns how many were built or could not be; None where none has to be.
        """
        number = self.campaign.number
        failed = {each.image: each.words for each in self.workshop.campaigns.failures(number)}
        wanted: list[Rebuild] = []
        hopeless: list[Failure] = []
        for judgement in judgements:
            why = _why_hopeless(judgement, failed)
            if judgement.way is Way.REBASE and not why:
                continue
            for member in self.workshop.herd.members(judgement.of):
                known = failed.get(member.image)
                # What an image waits for may be told better once others have followed.
                if known is not None and (judgement.way is not Way.WAIT or known == why):
                    continue
                if why:
                    hopeless.append(Failure(member.image, member.number, why))
                else:
                    wanted.append(Rebuild(judgement, member))
        self.workshop.campaigns.fail(number, hopeless)
        if not wanted:
            return len(hopeless) or None
        lowest = min(each.judgement.level for each in wanted)
        first = [each for each in wanted if each.judgement.level == lowest]
        return len(hopeless) + self._build_all(sorted(first, key=self._urgency))

    def _urgency(self, wanted: Rebuild) -> tuple[bool, str]:
        return wanted.label not in self._running, wanted.member.image

    def _build_all(self, wanted: Sequence[Rebuild]) -> int:
        ended = unreachable = 0
        with self.workshop.progress.task("Building", len(wanted), "images") as task:
            for result in rebuild_all(
                self.workshop, self.mover, self.homes, self.campaign, self._given_leave(wanted)
            ):
                task.advance()
                self.leave.kept(result.new_layers)
                if result.error:
                    self.workshop.campaigns.fail(self.campaign.number, [result.failure])
                    self.workshop.progress.say(f"{result.image}: {result.failure.words}")
                ended += not result.overtaken
                unreachable = unreachable + 1 if isinstance(result.error, NetworkError) else 0
                gone = unreachable == _MOST_NETWORK_FAILURES
                if result.error and (gone or isinstance(result.error, NoSpaceError)):
                    self.workshop.campaigns.forgive(self.campaign.number)
                    self.leave.stop(result.error)
        return ended

    def _given_leave(self, wanted: Iterable[Rebuild]) -> Iterator[Rebuild]:
        for each in wanted:
            self.leave.require()
            self.leave.building.add(each.member.image)
            yield each


def _why_hopeless(judgement: Judgement, failed: Collection[str]) -> str:
    """Return why nothing can be done for images; nothing where something can."""
    if judgement.way is Way.WAIT:
        return "; ".join(each.words for each in judgement.findings if each.way is Way.WAIT)
    parent, waits = judgement.lock.parent, judgement.level or judgement.way is not Way.REBASE
    if parent and waits and parent.image in failed:
        return f"{parent.image}, which it is made from, could not follow"
    return ""
