"""Source distributions are pinned, fetched and kept by digest, and nothing of them is run."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from herdbook.builds.lock import LockedPython
from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, UnsatisfiableError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.python import PypiWheelHouse

WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
NOTHING = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'


class Index:
    """An index in a folder, as pip and uv read it too, and a file that a build would leave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = folder / "somebody-ran-me"

    def add(self, project: str, file: str, content: bytes) -> None:
        place = self.folder / project
        place.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(content)
        links = "".join(f'<a href="{each.name}">{each.name}</a>' for each in place.glob("*-*"))
        (place / "index.html").write_text(links)

    def add_wheel(self, project: str, version: str) -> None:
        made = io.BytesIO()
        info = f"{project}-{version}.dist-info"
        with zipfile.ZipFile(made, "w") as archive:
            text = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
            archive.writestr(f"{info}/METADATA", text)
            archive.writestr(f"{info}/WHEEL", WHEEL)
            archive.writestr(f"{info}/RECORD", "")
        self.add(project, f"{project}-{version}-py3-none-any.whl", made.getvalue())

    def add_source(self, version: str, needs: str) -> None:
        """Add the package `tiny`, whose build leaves the mark."""
        program = f"open({str(self.mark)!r}, 'w')\n"
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n{needs}",
            "pyproject.toml": NOTHING,
            "setup.py": program,
            "own.py": program,
        }
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"tiny-{version}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        self.add("tiny", f"tiny-{version}.tar.gz", made.getvalue())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    index = Index(tmp_path / "index")
    index.add_wheel("pip", "26.0")
    index.add_wheel("six", "1.0")
    index.add_wheel("six", "2.0")
    index.add_source("1.0", "Requires-Dist: six<2\n")
    index.add_source("1.1", "Requires-Dist: six<2\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", index.folder.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return index


def resolve(folder: Path, lines: str, *names: str) -> LockedPython:
    requirements = folder / "requirements.txt"
    requirements.write_text(lines)
    house = PypiWheelHouse(folder / "wheels")
    return house.resolve(requirements, "3.11", "2.36", from_source=names)


def test_one_from_source_is_pinned_with_what_it_needs_and_never_run(
    tmp_path: Path, index: Index
) -> None:
    locked = resolve(tmp_path, "Tiny<1.1\nsix\n", "tiny")
    assert [(each.name, each.version) for each in locked.sources] == [("tiny", "1.0")]
    assert [(each.name, each.version) for each in locked.wheels] == [("six", "1.0")]
    assert [each.name for each in locked.build_wheels] == ["pip"]
    kept, building = PypiWheelHouse(tmp_path / "wheels").fetch_for_building(locked, NoProgress())
    assert [digests.of_file(path) for path in kept] == [locked.sources[0].sha256]
    assert [path.name for path in building] == ["pip-26.0-py3-none-any.whl"]
    assert not index.mark.exists()


def test_the_newest_version_counts_even_where_another_comes_as_a_wheel(
    tmp_path: Path, index: Index
) -> None:
    index.add_wheel("tiny", "1.2")
    locked = resolve(tmp_path, "tiny\n", "tiny")
    assert [each.version for each in locked.sources] == ["1.1"]
    assert "tiny" not in {each.name for each in locked.wheels}


@pytest.mark.usefixtures("index")
def test_a_wheel_house_elsewhere_fetches_the_same_bytes_and_no_others(tmp_path: Path) -> None:
    locked = resolve(tmp_path, "tiny==1.0\n", "tiny")
    house = PypiWheelHouse(tmp_path / "elsewhere")
    (kept,), _ = house.fetch_for_building(locked, NoProgress())
    assert digests.of_file(kept) == locked.sources[0].sha256
    source = locked.sources[0].model_copy(update={"sha256": digests.of_bytes(b"others")})
    other = locked.model_copy(update={"sources": (source,)})
    with pytest.raises(VerificationError, match="no longer gives"):
        house.fetch_for_building(other, NoProgress())


@pytest.mark.usefixtures("index")
def test_what_is_not_wanted_cannot_be_built(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="is not wanted") as caught:
        resolve(tmp_path, "six\n", "tiny")
    assert "requirements file" in caught.value.hint


@pytest.mark.usefixtures("index")
def test_what_has_no_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnsatisfiableError, match="source distribution") as caught:
        resolve(tmp_path, "six\n", "six")
    assert "from_source" in caught.value.hint


@pytest.mark.usefixtures("index")
def test_what_has_no_wheel_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        resolve(tmp_path, "tiny\n")
    assert "from_source" in caught.value.hint


def test_a_source_that_is_not_what_the_index_says_is_refused(tmp_path: Path, index: Index) -> None:
    """Neither another package under this name, nor other bytes than the index promises."""
    page = index.folder / "tiny/index.html"
    page.write_text(page.read_text().replace('1.1.tar.gz">', f'1.1.tar.gz#sha256={"0" * 64}">'))
    with pytest.raises(VerificationError, match="other bytes"):
        resolve(tmp_path, "tiny\n", "tiny")
    index.add_source("1.3", "")
    (index.folder / "tiny/tiny-1.3.tar.gz").rename(index.folder / "tiny/tiny-1.4.tar.gz")
    page.write_text('<a href="tiny-1.4.tar.gz">tiny-1.4.tar.gz</a>')
    with pytest.raises(VerificationError, match=r"says that it is tiny 1\.3"):
        resolve(tmp_path, "tiny\n", "tiny")
