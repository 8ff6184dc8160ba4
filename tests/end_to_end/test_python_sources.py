"""Python packages that are built from source: by a compiler that the image never holds."""

from pathlib import Path

import pytest
from product import herdbook_with
from tiny import Tiny, assert_clear

pytestmark = [pytest.mark.root, pytest.mark.archive]

RECIPE = """\
image: t/built
from: debian:bookworm
packages: [python3, libpq5]
python:
  requirements: requirements.txt
  from_source: [psycopg2]
  build_packages: [libpq-dev]
run:
  - "/opt/venv/bin/python -c 'import psycopg2; print(psycopg2.__version__)' >/etc/built"
  - "! command -v gcc && ! test -e /usr/include/postgresql"
variants: [container]
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "requirements.txt").write_text("psycopg2==2.9.9\nbottle\n")
    recipe = folder / "herdbook.yaml"
    recipe.write_text(text)
    return recipe


def test_a_package_in_c_is_built_alike_in_two_places_and_leaves_no_compiler(
    tiny: Tiny, tmp_path: Path
) -> None:
    """Its own steps import it and look for the compiler; built again, it has the same digest."""
    recipe = write(tmp_path / "one", RECIPE)
    here = herdbook_with(tiny.state / "archive", tmp_path / "here")
    built = here.json("build", recipe)
    there = herdbook_with(here.state / "archive", tmp_path / "there")
    (here.state / "roots").rename(there.state / "roots")  # installed once is enough
    again = there.run("build", recipe)
    assert built["digest"] in again.stdout, again.stderr
    assert "from source" in again.stderr


def test_a_build_that_fails_says_what_may_be_missing(tiny: Tiny, tmp_path: Path) -> None:
    lines = [line for line in RECIPE.splitlines() if "build_packages" not in line]
    recipe = write(tmp_path / "one", "\n".join(lines))
    here = herdbook_with(tiny.state / "archive", tmp_path / "here")
    assert_clear(here.run("build", recipe), 9, "pg_config", "python.build_packages")
    assert here.json("images") == []
