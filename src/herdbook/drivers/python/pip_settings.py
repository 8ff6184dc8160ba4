"""Reads how this machine's pip is set up, and hands it on to uv."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from herdbook.drivers import process


@dataclass(frozen=True)
class PipSettings:
    """The indexes to ask, with who one is where their address says it; how to connect to them."""

    indexes: tuple[str, ...]
    more_indexes: tuple[str, ...]
    certificates: str | None
    proxy: str | None

    def for_uv(self) -> dict[str, str]:
        """Return uv's settings for the same indexes.

        As settings, for an address may say who one is, and everybody can read the arguments of
        others.
        """
        named = {"UV_DEFAULT_INDEX": self.indexes, "UV_INDEX": self.more_indexes}
        settings = {name: " ".join(given) for name, given in named.items() if given}
        if self.more_indexes:
            # As pip does, which takes the best version of all indexes; uv alone would take the
            # first index that knows a name.
            settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        return settings

    def known(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield who one is, by host, where an index's address says it."""
        for address in (*self.indexes, *self.more_indexes):
            parts = urlsplit(address)
            if parts.hostname and parts.username is not None:
                yield parts.hostname, (unquote(parts.username), unquote(parts.password or ""))


def pip_settings() -> PipSettings:
    """Ask pip, whose settings come from several files and the environment."""
    listing = process.run([sys.executable, "-m", "pip", "config", "list"]).output
    settings = dict(
        re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listing, re.MULTILINE)
    )
    return PipSettings(
        indexes=tuple(settings.get("index-url", "").split()),
        more_indexes=tuple(settings.get("extra-index-url", "").split()),
        certificates=settings.get("cert"),
        proxy=settings.get("proxy"),
    )
