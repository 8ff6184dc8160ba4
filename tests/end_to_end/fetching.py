"""Asks services of instances for what they answer."""

import urllib.request


def fetch(address: str) -> bytes:
    """Return the body of an answer."""
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - of this machine
        return bytes(answer.read())
