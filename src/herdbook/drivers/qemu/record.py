"""Keeps what must be known about a machine in a file, written before the machine is started."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from herdbook.core.digests import Digest
from herdbook.core.whole_files import write_whole
from herdbook.fleet.instances import Origin, PublishedPort, RunningProcess, Seen, State


@dataclass(frozen=True)
class Record:
    """What was wanted of a machine, and under which circumstances it was started.

    `boot_id` names the time between two restarts of this computer; `monitor` is the socket by
    which QEMU is controlled. `volumes` are in the order of the machine's disks. `inside` tells
    whether it has ports by which commands are run in it, `asking` whether programs have their own.
    """

    name: str
    origin: Origin
    ports: tuple[PublishedPort, ...]
    health_path: str
    accelerator: str
    started_at: datetime
    boot_id: str
    monitor: Path
    owner: str = ""
    volumes: tuple[Path, ...] = ()
    inside: bool = False
    asking: bool = False

    def seen(
        self, engine: str, state: State, reason: str, process: RunningProcess | None = None
    ) -> Seen:
        """Return the machine as the port describes instances; `process` is QEMU if it runs."""
        return Seen(
            name=self.name,
            engine=engine,
            state=state,
            origin=self.origin,
            ports=self.ports,
            started_at=self.started_at,
            reason=reason,
            health_path=self.health_path,
            accelerator=self.accelerator,
            owner=self.owner,
            process=process,
        )


def write_record(record: Record, path: Path) -> None:
    """Write the record; a reader never sees half of it."""
    document = {
        **asdict(record),
        "started_at": record.started_at.isoformat(),
        "monitor": str(record.monitor),
        "volumes": [str(path) for path in record.volumes],
    }
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode())


def read_record(path: Path) -> Record | None:
    """Return the record, or None where nothing was written (then nothing was started either)."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    origin = document["origin"]
    return Record(
        name=document["name"],
        origin=Origin(origin["image"], origin["number"], Digest(origin["digest"])),
        ports=tuple(PublishedPort(**port) for port in document["ports"]),
        health_path=document["health_path"],
        accelerator=document["accelerator"],
        started_at=datetime.fromisoformat(document["started_at"]),
        boot_id=document["boot_id"],
        monitor=Path(document["monitor"]),
        owner=document.get("owner", ""),  # absent where an older Herdbook started the machine
        volumes=tuple(Path(path) for path in document.get("volumes", ())),
        inside=document.get("inside", False),
        asking=document.get("asking", False),
    )
