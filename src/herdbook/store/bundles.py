"""Bundles of sources on the disk: each as it was sent, and unpacked beside that."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from herdbook.builds.bundle_unpacking import unpack
from herdbook.builds.bundles import Bundle
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import (
    ConflictError,
    HerdbookError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
    VerificationError,
)
from herdbook.core.whole_files import alone_in
from herdbook.store.staging import Staging

_BUNDLE = "bundle.tar"


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
            raise _cannot(error) from error

    @contextmanager
    def opened(self, digest: Digest) -> Iterator[Path]:
        """Give a folder that a bundle is unpacked in, for a while; see the port's promises."""
        with self.staging() as work:
            yield self._unpacked(digest, work / "opened")

    def lay_out(self, digest: Digest) -> Path:
        """Return a new folder of the same kind that stays; see the port's promises."""
        with self.staging() as work:
            made = self._unpacked(digest, work / "made")
            return made.rename(self._place(digest) / f"tree-{token_hex(4)}")

    def is_home(self, path: str) -> bool:
        """Tell whether a path lies in a folder that `lay_out` has made."""
        return Path(path).is_relative_to(self.folder)

    def copy(self, digest: Digest, file: Path) -> None:
        """Write a bundle to a new file, all of it or nothing; see the port's promises."""
        part = file.with_name(f".{file.name}.{token_hex(4)}")
        try:
            shutil.copyfile(self._place(digest) / _BUNDLE, part)
            file.hardlink_to(part)
        except FileExistsError as error:
            raise ConflictError(f"{file} exists already", hint="Name a new file.") from error
        except OSError as error:
            raise InvalidInputError(f"{file} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def _unpacked(self, digest: Digest, folder: Path) -> Path:
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
        try:
            unpack(bundle, folder)
        except OSError as error:
            raise _cannot(error) from error
        return folder

    def _place(self, digest: Digest) -> Path:
        return self.folder / digests.hexadecimal(digest)


def _cannot(error: OSError) -> HerdbookError:
    what = f"What a proposal is sent with cannot be kept: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(what, hint="Give room: herdbook store clean")
    return InvalidInputError(what, hint="See what is the matter with the state directory.")
