"""Builds images of a campaign the long way, with nothing changed but what the patch asks for."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from herdbook.actions.ask_leave import StoppedError
from herdbook.actions.asked_secrets import require_secrets
from herdbook.actions.build import build_inputs
from herdbook.actions.find_homes import Homes
from herdbook.actions.inputs import Inputs
from herdbook.actions.judge_classes import Judgement
from herdbook.actions.lock import lock as lock_recipe
from herdbook.actions.prepare import prepare
from herdbook.actions.prepare_moves import MoveMaker, proof_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, lock_path, read_lock
from herdbook.builds.patching import as_in_recipes
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import Campaign, Failure
from herdbook.campaigns.ports import Member
from herdbook.catalogue.model import Cause, Version
from herdbook.core.errors import ConflictError, HerdbookError, UnsatisfiableError
from herdbook.core.progress import ProgressAbout
from herdbook.images.documents import LayerReference


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
    """How a build ended: with layers that the version before had not, or with an error.

    One that was `overtaken` did nothing: somebody else had built the image meanwhile.
    """

    member: Member
    new_layers: tuple[LayerReference, ...] = ()
    error: HerdbookError | None = None
    overtaken: bool = False

    @property
    def image(self) -> str:
        """The image's name."""
        return self.member.image

    @property
    def failure(self) -> Failure:
        """The error as a campaign keeps it."""
        return Failure(self.member.image, self.member.number, _in_words(self.error))


def _in_words(error: HerdbookError | None) -> str:
    """Return an error in one line: there may be very many of them in a report."""
    if error is None:
        return ""
    first = error.message.partition("\n")[0].rstrip(".:")
    return f"{first}. {error.hint}".strip()


def rebuild_all(
    workshop: Workshop,
    mover: MoveMaker,
    homes: Homes,
    campaign: Campaign,
    wanted: Iterable[Rebuild],
) -> Iterator[Rebuilt]:
    """Build images, as many side by side as the budget says, and yield each as it ends.

    `wanted` is asked for the next one only when that can begin, and may raise StoppedError to begin
    no more: those under way are yielded before that is raised. Where nobody asks for the rest, they
    end by themselves.
    """
    builder = _Builder(workshop, mover, homes, campaign)
    with ThreadPoolExecutor(campaign.budget.builds) as pool:
        try:
            yield from _as_they_end(pool, builder.build, wanted, campaign.budget.builds)
        except (Exception, GeneratorExit):
            raise
        except BaseException:  # somebody wants this process to end
            pool.shutdown(wait=False, cancel_futures=True)
            workshop.give_up()
            raise


def _as_they_end(
    pool: Executor, build: Callable[[Rebuild], Rebuilt], wanted: Iterable[Rebuild], most: int
) -> Iterator[Rebuilt]:
    under_way: set[Future[Rebuilt]] = set()
    try:
        for each in wanted:
            under_way.add(pool.submit(build, each))
            if len(under_way) == most:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
    except StoppedError:
        yield from (future.result() for future in under_way)
        raise
    yield from (future.result() for future in under_way)


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
        if self._is_overtaken(member):
            return Rebuilt(member, overtaken=True)
        try:
            inputs = self._inputs(workshop, wanted)
            require_secrets(inputs.recipe_file, workshop.secrets)
            proof = workshop.campaigns.keep_proof(self.campaign.number, proof_of(wanted.judgement))
            cause = Cause(self.campaign.number, proof, member.number)
            version = build_inputs(workshop, inputs, cause).version
            self._require_new(version)
        except HerdbookError as error:
            if isinstance(error, ConflictError) and self._is_overtaken(member):
                return Rebuilt(member, overtaken=True)
            return Rebuilt(member, error=error)
        return Rebuilt(member, _new_layers(workshop, member, version))

    def _is_overtaken(self, member: Member) -> bool:
        """Tell whether an image has another version by now: it is judged again, as it is."""
        newest = self.workshop.versions.find(member.image)
        return newest is None or newest.number != member.number

    def _inputs(self, workshop: Workshop, wanted: Rebuild) -> Inputs:
        judgement = wanted.judgement
        if judgement.way is Way.REBUILD:
            return self.homes.inputs(wanted.member, self.mover.lock(judgement))
        recipe_file = self.homes.inputs(wanted.member, judgement.lock).recipe_file
        path = lock_path(recipe_file, judgement.lock.inputs)
        with workshop.turns.turn(str(path)):
            if path not in self.locked:
                _require_unchanged(path, judgement.lock)
                lock_recipe(workshop, recipe_file)
                self.locked.add(path)
        (inputs,) = prepare(workshop, [recipe_file])
        return inputs

    def _require_new(self, version: Version) -> None:
        """Raise UnsatisfiableError where a version that was built anew still holds what is old."""
        lock = Lock.model_validate_json(version.lock)
        found = self.mover.judge.found
        left = [old.label for old, _ in (*found.below(lock), *found.own(lock))]
        if found.has_old_python(lock):
            left.append("older Python packages")
        if left:
            raise UnsatisfiableError(f"it was built anew, and still holds {', '.join(left)}")


def _require_unchanged(path: Path, lock: Lock) -> None:
    """Raise ConflictError where somebody has changed a lock since a version was built from it."""
    if path.exists() and read_lock(path) != as_in_recipes(lock):
        raise ConflictError(
            f"The lock {path} was changed since the version was built",
            hint="Build it yourself: herdbook build",
        )


def _new_layers(workshop: Workshop, member: Member, version: Version) -> tuple[LayerReference, ...]:
    before = workshop.versions.find(member.image, member.number)
    held = {layer.digest for each in before.variants for layer in each.layers} if before else set()
    layers = {layer.digest: layer for each in version.variants for layer in each.layers}
    return tuple(layer for digest, layer in layers.items() if digest not in held)
