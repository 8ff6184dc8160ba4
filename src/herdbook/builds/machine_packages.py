"""The packages a machine needs and a container does not."""

MACHINE_PACKAGES = (
    "busybox-static",
    "linux-image-cloud-amd64",
    "systemd",
    "systemd-boot-efi",
    "systemd-sysv",
)
"""Kernel, init, what the initrd is made of, and the stub that a disk's firmware starts."""
