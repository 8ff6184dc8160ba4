"""The promises of the port Bundles, for what keeps them on the disk."""

import os
from pathlib import Path

import pytest

from herdbook.builds.bundles import Bundle
from herdbook.core.digests import EMPTY
from herdbook.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    VerificationError,
)
from herdbook.store.bundles import DiskBundles
from herdbook.store.staging import Staging

TEXTS = {"lock.json": "{}\n", "source/web.yaml": "image: web\n"}


@pytest.fixture
def bundles(tmp_path: Path) -> DiskBundles:
    return DiskBundles(tmp_path / "sources", Staging(tmp_path / "staging"))


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_kept_is_opened_and_laid_out_as_it_was(
    bundles: DiskBundles, tmp_path: Path
) -> None:
    digest = bundles.keep(Bundle(TEXTS, {}))
    with bundles.opened(digest) as folder:
        assert files_in(folder) == TEXTS
        assert not bundles.is_home(str(folder))
    assert not folder.exists()
    home = bundles.lay_out(digest)
    assert files_in(home) == TEXTS
    assert bundles.is_home(str(home / "source" / "web.yaml"))
    assert not bundles.is_home(str(tmp_path / "web.yaml"))
    assert list((tmp_path / "staging").iterdir()) == []


def test_it_is_copied_to_a_new_file_and_taken_from_there(
    bundles: DiskBundles, tmp_path: Path
) -> None:
    digest = bundles.keep(Bundle(TEXTS, {}))
    bundles.copy(digest, tmp_path / "web.bundle")
    elsewhere = DiskBundles(tmp_path / "elsewhere", Staging(tmp_path / "staging"))
    assert elsewhere.take(tmp_path / "web.bundle") == digest
    assert files_in(elsewhere.lay_out(digest)) == TEXTS
    with pytest.raises(ConflictError, match="exists already"):
        bundles.copy(digest, tmp_path / "web.bundle")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        bundles.copy(digest, tmp_path / "nowhere" / "web.bundle")
    for absent in (tmp_path / "none", tmp_path):
        with pytest.raises(NotFoundError):
            elsewhere.take(absent)
    assert [each.name for each in tmp_path.glob(".*")] == []


def test_the_same_is_kept_once_and_anything_else_beside_it(bundles: DiskBundles) -> None:
    digest = bundles.keep(Bundle(TEXTS, {}))
    assert bundles.keep(Bundle(dict(reversed(TEXTS.items())), {})) == digest
    other = bundles.keep(Bundle({**TEXTS, "lock.json": "[]\n"}, {}))
    assert other != digest
    assert len(list(bundles.folder.iterdir())) == 2
    assert files_in(bundles.lay_out(digest)) == TEXTS


def test_it_is_laid_out_anew_and_what_was_laid_out_before_stays_as_it_is(
    bundles: DiskBundles,
) -> None:
    """A campaign has put another lock there meanwhile, for instance."""
    digest = bundles.keep(Bundle(TEXTS, {}))
    before = bundles.lay_out(digest)
    (before / "lock.json").write_text("changed")
    now = bundles.lay_out(digest)
    assert files_in(now) == TEXTS
    assert files_in(before) == {**TEXTS, "lock.json": "changed"}


def test_what_was_never_kept_or_is_damaged_is_refused(bundles: DiskBundles) -> None:
    with pytest.raises(NotFoundError):
        bundles.lay_out(EMPTY)
    digest = bundles.keep(Bundle(TEXTS, {}))
    file = next(bundles.folder.glob("*/bundle.tar"))
    file.write_bytes(file.read_bytes().replace(b"image: web", b"image: bad"))
    with pytest.raises(VerificationError, match="is not what was sent"):
        bundles.lay_out(digest)


def test_what_is_kept_again_counts_as_used_now(bundles: DiskBundles) -> None:
    """Else whoever cleans up could take what somebody relies on from now on."""
    digest = bundles.keep(Bundle(TEXTS, {}))
    place = bundles.lay_out(digest).parent
    before = place.stat().st_ctime_ns
    os.utime(place, (0, 0))
    bundles.keep(Bundle(TEXTS, {}))
    assert place.stat().st_mtime > 0
    assert place.stat().st_ctime_ns > before


def test_where_it_cannot_be_kept_nothing_is_left(bundles: DiskBundles, tmp_path: Path) -> None:
    bundles.folder.write_text("in the way")
    with pytest.raises(InvalidInputError, match="cannot be kept"):
        bundles.keep(Bundle(TEXTS, {}))
    assert list((tmp_path / "staging").iterdir()) == []
