"""The Debian archive through apt's own solver, in a private state directory."""

from herdbook.drivers.apt.archive import AptArchive
from herdbook.drivers.apt.sources import Mirrors

__all__ = ["AptArchive", "Mirrors"]
