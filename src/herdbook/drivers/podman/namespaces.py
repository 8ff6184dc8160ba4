"""Looks into a network namespace for the address an instance will have."""

import json
from pathlib import Path

from herdbook.drivers import process

_OWN_NAME_ADDRESS = "127.0.1.1"
"""What Debian has a machine's own name stand for where it has no address."""


def own_address(namespace: Path) -> str:
    """Return the first IPv4 address there that others can reach, or one that stands for itself."""
    listing = ["ip", "-json", "-4", "address", "show", "scope", "global"]
    result = process.run(["nsenter", f"--net={namespace}", process.find("ip"), *listing[1:]])
    cards = json.loads(result.output or "[]") if result.succeeded else []
    addresses = (each["local"] for card in cards for each in card.get("addr_info", ()))
    return next(addresses, _OWN_NAME_ADDRESS)
