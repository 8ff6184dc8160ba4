"""Bundles of sources on the disk: each as it was sent, and unpacked beside that."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from herdbook.builds.bundles import Bundle, unpack
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NoSpaceError, NotFoundError, VerificationError
from herdbook.core.whole_files import alone_in
from herdbook.store.staging import Staging

_BUNDLE = "bundle.tar"
_TREE = "tree"


@dataclass(frozen=True)
class DiskBundles:
    """A folder for each bundle, named by its digest; `staging` lies on the same file system."""

    folder: Path
    staging: Staging

    def keep(self, bundle: Bundle) -> Digest:
        """Keep a bundle, and return its digest; see the port's promises."""
        return self._kept(bundle.write)

    def take(self, file: Path) -> Digest:
        """Keep a bundle that a file holds; see the port's promises."""
        try:
            with file.open("rb") as source:
                return self._kept(partial(shutil.copyfileobj, source))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFoundError(
                f"There is no file {file}", hint="Write one: herdbook proposal pack IMAGE FILE"
            ) from error

    def _kept(self, write: Callable[[BinaryIO], None]) -> Digest:
        try:
            with self.staging() as work:
                made = work / "made"
                made.mkdir()
                with (made / _BUNDLE).open("wb") as target:
                    write(target)
                    target.flush()
                    os.fsync(target.fileno())
                digest = digests.of_file(made / _BUNDLE)
                self.folder.mkdir(parents=True, exist_ok=True)
                with alone_in(self.folder):
                    place = self._place(digest)
                    if place.exists():
                        os.utime(place)  # it is used: whoever cleans up leaves it
                    else:
                        made.rename(place)
                return digest
        except OSError as error:
            raise _no_space(error) from error

    def lay_out(self, digest: Digest) -> Path:
        """Return the folder that a bundle is unpacked in, anew; see the port's promises."""
        bundle = self._place(digest) / _BUNDLE
        if not bundle.is_file():
            raise NotFoundError(
                "What the proposal was sent with is not in the store any more",
                hint="Propose the version again.",
            )
        if digests.of_file(bundle) != digest:
            raise VerificationError(
                f"{bundle} is not what was sent with the proposal",
                hint="Somebody has changed it, or the disk is failing. Propose the version again.",
            )
        home = self.home(digest)
        try:
            with self.staging() as work:
                unpack(bundle, made := work / "made")
                with alone_in(self.folder):
                    if home.exists():
                        home.rename(work / "old")
                    made.rename(home)
        except OSError as error:
            raise _no_space(error) from error
        return home

    def home(self, digest: Digest) -> Path:
        """Return the folder that `lay_out` unpacks a bundle in."""
        return self._place(digest) / _TREE

    def _place(self, digest: Digest) -> Path:
        return self.folder / digests.hexadecimal(digest)


def _no_space(error: OSError) -> NoSpaceError:
    return NoSpaceError(
        f"What a proposal is sent with cannot be kept: {error.strerror}",
        hint="Give room: herdbook store clean",
    )
