"""Keeps what providers publish for an hour, in files, so that not every command has to ask."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.errors import HerdbookError
from herdbook.core.whole_files import write_whole
from herdbook.drivers.openid.discovery import Published

LIFE_SECONDS = 3600.0
"""So long does a key count at most after its provider has withdrawn it."""

RENEW_SECONDS = 60.0
"""So seldom is a provider asked again because of a key that is not known: anybody can name one."""

_FAILURE_SECONDS = 5.0
"""For so long is a provider that failed not asked again: whoever comes would wait for it."""


@dataclass(frozen=True)
class _Kept:
    at: float
    published: Published


class KeptKeys:
    """What providers publish, by address, in a folder that is Herdbook's own.

    `find_out` asks a provider; it raises NetworkError or VerificationError.
    """

    def __init__(self, folder: Path, clock: Clock, find_out: Callable[[str], Published]) -> None:
        self._folder = folder
        self._clock = clock
        self._find_out = find_out
        self._alone = Lock()
        self._failures: dict[str, tuple[float, HerdbookError]] = {}

    def of(self, url: str) -> Published:
        """Return what a provider publishes, not older than an hour."""
        kept = self._load(url)
        if kept:
            return kept.published  # also while another thread waits for some provider
        with self._alone:
            kept = self._load(url)
            return kept.published if kept else self._anew(url)

    def after_all(self, url: str) -> Published | None:
        """Return what a provider publishes now, or None where it was asked a moment ago."""
        with self._alone:
            kept = self._load(url)
            if kept and self._age(kept) < RENEW_SECONDS:
                return None
            return self._anew(url)

    def anew(self, url: str) -> Published:
        """Return what a provider publishes now, however lately it was asked."""
        with self._alone:
            self._failures.pop(url, None)
            return self._anew(url)

    def _anew(self, url: str) -> Published:
        failed_at, failure = self._failures.get(url, (0.0, None))
        if failure and self._clock.monotonic_seconds() - failed_at < _FAILURE_SECONDS:
            raise failure
        try:
            found = self._find_out(url)
        except HerdbookError as error:
            self._failures[url] = (self._clock.monotonic_seconds(), error)
            raise
        self._failures.pop(url, None)
        self._keep(url, found)
        return found

    def _load(self, url: str) -> _Kept | None:
        """Return what is kept and still counts; what cannot be read is as good as not there."""
        try:
            written = json.loads(self._file(url).read_bytes())
            published = Published(
                keys=tuple(written["keys"]),
                token_address=written["token_address"],
                device_address=written["device_address"],
                scopes=tuple(written["scopes"]),
            )
            kept = _Kept(float(written["at"]), published)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return kept if 0 <= self._age(kept) < LIFE_SECONDS else None

    def _keep(self, url: str, found: Published) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        written = {"at": self._clock.now().timestamp(), "url": url, **asdict(found)}
        # What is lost in a power cut is asked for again.
        write_whole(self._file(url), json.dumps(written).encode(), synced=False)

    def _age(self, kept: _Kept) -> float:
        return self._clock.now().timestamp() - kept.at

    def _file(self, url: str) -> Path:
        return self._folder / f"{digests.hexadecimal(digests.of_bytes(url.encode()))}.json"
