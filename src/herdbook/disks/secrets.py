"""Packs what one start of a machine is told in private, as a small disk."""

import io
import re
from collections.abc import Mapping
from types import MappingProxyType

from herdbook.core.errors import InvalidInputError
from herdbook.disks import quoting, volumes
from herdbook.layers.tree import Entry, Kind
from herdbook.layers.writing import tar_pieces

SERIAL = "herdbook-secrets"
"""The virtio serial by which the initrd knows this disk."""

ENVIRONMENT_NAME = "herdbook.environment"
"""The file with settings made at run time (`EnvironmentFile=` of the service)."""

SECRET_PREFIX = "herdbook.secret."  # noqa: S105 - a prefix of names, no secret
"""Files of such names become files in the service's `$CREDENTIALS_DIRECTORY`."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def secrets_disk(
    environment: Mapping[str, str],
    secrets: Mapping[str, bytes],
    mounts: bytes = b"",
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> bytes:
    """Return the content of a read-only disk: a tar with one file for each secret.

    Settings, the list of `mounts`, and `more` files by their names lie beside them.

    Unlike SMBIOS strings, of which systemd reads 4096 bytes in all and drops the rest without a
    word, it holds secrets of any size. Raises InvalidInputError for a name that is no file name.
    """
    contents = {SECRET_PREFIX + _checked(name): value for name, value in secrets.items()}
    contents[ENVIRONMENT_NAME] = quoting.environment_file(environment)
    if mounts:
        contents[volumes.LIST_NAME] = mounts
    contents.update(more)
    entries = [
        Entry(path, Kind.FILE, mode=0o400, size=len(content)) for path, content in contents.items()
    ]
    return b"".join(tar_pieces(entries, lambda entry: io.BytesIO(contents[entry.path])))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is not a name for a secret",
            hint="Use letters, digits, underscores, dots and hyphens.",
        )
    return name
