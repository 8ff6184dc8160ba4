"""Fetches files with apt's own downloader, which knows the machine's proxies and mirrors."""

import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NetworkError, NoSpaceError, VerificationError
from herdbook.core.progress import Progress, Task
from herdbook.drivers import process

_HELPER = "/usr/lib/apt/apt-helper"
_LOOK_EVERY_SECONDS = 0.2
_LIMIT_SECONDS = 1800.0


@dataclass(frozen=True)
class Download:
    """One file to fetch: from where, to where, and what it must be."""

    address: str
    target: Path
    digest: Digest
    size: int
    label: str


def download(
    downloads: Sequence[Download], incoming: Path, configuration: Path, progress: Progress
) -> None:
    """Fetch all files; each appears under its target only when complete and verified.

    What arrived before a failure or an interruption is kept, so that the next try goes on from
    there. `incoming` is an empty folder on the targets' file system.
    """
    total = sum(each.size for each in downloads)
    with progress.task(f"Fetching {len(downloads)} packages", total, "bytes") as task:
        try:
            with _watched(incoming, task):
                result = _fetch(downloads, incoming, configuration)
        finally:
            failures = [each for each in downloads if not _accept(each, incoming)]
        if failures:
            refused = [each for each in failures if _refused(each, incoming)]
            raise _failure([*refused, *failures][0], incoming, result)


def _fetch(downloads: Sequence[Download], incoming: Path, configuration: Path) -> process.Result:
    arguments: list[str | Path] = [_HELPER, "download-file"]
    for each in downloads:
        # "+" alone would make apt unescape the address a second time: 2.36-9+deb12u1
        arguments += [each.address, incoming / each.target.name, _apt_hash(each.digest)]
    environment = {"APT_CONFIG": str(configuration), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin"}
    return process.run(arguments, environment=environment, limit_seconds=_LIMIT_SECONDS)


def _apt_hash(digest: Digest) -> str:
    return f"SHA256:{digests.hexadecimal(digest)}"


def _accept(each: Download, incoming: Path) -> bool:
    arrived = incoming / each.target.name
    if not arrived.is_file() or digests.of_file(arrived) != each.digest:
        return False
    arrived.chmod(0o644)
    arrived.rename(each.target)
    return True


def _refused(each: Download, incoming: Path) -> bool:
    """Tell whether a file arrived whole with another digest: apt renames such a file."""
    return (incoming / f"{each.target.name}.FAILED").exists()


def _failure(
    each: Download, incoming: Path, result: process.Result
) -> NetworkError | NoSpaceError | VerificationError:
    said = result.errors + result.output
    if "No space left" in said or shutil.disk_usage(incoming).free < each.size:
        return NoSpaceError(f"There is no space left for {each.label}")
    if _refused(each, incoming):
        return VerificationError(
            f"The archive gave other bytes for {each.label} than the lock says",
            hint="Do not use that mirror. If the archive replaced the file, lock again.",
        )
    match = re.search(rf"Failed to fetch {re.escape(each.address)}\s+(.*)", result.errors)
    reason = match[1] if match else result.last_words
    if reason.startswith("404 "):
        return NetworkError(
            f"The archive no longer has {each.label}",
            hint="Lock again to take the version that replaced it: herdbook lock. If that chooses "
            "the same, the mirror lists what it does not have: use another one.",
        )
    return NetworkError(
        f"{each.label} could not be fetched:\n{reason}",
        hint="Run the same command again: what has arrived is kept.",
    )


class _watched:  # noqa: N801 - used like a function, in a `with`
    """Tells a task how many bytes have arrived in a folder, while the block runs."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder = folder
        self._task = task
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        told = 0
        over = False
        while not over:
            over = self._over.wait(_LOOK_EVERY_SECONDS)
            arrived = sum(_size(path) for path in self._folder.glob("*"))
            self._task.advance(max(arrived - told, 0))
            told = max(arrived, told)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # apt renames files while we look
        return 0
