"""What the steps above a root work with, and how they run a command in the sandbox."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from herdbook.actions.inputs import Inputs
from herdbook.actions.make_roots import RootMaker, Step
from herdbook.actions.workshop import Workshop
from herdbook.builds import service
from herdbook.builds.ports import Job, Outcome
from herdbook.builds.roots import install_environment
from herdbook.core.errors import HerdbookError, StepFailedError, TimeoutExpiredError
from herdbook.core.progress import Task
from herdbook.images.documents import SERVICE_PATH
from herdbook.recipes.reading import RecipeFile

_LAST_LINES = 15
_SHELL = ("sh", "-euc")
_TOLD_EVERY_SECONDS = 0.1
_TOLD_LENGTH = 45
_TITLE_LENGTH = 25


@dataclass(frozen=True)
class Bench:
    """Where to work, for which recipe, on which root."""

    workshop: Workshop
    inputs: Inputs
    maker: RootMaker
    steps: Sequence[Step]

    @property
    def recipe_file(self) -> RecipeFile:
        """The recipe with its place."""
        return self.inputs.recipe_file

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        below = self.maker.foundation.process.environment.get("PATH", SERVICE_PATH)
        path = service.search_path(self.recipe_file.recipe, below)
        return {**install_environment(self.maker.suite), "PATH": path}


def sandboxed(bench: Bench, job: Job, where: str = "", task: Task | None = None) -> None:
    """Run a command; raises StepFailedError with the end of what it printed.

    `task` shows its last line while it runs.
    """
    title = repr(shown(job.command))
    outcome = attempted(bench, job, title, where, task)
    if outcome.status:
        tail = "\n".join(outcome.output.splitlines()[-_LAST_LINES:])
        raise StepFailedError(
            f"{title} ended with status {outcome.status}:\n{tail}",
            hint="It ran as root in the image's root, without network. Nothing was kept of it.",
            where=where,
        )


def words_of(command: Sequence[str]) -> Sequence[str]:
    """Return what is run for a recipe's command: a single line is one for the shell."""
    return [*_SHELL, *command] if len(command) == 1 else command


def shown(command: Sequence[str]) -> str:
    """Return a command as its author wrote it, in one line."""
    own = command[len(_SHELL) :] if tuple(command[: len(_SHELL)]) == _SHELL else command
    first, *more = " ".join(own).strip().split("\n")
    return f"{first} ..." if more else first


def attempted(bench: Bench, job: Job, title: str, where: str, task: Task | None = None) -> Outcome:
    """Run a job and return how it ended, without the secrets in what it printed."""
    try:
        outcome = bench.workshop.sandbox.run(job, _telling(bench, title, task) if task else None)
    except TimeoutExpiredError as error:
        raise TimeoutExpiredError(
            f"{title} took longer than {job.limit_seconds / 60:.0f} minutes and was stopped",
            hint="It has no network, no keyboard and no services to wait for. Nothing was kept.",
            where=where,
        ) from error
    except HerdbookError as error:
        error.message = bench.workshop.secrets.redacted(error.message)
        raise
    return Outcome(outcome.status, bench.workshop.secrets.redacted(outcome.output))


def _telling(bench: Bench, title: str, task: Task) -> Callable[[str], None]:
    """Return what shows a line that was printed as what is being done, now and then."""
    told_at = 0.0

    def tell(line: str) -> None:
        nonlocal told_at
        now = bench.workshop.clock.monotonic_seconds()
        if now - told_at < _TOLD_EVERY_SECONDS:
            return
        last = bench.workshop.secrets.redacted(line).strip().rpartition("\r")[2]
        if text := "".join(each for each in last if each.isprintable()).rstrip(" *"):
            told_at = now
            task.describe(f"{title[:_TITLE_LENGTH]}: {text[:_TOLD_LENGTH]}")

    return tell
