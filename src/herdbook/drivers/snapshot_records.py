"""Keeps what must be known about a snapshot in a file beside its content."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from herdbook.core.digests import Digest
from herdbook.core.whole_files import write_whole
from herdbook.fleet.volumes import Snapshot

_ABOUT = "snapshot.json"


@dataclass(frozen=True)
class About:
    """What is written of a snapshot beside its content."""

    snapshot: Snapshot
    fingerprint: Digest


def write_about(about: About, folder: Path) -> None:
    """Write the record of a snapshot into its folder."""
    verified_at = about.snapshot.verified_at
    document = {
        "taken_at": about.snapshot.taken_at.isoformat(),
        "size_bytes": about.snapshot.size_bytes,
        "fingerprint": about.fingerprint,
        "verified_at": verified_at.isoformat() if verified_at else None,
    }
    write_whole(folder / _ABOUT, (json.dumps(document, indent=2) + "\n").encode())


def read_about(place: Path) -> About:
    """Return the record of a snapshot; its folder is named after it, and lies in its volume's."""
    document = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
    taken_at = datetime.fromisoformat(document["taken_at"])
    verified = document.get("verified_at")
    snapshot = Snapshot(
        place.parent.name,
        place.name,
        taken_at,
        document["size_bytes"],
        datetime.fromisoformat(verified) if verified else None,
    )
    return About(snapshot, Digest(document["fingerprint"]))
