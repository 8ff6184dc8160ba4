"""Decides how an Ansible playbook is played against an image's root: files, command, complaint."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from herdbook.builds.layer_plan import PLAN_NAME
from herdbook.builds.lock import LOCKS_FOLDER
from herdbook.builds.ports import IMAGE_FOLDER
from herdbook.builds.sources import Source, collect_folder
from herdbook.core.digests import of_bytes, of_file
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.layers.tree import Kind
from herdbook.recipes.model import PlaybookStep
from herdbook.recipes.reading import RecipeFile

TOOLS_SUITE = "trixie"
"""Whose Ansible plays against every image: ansible-core 2.19 takes targets with Python 3.8 to 3.13,
which are all supported suites; older ones do not know the Python of the newest."""

TOOLS_PACKAGES = ("ansible-core",)

FOLDER = "/run/herdbook/playbook"
"""Where Ansible sees the folder that holds the playbook."""

PARTS_FOLDER = "/run/herdbook/ansible"
"""Where Ansible sees what Herdbook adds: connection, inventory, variables."""

_HOST = "image"
_INIT = "init"
_PLUGIN = Path(__file__).parent / "ansible_plugins/herdbook.py"
_INTERPRETER = "/usr/bin/python3"
_NOISE = re.compile(r"\s*$|\s+(changed|delta|start|end|stdout_lines|stderr_lines): ")
"""What Ansible adds to every result and helps nobody to find out what went wrong."""


@dataclass(frozen=True)
class Playbook:
    """A playbook with everything in its folder, as it is now."""

    name: str
    step: PlaybookStep
    sources: tuple[Source, ...]

    def identity(self) -> list[object]:
        """Return all that makes a difference to what is played; secrets count by name alone."""
        return [
            "ansible",
            command(self),
            environment({}),
            {name: of_bytes(content) for name, content in parts(self.step).items()},
            list(self.step.secrets),
            [source.identity() for source in self.sources],
        ]


def read_playbooks(recipe_file: RecipeFile) -> dict[int, Playbook]:
    """Return the recipe's playbooks by the number of their step.

    Raises NotFoundError for one that is not there, InvalidInputError for a folder that cannot be
    taken (see sources.collect).
    """
    return {
        number: _read(recipe_file, step, recipe_file.where("run", number, "ansible"))
        for number, step in enumerate(recipe_file.recipe.run)
        if isinstance(step, PlaybookStep)
    }


def _read(recipe_file: RecipeFile, step: PlaybookStep, where: str) -> Playbook:
    written = PurePosixPath(step.ansible)
    if not (recipe_file.folder / written).is_file():
        raise NotFoundError(
            f"There is no playbook {step.ansible!r}",
            hint=f"Paths are relative to the recipe's folder, {recipe_file.folder.absolute()}.",
            where=where,
        )
    # The recipe and what Herdbook writes may lie in the same folder; they count by themselves.
    folder, recipe = recipe_file.folder, recipe_file.path
    names = (recipe.name, recipe.with_suffix(".lock").name, PLAN_NAME, LOCKS_FOLDER)
    own = {(folder / name).resolve() for name in names}
    found = collect_folder(recipe_file.folder, str(written.parent), where)
    return Playbook(
        written.name,
        step,
        tuple(each for each in found if own.isdisjoint((each.path, *each.path.parents))),
    )


def lay_out(playbook: Playbook, target: Path) -> None:
    """Copy a playbook's folder, exactly as it counts: modes by the rules, nothing left out.

    Raises VerificationError for a file that changed since it was read.
    """
    for source in playbook.sources:
        path = target / source.target
        if source.kind is Kind.DIRECTORY:
            path.mkdir(mode=0o755, parents=True)
        elif source.kind is Kind.SYMLINK:
            path.symlink_to(source.link)
        else:
            shutil.copyfile(source.path, path)
            path.chmod(source.mode)
            if of_file(path) != source.digest:
                raise VerificationError(
                    f"{source.path} changed during the build", hint="Run the build again."
                )


def parts(step: PlaybookStep) -> dict[str, bytes]:
    """Return the files below PARTS_FOLDER."""
    host = {
        "ansible_connection": "herdbook",
        "ansible_user": "root",
        "ansible_python_interpreter": _INTERPRETER,
    }
    return {
        "herdbook.py": _PLUGIN.read_bytes(),
        "inventory.json": json.dumps({"all": {"hosts": {_HOST: host}}}).encode(),
        "variables.json": json.dumps(dict(step.variables)).encode(),
        _INIT: b"systemd\n",
    }


def shown(folder: Path, parts: Path) -> dict[Path, str]:
    """Return where Ansible sees the playbook's folder and the parts.

    Ansible asks the first process of a machine how services are managed there. In the sandbox, it
    is told what it will be once the image runs: so `service` enables units, as `systemd` does.
    """
    return {
        folder: FOLDER,
        parts: PARTS_FOLDER,
        parts / _INIT: f"{IMAGE_FOLDER}/proc/1/comm",
    }


def command(playbook: Playbook) -> list[str]:
    """Return what plays it, from within FOLDER."""
    return [
        *("ansible-playbook", "--inventory", f"{PARTS_FOLDER}/inventory.json"),
        *("--extra-vars", f"@{PARTS_FOLDER}/variables.json", playbook.name),
    ]


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Ansible: that of other steps, and settings no ansible.cfg changes.

    Commands in the image get it without Ansible's own part. Everything temporary is in /tmp, which
    is memory.
    """
    return {
        **base,
        "ANSIBLE_BECOME_METHOD": "su",  # from root it needs no more than every image has
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_CONNECTION_PLUGINS": PARTS_FOLDER,
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
        "ANSIBLE_HOME": "/tmp/ansible",  # noqa: S108 - inside
        "ANSIBLE_HOST_PATTERN_MISMATCH": "error",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_REMOTE_TMP": "/tmp/.ansible",  # noqa: S108 - inside
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_SU_FLAGS": "-s /bin/sh",  # for accounts that nobody may log in to
        "ANSIBLE_SYSTEM_TMPDIRS": "/tmp",  # noqa: S108 - inside
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def complaint(output: str) -> str:
    """Return what Ansible says of the task that failed: its title, its place and its result.

    Where no task failed, all that was said.
    """
    said = output.partition("\nPLAY RECAP")[0].replace(f"{FOLDER}/", "")
    title = max(said.rfind("\nTASK ["), said.rfind("\nRUNNING HANDLER ["))
    about, failed, result = said[title + 1 :].partition("\nfatal: ")
    lines = [line for line in about.splitlines() if line.strip()]
    if failed:
        place = [line for line in lines if line.startswith("Origin: ")]
        lines = [lines[0].rstrip(" *"), *place, *f"fatal: {result}".splitlines()]
    return "\n".join(line for line in lines if not _NOISE.match(line))


def advice(output: str) -> str:
    """Return the next step after a failure."""
    if f"{_INTERPRETER}: not found" in output:
        return "Modules need Python in the image: add python3 to `packages`, or use `raw` tasks."
    if "Could not match supplied host pattern" in output:
        return f"The image is the only host, {_HOST!r}: write `hosts: all`."
    if "Failed to find required executable" in output:
        return "Add the package that holds this program to `packages`."
    return (
        "It was played against the image's root, without network and without running services. "
        "Packages belong into the recipe's `packages`. Nothing was kept of it."
    )
