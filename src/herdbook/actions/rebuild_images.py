"""Builds images of a campaign the long way, with nothing changed but what the patch asks for."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from herdbook.actions.asked_secrets import require_secrets
from herdbook.actions.build import build_inputs
from herdbook.actions.find_homes import Homes
from herdbook.actions.inputs import Inputs
from herdbook.actions.judge_classes import Judgement
from herdbook.actions.lock import lock as lock_recipe
from herdbook.actions.prepare import prepare
from herdbook.actions.prepare_moves import MoveMaker, proof_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, lock_path
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import Campaign, Failure
from herdbook.campaigns.ports import Member
from herdbook.catalogue.model import Cause, Version
from herdbook.core.errors import HerdbookError
from herdbook.core.progress import ProgressAbout


@dataclass(frozen=True)
class Rebuild:
    """An image that has to be built, and why."""

    judgement: Judgement
    member: Member

    @property
    def label(self) -> str:
        """The version that it stands at."""
        return f"{self.member.image}:{self.member.number}"


@dataclass(frozen=True)
class Rebuilt:
    """How a build ended; `new_bytes` are those of layers that the version before had not."""

    image: str
    failure: Failure | None = None
    new_bytes: int = 0


def rebuild_all(
    workshop: Workshop,
    mover: MoveMaker,
    homes: Homes,
    campaign: Campaign,
    wanted: Iterable[Rebuild],
) -> Iterator[Rebuilt]:
    """Build images, as many side by side as the budget says, and yield each as it ends.

    `wanted` is asked for the next one only when that can begin, and may raise to begin no more:
    those under way end before that is raised.
    """
    builder = _Builder(workshop, mover, homes, campaign)
    under_way: set[Future[Rebuilt]] = set()
    with ThreadPoolExecutor(campaign.budget.builds) as pool:
        try:
            for each in wanted:
                under_way.add(pool.submit(builder.build, each))
                if len(under_way) == campaign.budget.builds:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
        except BaseException as error:
            if not isinstance(error, Exception):  # somebody wants this process to end
                pool.shutdown(wait=False, cancel_futures=True)
                workshop.give_up()
            raise
        finally:
            done, _ = wait(under_way)
            yield from (future.result() for future in done)


@dataclass
class _Builder:
    """Builds images of one campaign; each lock is made anew once at most."""

    workshop: Workshop
    mover: MoveMaker
    homes: Homes
    campaign: Campaign
    locked: set[Path] = field(default_factory=set)

    def build(self, wanted: Rebuild) -> Rebuilt:
        """Build one image; what stands against it becomes its failure."""
        member = wanted.member
        workshop = replace(
            self.workshop, progress=ProgressAbout(self.workshop.progress, member.image)
        )
        try:
            inputs = self._inputs(workshop, wanted)
            require_secrets(inputs.recipe_file, workshop.secrets)
            proof = workshop.campaigns.keep_proof(self.campaign.number, proof_of(wanted.judgement))
            cause = Cause(self.campaign.number, proof, member.number)
            version = build_inputs(workshop, inputs, cause).version
        except HerdbookError as error:
            words = f"{error.message} {error.hint}".strip()
            return Rebuilt(member.image, Failure(member.image, member.number, words))
        return Rebuilt(
            member.image, self._still_holds(version), _new_bytes(workshop, member, version)
        )

    def _inputs(self, workshop: Workshop, wanted: Rebuild) -> Inputs:
        judgement = wanted.judgement
        if judgement.way is Way.REBUILD:
            return self.homes.inputs(wanted.member, self.mover.lock(judgement))
        recipe_file = self.homes.inputs(wanted.member, judgement.lock).recipe_file
        path = lock_path(recipe_file, judgement.lock.inputs)
        with workshop.turns.turn(str(path)):
            if path not in self.locked:
                lock_recipe(workshop, recipe_file)
                self.locked.add(path)
        (inputs,) = prepare(workshop, [recipe_file])
        return inputs

    def _still_holds(self, version: Version) -> Failure | None:
        lock = Lock.model_validate_json(version.lock)
        found = self.mover.judge.found
        left = [old.label for old, _ in (*found.below(lock), *found.own(lock))]
        if found.python(lock) is not None or found.python_below(lock):
            left.append("older Python packages")
        if not left:
            return None
        words = f"it was built anew, and still holds {', '.join(left)}"
        return Failure(version.image, version.number, words)


def _new_bytes(workshop: Workshop, member: Member, version: Version) -> int:
    before = workshop.versions.find(member.image, member.number)
    held = {layer.digest for each in before.variants for layer in each.layers} if before else set()
    layers = {layer.digest: layer.size for each in version.variants for layer in each.layers}
    return sum(size for digest, size in layers.items() if digest not in held)
