"""Keeps what providers publish for an hour, in files, so that not every command has to ask."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.errors import HerdbookError, NetworkError
from herdbook.core.whole_files import write_whole
from herdbook.drivers.openid.discovery import Published

LIFE_SECONDS = 3600.0
"""So long does a key count at most after its provider has withdrawn it."""

RENEW_SECONDS = 60.0
"""So seldom is a provider asked again because of a key that is not known: anybody can name one."""

_PATIENCE_SECONDS = 2.0
"""For so long does anybody wait for the answer that somebody else has asked a provider for."""

_FAILURE_SECONDS = 5.0
"""For so long is a provider that failed not asked again: whoever comes would wait for it."""


@dataclass(frozen=True)
class _Kept:
    at: float
    published: Published


@dataclass
class _Asking:
    """Whose turn it is to ask one provider, and `since` when, if it is somebody's."""

    turn: Lock = field(default_factory=Lock)
    since: float | None = None


class KeptKeys:
    """What providers publish, by address, in a folder that is Herdbook's own.

    `find_out` asks a provider; it raises NetworkError or VerificationError.
    """

    def __init__(self, folder: Path, clock: Clock, find_out: Callable[[str], Published]) -> None:
        self._folder = folder
        self._clock = clock
        self._find_out = find_out
        self._asking: dict[str, _Asking] = {}
        self._failures: dict[str, tuple[float, HerdbookError]] = {}

    def of(self, url: str) -> Published:
        """Return what a provider publishes, not older than an hour."""
        kept = self._load(url)
        if kept:
            return kept.published  # also while another thread waits for some provider
        with self._turn(url) as is_ours:
            kept = self._load(url)
            if kept:
                return kept.published
            if is_ours:
                return self._anew(url)
        raise NetworkError(
            f"The OpenID provider at {url} was asked for its keys, and is still silent",
            hint="Nobody is let in until it answers. Run the same command again in a while.",
        )

    def after_all(self, url: str) -> Published | None:
        """Return what a provider publishes now, or None where it was asked a moment ago."""
        with self._turn(url) as is_ours:
            kept = self._load(url)
            if not is_ours or (kept and self._age(kept) < RENEW_SECONDS):
                return None
            return self._anew(url)

    def anew(self, url: str) -> Published:
        """Return what a provider publishes now, however lately it was asked."""
        with self._turn(url, LIFE_SECONDS):
            self._failures.pop(url, None)
            return self._anew(url)

    @contextmanager
    def _turn(self, url: str, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[bool]:
        """Tell whether it is our turn to ask a provider, until the block ends.

        Nobody waits for long behind somebody who asks: there would be soon nobody left to see who
        is of another provider.
        """
        asking = self._asking.setdefault(url, _Asking())
        now = self._clock.monotonic_seconds()
        waited = now - (now if asking.since is None else asking.since)
        is_ours = asking.turn.acquire(timeout=max(0.0, patience_seconds - waited))
        if is_ours:
            asking.since = self._clock.monotonic_seconds()
        try:
            yield is_ours
        finally:
            if is_ours:
                asking.since = None
                asking.turn.release()

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
        with suppress(OSError):  # without room for them they are asked for again
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
