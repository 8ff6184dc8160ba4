"""The real program as people run it, and the example shop."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loaded_program import run_forked

REPOSITORY = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("herdbook")
LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Herdbook:
    """The `herdbook` command with a state directory of its own."""

    state: Path
    wrapper: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its status."""
        words = list(map(str, arguments))
        if not self.wrapper:
            return run_forked(words, self.environment(), LIMIT_SECONDS)
        return subprocess.run(
            [*self.wrapper, str(PROGRAM), *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment the command runs in."""
        return {**os.environ, "HERDBOOK_STATE": str(self.state), **self.settings}

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
        """Run a command beside the test, until the block ends."""
        with subprocess.Popen(
            [PROGRAM, *arguments],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as program:
            try:
                yield program
            finally:
                program.kill()

    def must(self, *arguments: str | Path) -> str:
        """Run a command that has to succeed; return what it printed."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def json(self, *arguments: str | Path) -> Any:
        """Run a command for its JSON."""
        return json.loads(self.must(*arguments, "--json"))


@dataclass(frozen=True)
class Shop:
    """The example, copied to a folder of its own, locked and built."""

    herdbook: Herdbook
    folder: Path
    built: dict[str, Any]

    @property
    def recipe(self) -> Path:
        """The recipe file."""
        return self.folder / "herdbook.yaml"

    def layers(self, variant: str) -> dict[str, str]:
        """Return the digests of a variant's layers by title."""
        return layers_of(self.built, variant)


def layers_of(version: dict[str, Any], variant: str) -> dict[str, str]:
    """Return the digests of a variant's layers by title."""
    found = next(each for each in version["variants"] if each["kind"] == variant)
    return {layer["title"]: layer["digest"] for layer in found["layers"]}


def copy_shop(target: Path) -> Path:
    """Copy the example's own files, without a lock somebody may have left there."""
    return Path(
        shutil.copytree(
            REPOSITORY / "examples/shop/web", target, ignore=shutil.ignore_patterns("*.lock")
        )
    )


def herdbook_with(archive: Path, state: Path, *wrapper: str) -> Herdbook:
    """Return a command whose state is empty but for the packages that were fetched before."""
    (state / "archive").mkdir(parents=True)
    shutil.copytree(archive / "debs", state / "archive/debs", copy_function=os.link)
    if (archive.parent / "wheels").exists():
        shutil.copytree(archive.parent / "wheels", state / "wheels", copy_function=os.link)
    return Herdbook(state, wrapper)


def tool(*arguments: str | Path) -> str:
    """Run another program that has to succeed; return what it printed."""
    result = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def container_named(name: str) -> str:
    """Return what Podman calls an instance of ours."""
    names = tool("podman", "ps", "--format", "{{.Names}}").split()
    return next(each for each in names if each.endswith(name))
