"""Plays an Ansible playbook against an image's root, from a root of tools, in the sandbox."""

from collections.abc import Sequence
from pathlib import Path

from herdbook.actions.bench import Bench, attempted
from herdbook.actions.lock_tools import tools_root
from herdbook.builds import playbooks
from herdbook.builds.playbooks import Playbook
from herdbook.builds.ports import Job
from herdbook.core.errors import InvalidInputError, StepFailedError


def play(bench: Bench, playbook: Playbook, lower: Sequence[Path], upper: Path, where: str) -> None:
    """Play a playbook on folders; raises StepFailedError with what Ansible says of its task."""
    workshop, locked = bench.workshop, bench.inputs.lock.ansible
    if locked is None:
        raise InvalidInputError(
            "The lock lacks Ansible, which this step needs",
            hint="Make it again: herdbook lock",
            where=where,
        )
    tools = tools_root(workshop, locked)
    title = f"Playing {playbook.step.ansible}"
    with workshop.staging() as staging, workshop.progress.task(title) as task:
        folder, parts = staging / "playbook", staging / "parts"
        for made in (folder, parts):
            made.mkdir(mode=0o755)
        playbooks.lay_out(playbook, folder)
        for name, content in playbooks.parts(playbook.step).items():
            (parts / name).write_bytes(content)
        job = Job(
            lower=lower,
            upper=upper,
            command=playbooks.command(playbook),
            environment=playbooks.environment(bench.environment),
            shown=playbooks.shown(folder, parts),
            secrets=workshop.secrets.contents(playbook.step.secrets),
            tools=tools,
            directory=playbooks.FOLDER,
        )
        outcome = attempted(bench, job, f"The playbook {playbook.step.ansible!r}", where, task)
    if outcome.status:
        raise StepFailedError(
            f"The playbook {playbook.step.ansible!r} failed:\n"
            + playbooks.complaint(outcome.output),
            hint=playbooks.advice(outcome.output),
            where=where,
        )
