"""Says who one is for a registry, from a secret in netrc format."""

import base64
from collections.abc import Mapping
from netrc import NetrcParseError, netrc
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from herdbook.core.errors import InvalidInputError


class Credentials:
    """What a netrc file says; without a file, nothing is said to anybody.

    `known` are logins and passwords by host that are known from elsewhere, and come first.
    """

    def __init__(
        self, file: Path | None, known: Mapping[str, tuple[str, str]] = MappingProxyType({})
    ) -> None:
        self._known = known
        try:
            self._netrc = netrc(str(file)) if file else None
        except NetrcParseError as error:
            raise InvalidInputError(  # the parser's own words may hold a part of the secret
                "The credentials are not in netrc format",
                hint="Write: machine HOST login NAME password SECRET (or, for a token, no login).",
                where=f"{file}:{error.lineno}",
            ) from None

    def header(self, address: str) -> str | None:
        """Return the Authorization header for an address; None where the file knows no such host.

        A password without a login is a token (RFC 6750), as npm's registries give them.
        """
        host = urlsplit(address).hostname or ""
        if host in self._known:
            return basic(*self._known[host])
        found = self._netrc.authenticators(host) if self._netrc else None
        if found is None:
            return None
        login, _, password = found
        if not login:
            return f"Bearer {password}"
        return basic(login, password)


def basic(login: str, password: str) -> str:
    """Return the Authorization header of a login and its password (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()
