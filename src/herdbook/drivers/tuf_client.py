"""Asks a repository of signed metadata what a channel got, believing nothing but a root (TUF)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from herdbook.core.errors import InvalidInputError, NetworkError, NotFoundError, VerificationError
from herdbook.metadata.composing import given_of
from herdbook.metadata.model import Given, target_path

_NOT_THERE = 404
_PIECE_BYTES = 256 << 10
_WRONG: dict[type[RepositoryError], str] = {
    UnsignedMetadataError: "too few have signed it",
    BadVersionNumberError: "it is older than what was seen before, or does not belong together",
    ExpiredMetadataError: "it has expired: nobody has said for a while that this is the newest",
    LengthOrHashMismatchError: "it is not what was signed",
}
"""What each attack looks like to a client (The Update Framework 1.0, 1.5.2)."""


class TufClient:
    """The client of python-tuf, for URLs and for folders that hold an exported repository."""

    def given(self, address: str, root: bytes, memory: Path, image: str, channel: str) -> Given:
        """Return what a channel got; what was seen is remembered in the folder `memory`."""
        try:
            memory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"{memory} cannot be a folder: {error.strerror}", hint="Name another one."
            ) from error
        place = f"{image}@{channel}"
        with _said_plainly(place, address):
            base = address.rstrip("/")
            updater = Updater(
                str(memory),
                f"{base}/metadata/",
                target_dir=str(memory / "targets"),
                target_base_url=f"{base}/targets/",
                fetcher=None if "://" in address else _FolderFetcher(),
                config=UpdaterConfig(app_user_agent="herdbook"),
                bootstrap=root,
            )
            found = updater.get_targetinfo(target_path(image, channel))
            if found is None:
                raise _nothing_signed(place)
            updater.download_target(found)
        return given_of(found, image, channel)


class _FolderFetcher(FetcherInterface):
    """Reads files instead of asking a server."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            with Path(unquote(url)).open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{url} is not there", _NOT_THERE) from error


@contextmanager
def _said_plainly(place: str, address: str) -> Iterator[None]:
    try:
        yield
    except RepositoryError as error:
        if "not part of snapshot" in str(error):  # the list of a guard that nobody has begun
            raise _nothing_signed(place) from error
        kinds = (words for kind, words in _WRONG.items() if isinstance(error, kind))
        raise VerificationError(
            f"What {address} says of {place} does not count: "
            f"{next(kinds, 'it cannot be read')} ({error})",
            hint="Do not use it. Ask whoever runs it, and try another copy.",
        ) from error
    except DownloadError as error:
        raise NetworkError(
            f"{address} does not give what is needed: {_plainly(error)}",
            hint="It is where /metadata and /targets are: of a server, http://HOST:PORT/tuf.",
        ) from error


def _plainly(error: DownloadError) -> str:
    return str(error) or str(error.__cause__ or "") or type(error).__name__


def _nothing_signed(place: str) -> NotFoundError:
    return NotFoundError(
        f"Nobody has signed anything for {place}",
        hint="Only what channels with signers get is signed so.",
    )
