"""Versions that advisories speak of, and feeds to be imported."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from channel_images import whole_version

from herdbook.actions.import_advisories import import_advisories
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import Version
from herdbook.trust.ports import Import

CVE = "CVE-2026-1"


def debian(name: str, version: str) -> Component:
    """Return a package of bookworm that is its own source."""
    return Component(Ecosystem.DEBIAN, name, version, "bookworm", "amd64", name, version)


OLD_SSL, NEW_SSL = debian("openssl", "3.0.9-1"), debian("openssl", "3.0.11-1")
FLASK = Component(Ecosystem.PYTHON, "flask", "2.0.0")


def add_holding(
    workshop: Workshop, *held: Component, image: str = "shop/web", scanned: bool = True
) -> Version:
    """Add the next version of an image, which holds these components in a layer of its own."""
    new = whole_version(workshop, image)
    (own,) = new.variants[0].layers
    bill = LayerBill(own.digest, held, Origin.SCANNED if scanned else Origin.NOT_SCANNED)
    return workshop.versions.add(replace(new, bills=(bill,)))


def tracker(name: str = CVE, severity: str = "high", fixed: str = "3.0.11-1") -> dict[str, Any]:
    """Return what Debian's tracker says of openssl."""
    status = {"status": "resolved", "fixed_version": fixed} if fixed else {"status": "open"}
    return {"openssl": {name: {"releases": {"bookworm": {**status, "urgency": severity}}}}}


def exploited(name: str = CVE) -> dict[str, Any]:
    """Return the list of what is known to be exploited."""
    entry = {"cveID": name, "dateAdded": "2026-01-01"}
    return {"catalogVersion": "1", "vulnerabilities": [entry]}


def not_affected(name: str = CVE, image: str = "shop/web") -> dict[str, Any]:
    """Return what somebody says who has looked: it does not matter there."""
    statement = {
        "vulnerability": name,
        "products": [image],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
    }
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "our people",
        "timestamp": "2026-01-02T00:00:00Z",
        "statements": [statement],
    }


def import_feed(workshop: Workshop, content: dict[str, Any]) -> Import:
    """Import advisories, as from a file."""
    with workshop.staging() as folder:
        return import_advisories(workshop, str(written(folder / "feed.json", content)))


def written(path: Path, content: dict[str, Any]) -> Path:
    """Write a feed into a file."""
    path.write_text(json.dumps(content))
    return path
