# ruff: noqa: INP001, TID251 - a program for Ansible, shown to it in the sandbox; no module of ours
"""Lets Ansible work on the root of an image: a connection plugin that changes into it.

Only Ansible loads it, in a process of its own inside the sandbox.
"""

import os
import subprocess
from pathlib import Path
from typing import IO

from ansible.errors import AnsibleError  # type: ignore[import-not-found]  # only there
from ansible.plugins.connection import ConnectionBase  # type: ignore[import-not-found]

DOCUMENTATION = """
name: herdbook
short_description: change into the root of the image that is being built
description: Runs commands in that root and copies files into it and out of it.
author: Herdbook
extends_documentation_fragment: [connection_pipelining]
options: {}
"""

IMAGE_FOLDER = "/run/herdbook/image"


class Connection(ConnectionBase):  # type: ignore[misc]  # its base is known to Ansible alone
    """The image's root, as root."""

    transport = "herdbook"
    has_pipelining = True

    def _connect(self) -> "Connection":
        self._connected = True
        return self

    def exec_command(
        self,
        cmd: str,
        in_data: bytes | None = None,
        sudoable: bool = True,  # noqa: FBT001, FBT002
    ) -> tuple[int, bytes, bytes]:
        """Run a shell line in the image."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        result = _run(["/bin/sh", "-c", cmd], given=in_data or b"")
        return result.returncode, result.stdout, result.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the image, links followed inside the image."""
        super().put_file(in_path, out_path)
        with Path(in_path).open("rb") as source:
            _copy(["dd", f"of={out_path}", "bs=1M", "status=none"], source=source)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the image."""
        super().fetch_file(in_path, out_path)
        with Path(out_path).open("wb") as target:
            _copy(["dd", f"if={in_path}", "bs=1M", "status=none"], target=target)

    def close(self) -> None:
        """Nothing stays open."""
        self._connected = False


def _copy(
    command: list[str], *, source: IO[bytes] | None = None, target: IO[bytes] | None = None
) -> None:
    result = subprocess.run(
        _changed_root(command),
        stdin=source or subprocess.DEVNULL,
        stdout=target or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(),
        check=False,
    )
    if result.returncode:
        raise AnsibleError(f"cannot copy a file: {result.stderr.decode(errors='replace')}")


def _run(command: list[str], given: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        _changed_root(command), input=given, capture_output=True, env=_environment(), check=False
    )


def _changed_root(command: list[str]) -> list[str]:
    return ["/usr/sbin/chroot", IMAGE_FOLDER, *command]


def _environment() -> dict[str, str]:
    """Return the environment of other steps: Ansible's own settings are nothing to the image."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
