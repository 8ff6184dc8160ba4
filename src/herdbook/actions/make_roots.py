"""Makes roots: packages installed by the real dpkg, step on step, then split into layers."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from herdbook.actions.foundation import Foundation
from herdbook.actions.keep_layers import keep, kept_layers, opener, require_equal, stacked
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
from herdbook.core.given_secrets import GivenSecrets
from herdbook.images.documents import LayerReference
from herdbook.layers.contents import merged_tar
from herdbook.layers.extracting import unpack
from herdbook.layers.factoring import factor
from herdbook.layers.scanning import scan
from herdbook.packages.control import Control, parse_control, source_of, stanza
from herdbook.packages.deb import control_files
from herdbook.packages.model import LockedPackage
from herdbook.packages.ordering import stages, together
from herdbook.packages.suites import Suite

Step = Sequence[LockedPackage]


@dataclass(frozen=True)
class RootMaker:
    """Makes the roots on one foundation; each is a chain of folders, one for each step.

    `controls` says by name what the packages of all steps need.
    """

    workshop: Workshop
    suite: Suite
    controls: Mapping[str, Control]
    foundation: Foundation

    def whole(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Return steps each of which has all it needs in itself or below."""
        below = self.foundation.controls
        controls = [*(below | dict(self.controls)).values()]
        names = [[package.name for package in step] for step in steps]
        return tuple(
            tuple(package for number in group for package in steps[number])
            for group in together(names, controls, below)
        )

    def key(self, steps: Sequence[Step]) -> Digest:
        """Name the root that these steps make."""
        return root_key(self.suite.name, self.foundation.key, *steps)

    def folders(self, steps: Sequence[Step]) -> list[Path]:
        """Return the root's folders, the lowest first, installing what is not there yet."""
        lower: list[Path] = []
        if self.foundation.layers:
            lower.append(self._folder(self.key([]), self._lay_foundation))
        for count in range(1, len(steps) + 1):
            install = partial(self._install, tuple(lower), steps[:count])
            lower.append(self._folder(self.key(steps[:count]), install))
        return lower

    def _folder(self, name: Digest, fill: Callable[[Path], None]) -> Path:
        """Return the folder of one step, filled if it is not there yet, and then all of it."""
        folder = self.workshop.roots / digests.hexadecimal(name)
        with self.workshop.turns.turn(name):
            if folder.exists():
                os.utime(folder)  # a root that is used is not garbage
                return folder
            with self.workshop.staging() as staging:
                upper = staging / "root"
                upper.mkdir(mode=0o755)
                fill(upper)
                self.workshop.sandbox.settle(upper)
                folder.parent.mkdir(parents=True, exist_ok=True)
                try:
                    upper.rename(folder)
                except OSError:  # another process has made the same root meanwhile
                    if not folder.exists():
                        raise
        return folder

    def _lay_foundation(self, folder: Path) -> None:
        with self.workshop.progress.task("Unpacking the image below"):
            unpack(merged_tar(kept_layers(self.workshop, self.foundation.layers)), folder)

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
        with self.workshop.turns.turn(work):
            return self.workshop.cache.recall(work) or self._configured(steps, packages, work)

    def _configured(
        self, steps: Sequence[Step], packages: Sequence[LayerReference], work: Digest
    ) -> tuple[LayerReference, ...]:
        folders = self.folders(steps)
        with self.workshop.progress.task("Reading the root"):
            scanned = dict(self.foundation.tree)
            for folder in folders[1:] if scanned else folders:
                scanned = scan(folder, scanned)
        below = stacked(self.workshop, [*self.foundation.layers, *packages])
        factored = factor(scanned, below, self.suite.epoch)
        parts = {
            "bytecode": factored.bytecode,
            "config": factored.config,
            "database": factored.database,
        }
        # No step has run yet: what looks like a given secret here is public.
        public = replace(self.workshop, secrets=GivenSecrets())
        with self.workshop.progress.task("Writing configuration layers"):
            made = tuple(
                keep(public, title, tree, opener(folders)) for title, tree in parts.items() if tree
            )
        everything = [*self.foundation.layers, *packages, *made]
        require_equal(factored.root, stacked(self.workshop, everything), "The stack")
        for name in (work, self.key(steps)):  # the latter is what `prepare` looks for
            self.workshop.cache.remember(name, made)
        return made

    def _install(self, lower: Sequence[Path], steps: Sequence[Step], upper: Path) -> None:
        below = self.foundation.controls
        own = {package.name: self.controls[package.name] for step in steps for package in step}
        before = {*below, *(package.name for step in steps[:-1] for package in step)}
        new = {package.name for package in steps[-1]}
        order = stages([*(below | own).values()], before - new)
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
        clean(upper)


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
