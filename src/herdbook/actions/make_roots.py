"""Makes roots: packages installed by the real dpkg, step on step, then split into layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.keep_layers import keep, opener, require_equal, stacked
from herdbook.actions.workshop import Workshop
from herdbook.builds.cleaning import clean
from herdbook.builds.keys import key, root_key
from herdbook.builds.ports import Job
from herdbook.builds.roots import (
    DEBS_FOLDER,
    install_environment,
    install_script,
    make_skeleton,
)
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import StepFailedError, VerificationError
from herdbook.images.documents import LayerReference
from herdbook.layers.factoring import factor
from herdbook.layers.scanning import scan
from herdbook.layers.tree import Entry
from herdbook.packages.control import Control, parse_control, source_of, stanza
from herdbook.packages.deb import control_files
from herdbook.packages.model import LockedPackage
from herdbook.packages.ordering import stages
from herdbook.packages.suites import Suite

Step = Sequence[LockedPackage]


@dataclass(frozen=True)
class RootMaker:
    """Makes the roots of one suite; every root is a chain of folders, one for each step.

    `controls` says by name what the packages of all steps need.
    """

    workshop: Workshop
    suite: Suite
    controls: Mapping[str, Control]

    def key(self, steps: Sequence[Step]) -> Digest:
        """Name the root that these steps make."""
        return root_key(self.suite.name, *steps)

    def folders(self, steps: Sequence[Step]) -> list[Path]:
        """Return the root's folders, the lowest first, installing what is not there yet."""
        lower: list[Path] = []
        for count in range(1, len(steps) + 1):
            folder = self.workshop.roots / digests.hexadecimal(self.key(steps[:count]))
            if not folder.exists():
                with self.workshop.staging() as staging:
                    upper = staging / "root"
                    upper.mkdir(mode=0o755)
                    self._install(lower, upper, steps[:count])
                    clean(upper)
                    self.workshop.sandbox.settle(upper)
                    folder.parent.mkdir(parents=True, exist_ok=True)
                    # Somebody else's build may have made the same root meanwhile.
                    if not folder.exists():
                        upper.rename(folder)
            lower.append(folder)
        return lower

    def prepare(self, steps: Sequence[Step]) -> None:
        """Install a root's packages now if its layers will have to be read from it."""
        if self.workshop.cache.recall(self.key(steps)) is None:
            self.folders(steps)

    def configured(
        self, steps: Sequence[Step], packages: Sequence[LayerReference]
    ) -> tuple[LayerReference, ...]:
        """Return the layers that configuration made on top of the packages' own.

        Raises VerificationError where all of them together are not the root, file by file.
        """
        work = key("configured", self.key(steps), [layer.digest for layer in packages])
        if known := self.workshop.cache.recall(work):
            return known
        folders = self.folders(steps)
        with self.workshop.progress.task("Reading the root"):
            scanned: dict[str, Entry] = {}
            for folder in folders:
                scanned = scan(folder, scanned)
        below = stacked(self.workshop, packages)
        factored = factor(scanned, below, self.suite.epoch)
        parts = {
            "bytecode": factored.bytecode,
            "config": factored.config,
            "database": factored.database,
        }
        with self.workshop.progress.task("Writing configuration layers"):
            made = tuple(
                keep(self.workshop, title, tree, opener(folders))
                for title, tree in parts.items()
                if tree
            )
        require_equal(factored.root, stacked(self.workshop, [*packages, *made]), "The stack")
        for name in (work, self.key(steps)):  # the latter is what `prepare` looks for
            self.workshop.cache.remember(name, made)
        return made

    def _install(self, lower: Sequence[Path], upper: Path, steps: Sequence[Step]) -> None:
        controls = [self.controls[package.name] for step in steps for package in step]
        before = [package.name for step in steps[:-1] for package in step]
        order = stages(controls, before)
        kept = {
            package.name: self.workshop.archive.kept(package) for step in steps for package in step
        }
        if not lower:
            make_skeleton(upper)
            with self.workshop.progress.task("Unpacking the essential packages"):
                self.workshop.sandbox.unpack([kept[name] for name in order[0]], upper)
        names = {name: path.name for name, path in kept.items()}
        title = f"Installing {len(steps[-1])} packages"
        with self.workshop.progress.task(title):
            outcome = self.workshop.sandbox.run(
                Job(
                    lower=lower,
                    upper=upper,
                    command=["sh", "-euc", install_script(order, names, from_nothing=not lower)],
                    environment=install_environment(self.suite),
                    shown={next(iter(kept.values())).parent: DEBS_FOLDER},
                )
            )
        if outcome.status:
            tail = "\n".join(outcome.output.splitlines()[-15:])
            raise StepFailedError(
                f"The packages could not be installed (status {outcome.status}):\n{tail}",
                hint="A package's script failed in the sandbox, which has no network and no "
                "devices. Leave that package out, or report it.",
            )


def control_of(workshop: Workshop, package: LockedPackage) -> Control:
    """Return what a kept package says of itself.

    Raises VerificationError where that is not what the lock says of it.
    """
    text = control_files(workshop.archive.kept(package))["control"].content.decode()
    control, source = parse_control(text), source_of(stanza(text))
    found = (control.name, control.version, control.architecture, *source)
    locked = (package.name, package.version, package.architecture)
    if found != (*locked, package.source, package.source_version):
        raise VerificationError(
            f"The lock calls a package {package.label} that is {control.name} {control.version}",
            hint="Locks are not edited by hand. Make it again: herdbook lock",
        )
    return control
