"""An application of one service with a volume that is backed up, brought up through the product."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from applications import TinyApplication
from product import Herdbook


@dataclass
class Pet:
    """Its volume is backed up `to` a directory or a bucket; it may be given a `secret`."""

    application: TinyApplication
    to: str
    secret: str = ""

    @property
    def herdbook(self) -> Herdbook:
        return self.application.herdbook

    @property
    def name(self) -> str:
        return self.application.name

    @property
    def volume(self) -> str:
        return f"{self.name}_data"

    @property
    def data(self) -> Path:
        """What the service sees."""
        return self.herdbook.state / "volumes" / "directories" / "current" / self.volume

    def up(self, schedule: str = "0 3 1 1 *", keep: int = 2) -> None:
        """Bring it up or write it anew."""
        self.application.write("v1")
        document = yaml.safe_load(self.application.file.read_text())
        service = document["services"]["web"]
        service["volumes"] = ["data:/data"]
        wishes = service["x-herdbook"]
        wishes["class"] = "pet"
        wishes["backup"] = {"schedule": schedule, "keep": keep, "to": self.to}
        document["volumes"] = {"data": {}}
        if self.secret:
            service["secrets"] = ["token"]
            document["secrets"] = {"token": {"file": "./token"}}
            (self.application.folder / "token").write_text(self.secret)
        self.application.file.write_text(yaml.safe_dump(document))
        self.application.said("up", self.application.file)

    def down(self) -> None:
        self.herdbook.must("down", self.name)

    def backups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.herdbook.json("backups", self.name)
        return found
