"""Fetches feeds of advisories from where they are published."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from herdbook.core.errors import HerdbookError, InvalidInputError, NetworkError, NotFoundError
from herdbook.core.progress import Task
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.http.credentials import Credentials
from herdbook.drivers.http.downloads import AbsentError, Downloader

_LABEL = "The feed"
_SCHEMES = ("https", "http")


class HttpFeeds:
    """Feeds by HTTP, through the proxies of this machine."""

    def fetch(self, address: str, to: Path, largest_bytes: int, task: Task) -> str:
        """Write what is at an address into a file; see the port's promises."""
        parts = _parts(address)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        shown = urlunsplit(bare._replace(query=""))

        def take(pieces: Iterator[bytes]) -> None:
            size = 0
            with to.open("wb") as file:
                for piece in pieces:
                    size += len(piece)
                    if size > largest_bytes:
                        raise _too_large(largest_bytes)
                    file.write(piece)
                    task.advance(len(piece))

        connections = Connections({}, None)
        downloader = Downloader(connections, Credentials(None, _known(parts)), Event())
        try:
            downloader.read(urlunsplit(bare), _LABEL, take)
        except AbsentError as error:
            raise NotFoundError(
                "There is nothing at this address", hint="Check it for typos.", where=shown
            ) from error
        except (NetworkError, InvalidInputError) as error:
            raise _said_for_feeds(error, urlunsplit(bare), shown) from error
        finally:
            connections.close()
        return shown


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        known = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        known = False
        parts = SplitResult("", "", "", "", "")
    if not known:
        raise InvalidInputError(
            f"This is no address of a feed: {_harmless(address)}",
            hint="Write https://HOST/PATH, or the path of a file.",
        )
    return parts


def _harmless(address: str) -> str:
    """Return what can be shown of something that is no address: no credentials, no query.

    A password may hold `?` or `#` and a query `@`: which it is here, nobody can tell, so nothing
    is shown where there are both.
    """
    scheme, _, rest = address.partition("://")
    before = re.split(r"[?#]", rest, maxsplit=1)[0]
    shown = before.rpartition("@")[2] if "@" not in rest[len(before) :] else "…"
    return f"{scheme}://{shown}"


def _known(parts: SplitResult) -> dict[str, tuple[str, str]]:
    if parts.username is None:
        return {}
    return {parts.hostname or "": (unquote(parts.username), unquote(parts.password or ""))}


def _said_for_feeds(error: HerdbookError, address: str, shown: str) -> HerdbookError:
    """Return a failure with what to do next where it is a feed that was to be fetched."""
    message = error.message.replace(address, shown)
    if isinstance(error, NetworkError):
        return NetworkError(
            message, hint="Try again, or fetch the file by other means and import that."
        )
    if not error.message.startswith("The registry"):
        return error
    return InvalidInputError(
        f"The server does not give this feed to everybody ({shown})",
        hint="Write https://NAME:PASSWORD@HOST/PATH, or fetch the file by other means.",
    )


def _too_large(largest_bytes: int) -> InvalidInputError:
    return InvalidInputError(
        f"This is larger than any feed of advisories ({largest_bytes >> 20} MiB)",
        hint="Check the address: it may not be that of a feed.",
    )
