"""Finds the recipes that versions were built from, as long as they are what they were then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from herdbook.actions.inputs import Inputs, inputs_of
from herdbook.builds.arrangement import arrangement_in
from herdbook.builds.keys import files_key, wishes_key
from herdbook.builds.lock import Lock, is_answered, lock_path_at, read_lock, render
from herdbook.builds.patching import as_in_recipes
from herdbook.builds.playbooks import read_playbooks
from herdbook.builds.sources import collect
from herdbook.campaigns.model import LockChange
from herdbook.campaigns.ports import Member
from herdbook.core.errors import ConflictError, HerdbookError, NotFoundError
from herdbook.core.whole_files import write_whole
from herdbook.recipes.catalogue import recipes_in
from herdbook.recipes.reading import RecipeFile


@dataclass
class Homes:
    """The recipes of a register's versions; a catalogue that made many is read once."""

    _read: dict[str, Mapping[str, RecipeFile]] = field(default_factory=dict)

    def inputs(self, member: Member, lock: Lock) -> Inputs:
        """Return what goes into a build of an image, with a lock that says how it is arranged.

        Raises NotFoundError where the recipe is gone, ConflictError where it or its files are not
        what the version was built from: a campaign brings a patch, and nothing else along with it.
        """
        found = inputs_with(self._recipe(member), lock)
        if found is None or found.wishes != member.wishes:
            raise ConflictError(
                f"Its recipe or its files have changed since version {member.number}",
                hint=f"Build it yourself: herdbook build {member.home}",
            )
        return found

    def _recipe(self, member: Member) -> RecipeFile:
        if member.home not in self._read:
            try:
                found = recipes_in([Path(member.home)]) if member.home else []
            except HerdbookError as error:
                raise NotFoundError(f"Its recipe cannot be read: {error.message}") from error
            self._read[member.home] = {each.recipe.image: each for each in found}
        recipe_file = self._read[member.home].get(member.image)
        if recipe_file is None:
            raise NotFoundError(f"{member.home or 'No file'} does not make this image any more")
        return recipe_file


def inputs_with(recipe_file: RecipeFile, lock: Lock) -> Inputs | None:
    """Return what goes into a build of a recipe, with a lock that says how it is arranged.

    None where the lock was made for other wishes, or does not arrange just what it names.
    """
    sources, playbooks = tuple(collect(recipe_file)), read_playbooks(recipe_file)
    own, arrangement = as_in_recipes(lock), arrangement_in(lock)
    if inputs_of(recipe_file) != lock.inputs or not is_answered(recipe_file.recipe, lock):
        return None
    if not arrangement.is_of(lock, recipe_file.recipe.variants):
        return None
    wishes = wishes_key(recipe_file.recipe, files_key(sources, playbooks.values()))
    return Inputs(recipe_file, own, sources, arrangement, wishes, playbooks)


def bring_locks_home(
    changes: Iterable[LockChange],
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Put new locks where the old ones lie; return which were replaced, and why others were not.

    One that somebody has changed meanwhile stays as it is.
    """
    replaced: list[Path] = []
    left: list[tuple[Path, str]] = []
    for change in changes:
        old = as_in_recipes(Lock.model_validate_json(change.old))
        new = as_in_recipes(Lock.model_validate_json(change.new))
        path = lock_path_at(Path(change.home), old)
        try:
            present = read_lock(path)
            if present == old:
                write_whole(path, render(new).encode(), mode=0o644)
                replaced.append(path)
            elif present != new:
                left.append((path, "somebody has changed it"))
        except NotFoundError:
            left.append((path, "it is not there any more"))
        except HerdbookError as error:
            left.append((path, error.message))
        except OSError as error:
            left.append((path, f"it cannot be written ({error.strerror})"))
    return replaced, left
