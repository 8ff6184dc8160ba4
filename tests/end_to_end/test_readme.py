"""The README's commands do what they say, in the order they stand there."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from product import PROGRAM, REPOSITORY, Shop, herdbook_with

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.podman, pytest.mark.qemu]


def readme_commands() -> list[str]:
    """Return every line of the README's shell blocks that runs Herdbook."""
    blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("herdbook ")]


def test_the_readme_runs(shop: Shop, tmp_path: Path) -> None:
    herdbook = herdbook_with(shop.herdbook.state / "archive", tmp_path / "state")
    commands = readme_commands()
    assert len(commands) > 10
    for command in commands:
        words = shlex.split(command, comments=True)
        result = subprocess.run(
            [PROGRAM, *words[1:]],
            env=herdbook.environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stderr}"
    assert (tmp_path / "hello.oci/index.json").is_file()
    assert (tmp_path / "hello.qcow2").read_bytes()[:4] == b"QFI\xfb"
    assert herdbook.json("ps") == []
