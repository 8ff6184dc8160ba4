"""Makes file systems and disks with erofs-utils, e2fsprogs, dosfstools, mtools and qemu-img."""

from herdbook.drivers.rendering.programs import ProgramRenderer, Tool

__all__ = ["ProgramRenderer", "Tool"]
