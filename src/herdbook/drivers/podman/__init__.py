"""Runs container variants with the user's own Podman."""

from herdbook.drivers.podman.engine import PodmanEngine

__all__ = ["PodmanEngine"]
