"""Asks instances how they are, many side by side."""

from herdbook.drivers.probes.prober import HostProber

__all__ = ["HostProber"]
