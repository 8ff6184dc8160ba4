"""The real cosign, from the packages of trixie: this suite's machines do not have it installed."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.progress import NoProgress
from herdbook.drivers.apt import AptArchive
from herdbook.packages.suites import SUITES

_LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Cosign:
    """The program, and a folder in which it keeps what it wants."""

    program: Path
    home: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its status."""
        return subprocess.run(
            [str(self.program), *map(str, arguments)],
            env={**os.environ, "HOME": str(self.home), "COSIGN_PASSWORD": "secret"},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_SECONDS,
        )

    def must(self, *arguments: str | Path) -> str:
        """Run a command that has to succeed; return what it printed."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout


def fetch_cosign(archive: Path, folder: Path) -> Cosign:
    """Fetch the package, verified like every other one, and unpack it."""
    debian = AptArchive(archive, None)
    packages = debian.resolve(SUITES["trixie"], [["cosign"]], NoProgress(), essential=False).sets[0]
    wanted = [each for each in packages if each.name == "cosign"]
    debian.fetch(wanted, NoProgress())
    subprocess.run(["dpkg-deb", "-x", debian.kept(wanted[0]), folder], check=True)
    return Cosign(folder / "usr/bin/cosign", folder)
