"""The promises of the port Bundles, for what keeps them on the disk."""

import os
import shutil
from pathlib import Path

import pytest

from herdbook.builds.bundles import Bundle
from herdbook.core.digests import EMPTY
from herdbook.core.errors import NoSpaceError, NotFoundError, VerificationError
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


def test_what_is_kept_is_laid_out_as_it_was(bundles: DiskBundles) -> None:
    digest = bundles.keep(Bundle(TEXTS, {}))
    assert bundles.lay_out(digest) == bundles.home(digest)
    assert files_in(bundles.home(digest)) == TEXTS


def test_the_same_is_kept_once_and_anything_else_beside_it(bundles: DiskBundles) -> None:
    digest = bundles.keep(Bundle(TEXTS, {}))
    assert bundles.keep(Bundle(dict(reversed(TEXTS.items())), {})) == digest
    other = bundles.keep(Bundle({**TEXTS, "lock.json": "[]\n"}, {}))
    assert other != digest
    assert len(list(bundles.folder.iterdir())) == 2
    assert files_in(bundles.lay_out(digest)) == TEXTS


def test_it_is_laid_out_anew_whatever_became_of_the_folder(bundles: DiskBundles) -> None:
    digest = bundles.keep(Bundle(TEXTS, {}))
    folder = bundles.lay_out(digest)
    (folder / "lock.json").write_text("changed")
    (folder / "more").write_text("more")
    assert files_in(bundles.lay_out(digest)) == TEXTS
    shutil.rmtree(folder)
    assert files_in(bundles.lay_out(digest)) == TEXTS


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
    place = bundles.home(digest).parent
    before = place.stat().st_ctime_ns
    os.utime(place, (0, 0))
    bundles.keep(Bundle(TEXTS, {}))
    assert place.stat().st_mtime > 0
    assert place.stat().st_ctime_ns > before


def test_where_it_cannot_be_kept_nothing_is_left(bundles: DiskBundles, tmp_path: Path) -> None:
    bundles.folder.write_text("in the way")
    with pytest.raises(NoSpaceError):
        bundles.keep(Bundle(TEXTS, {}))
    assert list((tmp_path / "staging").iterdir()) == []
