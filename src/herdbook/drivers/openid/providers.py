"""OpenID providers over HTTP: what they publish is kept for a while, what they sign is checked."""

from collections.abc import Collection
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import ForbiddenError
from herdbook.drivers.openid import devices
from herdbook.drivers.openid.discovery import published_by
from herdbook.drivers.openid.kept_keys import KeptKeys
from herdbook.people.logins import Client, DeviceCode, Given, IdToken, Waiting


class HttpOpenIdProviders:
    """Providers of elsewhere; `folder` is where their keys are kept. Safe to use from threads."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._kept = KeptKeys(folder, clock, published_by)

    def look(self, url: str) -> None:
        """See that an OpenID provider answers there; see the port's promises."""
        self._kept.anew(url)

    def read(self, url: str, audiences: Collection[str], text: str) -> IdToken:
        """Return what an ID token says once it is checked; see the port's promises."""
        # Few commands need it, and it takes its time to load.
        from herdbook.drivers.openid.id_tokens import checked, key_of, signed_by  # noqa: PLC0415

        signed = signed_by(text)
        key = key_of(signed, self._kept.of(url).keys)
        if key is None:
            newer = self._kept.after_all(url)
            key = key_of(signed, newer.keys) if newer else None
        if key is None:
            raise ForbiddenError(
                f"This ID token is signed with a key that {url} does not publish",
                hint="If the key is new: it is looked for again within a minute.",
            )
        return checked(text, signed, key, url, audiences, self._clock.now())

    def begin(self, client: Client) -> DeviceCode:
        """Begin to log somebody in; see the port's promises."""
        return devices.begin(client, self._kept.of(client.url))

    def ask(self, client: Client, code: DeviceCode) -> Given | Waiting:
        """Ask once whether somebody has logged in; see the port's promises."""
        return devices.poll(client, code, self._kept.of(client.url))

    def renew(self, client: Client, refresh: str) -> Given:
        """Return another ID token; see the port's promises."""
        return devices.renew(client, refresh, self._kept.of(client.url))
