"""Real S3 servers of the tests' own: two programs that people use, which check signatures."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

ACCESS_KEY = "AKIAHERDBOOKTESTS"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYofTESTS"  # noqa: S105 - of servers that end with the tests
STRANGERS_KEY = "AKIASTRANGER"
_BIN = Path(sys.executable).parent
_LIMIT_SECONDS = 60.0


@dataclass
class S3Server:
    """A server with a folder of its own; `kill` and `start` again keep what it has."""

    name: str
    folder: Path
    port: int
    command: list[str]
    certificate: Path | None = None
    _program: "subprocess.Popen[bytes] | None" = None

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers who may ask."""
        with (self.folder / "log").open("ab") as log:
            self._program = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _LIMIT_SECONDS
        while not self._answers():
            assert self._program.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with -9."""
        if self._program is not None:
            os.killpg(self._program.pid, signal.SIGKILL)
            self._program.wait()
            self._program = None

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"test-{uuid4()}"
        client(self.endpoint, self.certificate).create_bucket(Bucket=name)
        return name

    def address(self, bucket: str = "", prefix: str = "backups/here") -> str:
        """The address of a place in a bucket, by default a new one."""
        return f"s3://{bucket or self.new_bucket()}/{prefix}?endpoint={self.endpoint}"

    def _answers(self) -> bool:
        try:
            client(self.endpoint, self.certificate).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True


def client(endpoint: str, certificate: Path | None = None) -> Any:
    """Botocore's own client, to make buckets and to look at what is there."""
    return Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        verify=str(certificate) if certificate else None,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
        ),
    )


def credentials() -> Mapping[str, str]:
    """What a program needs in its environment to be let in."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS: a distributed store, here all of it in one process."""
    data = folder / "data"
    data.mkdir(parents=True)
    identities = [
        _identity("herdbook", ACCESS_KEY, ["Admin", "Read", "Write", "List", "Tagging"]),
        _identity("stranger", STRANGERS_KEY, ["Read:another"]),
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    ports = _free_ports(8)
    master, volume, filer, s3 = ports[:4]
    options = {
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "master.port.grpc": ports[4],
        "master.volumeSizeLimitMB": 64,
        "volume.port": volume,
        "volume.port.grpc": ports[5],
        "volume.max": 200,
        "filer": "true",
        "filer.localSocket": folder / "filer.sock",
        "s3.localSocket": folder / "s3.sock",
        "filer.port": filer,
        "filer.port.grpc": ports[6],
        "s3": "true",
        "s3.port": s3,
        "s3.port.grpc": ports[7],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.config": folder / "s3.json",
    }
    command = [str(_BIN / "weed"), "server", *(f"-{key}={value}" for key, value in options.items())]
    yield from _running(S3Server("seaweedfs", folder, s3, command))


@contextmanager
def rclone(folder: Path, pair: tuple[Path, Path] | None = None) -> Iterator[S3Server]:
    """Rclone, which gives a folder out as buckets; with a certificate and its key, by TLS."""
    data = folder / "data"
    data.mkdir(parents=True)
    (port,) = _free_ports(1)
    command = [str(_BIN / "rclone"), "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", str(folder / "rclone.conf")]
    if pair:
        command += ["--cert", str(pair[0]), "--key", str(pair[1])]
    yield from _running(S3Server("rclone", folder, port, command, pair[0] if pair else None))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in probes:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in probes]


def _identity(name: str, key: str, actions: list[str]) -> dict[str, object]:
    pair = {"accessKey": key, "secretKey": SECRET_KEY}
    return {"name": name, "credentials": [pair], "actions": actions}


def _running(server: S3Server) -> Iterator[S3Server]:
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)
