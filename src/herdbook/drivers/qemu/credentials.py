"""Hands environment and secrets to a machine as systemd credentials, by files QEMU reads once."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from herdbook.core.errors import InvalidInputError
from herdbook.fleet.instances import Wanted

ENVIRONMENT = "herdbook.environment"
"""The credential that holds the run-time environment in the syntax of `EnvironmentFile=`."""

SECRET_PREFIX = "herdbook.secret."  # noqa: S105 - not a secret, but the name of them
"""What comes before a secret's name in the name of its credential."""

_FILE_NAME_PREFIX = "credential-"
_MOST_BYTES = 60_000
"""The SMBIOS table has 65,535 bytes for everything (its specification, 5.2.1)."""


def write_credentials(wanted: Wanted, directory: Path) -> list[Path]:
    """Write one private file for each credential and return them.

    Each file is the whole of an SMBIOS string of type 11: no newline may follow. Raises
    InvalidInputError where all of them together are too long for a machine's firmware.
    """
    credentials = {SECRET_PREFIX + name: value for name, value in wanted.secrets.items()}
    if wanted.environment:
        credentials[ENVIRONMENT] = environment_file(wanted.environment)
    strings = [_smbios_string(name, value) for name, value in credentials.items()]
    if sum(map(len, strings)) > _MOST_BYTES:
        raise InvalidInputError(
            "The environment and the secrets are too long for a virtual machine",
            hint="All of them together may have about 44,000 bytes.",
        )
    paths = [directory / f"{_FILE_NAME_PREFIX}{number}" for number in range(len(strings))]
    for path, content in zip(paths, strings, strict=True):
        _write_private(path, content)
    return paths


def remove_credentials(directory: Path) -> None:
    """Remove the files: QEMU has read them, and nobody else needs them."""
    for path in directory.glob(_FILE_NAME_PREFIX + "*"):
        path.unlink()


def environment_file(environment: Mapping[str, str]) -> bytes:
    """Render variables so that both systemd's `EnvironmentFile=` and a shell read them back.

    Within double quotes both take a backslash before these four as quoting (systemd.exec(5)).
    """
    lines = []
    for name, value in environment.items():
        quoted = "".join("\\" + one if one in '\\"$`' else one for one in value)
        lines.append(f'{name}="{quoted}"\n')
    return "".join(lines).encode()


def _smbios_string(name: str, value: bytes) -> bytes:
    encoded = base64.b64encode(value)
    return f"io.systemd.credential.binary:{name}=".encode() + encoded


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
