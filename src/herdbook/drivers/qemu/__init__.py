"""Runs VM variants with QEMU: no daemon, one process and one directory for each machine."""

from herdbook.drivers.qemu.engine import QemuEngine

__all__ = ["QemuEngine"]
