"""Opens connections to registries, through the proxies of this machine, and keeps them open."""

import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Retry, Timeout, make_headers
from urllib3.exceptions import HTTPError

from herdbook.core.errors import InvalidInputError
from herdbook.drivers.http.deadlines import Deadline

_SILENCE_SECONDS = 30.0
_SENDING_SILENCE_SECONDS = 300.0
"""A registry hashes a large blob once more before it says that it has it."""

_AT_ONCE = 16
_REDIRECTS = Retry(total=5, connect=0, read=0, status=0, other=0, raise_on_status=False)


class Connections:
    """Connections by host; safe to use from several threads.

    `proxies` are addresses by scheme, which come before those of the environment; `certificates`
    is a file with the authorities to trust instead of this machine's. Where not `sent_on`, an
    answer that leads elsewhere is an answer like any other. Where not `proxied`, no proxy is asked.
    A `deadline` holds for all of them together.
    """

    def __init__(
        self,
        proxies: Mapping[str, str],
        certificates: str | None,
        *,
        sent_on: bool = True,
        proxied: bool = True,
        deadline: Deadline | None = None,
    ) -> None:
        self._sent_on = sent_on
        self._proxies = {**getproxies(), **proxies} if proxied else {}
        self._context = _context(certificates)
        self._straight = PoolManager(maxsize=_AT_ONCE, ssl_context=self._context)
        self._managers: dict[str, PoolManager] = {
            scheme: self._through(self._proxies[scheme])
            for scheme in ("http", "https")
            if scheme in self._proxies
        }
        for manager in (self._straight, *self._managers.values()):
            if deadline:
                deadline.watch(manager)

    def get(self, address: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Return the answer to a GET, its body still to be read; raises urllib3's HTTPError."""
        return self.request("GET", address, headers)

    def request(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        limit: Timeout | None = None,
    ) -> BaseHTTPResponse:
        """Return an answer, its body still to be read; raises urllib3's HTTPError.

        Without a `limit` only silence ends it.

        What comes with a body is not redirected: nobody may send our bytes elsewhere.
        """
        try:
            return self._manager(address).request(
                method,
                address,
                headers=headers,
                body=body,
                timeout=limit
                or Timeout(_SILENCE_SECONDS if body is None else _SENDING_SILENCE_SECONDS),
                retries=_REDIRECTS if body is None and self._sent_on else False,
                preload_content=False,
            )
        except ValueError as error:  # an address that is none, also one to be redirected to
            raise HTTPError(str(error)) from error

    def close(self) -> None:
        """Close those that nobody reads from."""
        for manager in (self._straight, *self._managers.values()):
            manager.clear()

    def _manager(self, address: str) -> PoolManager:
        parts = urlsplit(address)
        if proxy_bypass(parts.hostname or ""):
            return self._straight
        return self._managers.get(parts.scheme, self._straight)

    def _through(self, proxy: str) -> ProxyManager:
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
        said = (
            f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        )
        try:
            return ProxyManager(
                f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
                maxsize=_AT_ONCE,
                ssl_context=self._context,
                proxy_headers=make_headers(proxy_basic_auth=said or None),
            )
        except HTTPError as error:
            raise InvalidInputError(
                f"The proxy {parts.hostname} cannot be used: {error}",
                hint="Name an HTTP proxy in https_proxy, or none.",
            ) from error


def _context(certificates: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificates)
    except OSError as error:
        raise InvalidInputError(
            f"The file of certificates {certificates} cannot be used: {error}",
            hint="Name another one: `cafile` in npm's configuration, `cert` in pip's.",
        ) from error
