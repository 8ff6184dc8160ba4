"""Bootable renderings of a VM variant: initrd, unified kernel image, partition table, disk."""
