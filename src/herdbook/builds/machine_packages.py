"""The packages a machine needs and a container does not."""

_EVERYWHERE = ("busybox-static", "linux-image-cloud-amd64", "systemd-sysv", "tiny-initramfs")
"""Kernel, init, and what the initrd is made of.

A kernel package wants something that makes an initrd. Herdbook makes its own, so the smallest
one will do: initramfs-tools would bring udev, klibc and seven packages more to keep patched.
"""

_EFI_STUB = "systemd-boot-efi"
"""What a disk's firmware starts; before bookworm it was part of systemd itself."""


def machine_packages_of(suite: str) -> tuple[str, ...]:
    """Return the packages that a VM of a suite needs."""
    return _EVERYWHERE if suite == "bullseye" else (*_EVERYWHERE, _EFI_STUB)
