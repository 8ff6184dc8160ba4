"""Runs VM variants with QEMU: no daemon, one process and one directory for each machine."""

from herdbook.drivers.qemu.engine import QemuEngine
from herdbook.drivers.qemu.volumes import disk_volumes

__all__ = ["QemuEngine", "disk_volumes"]
