"""Decides which packages share a layer: what is patched often lies alone, the rest together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from herdbook.packages.model import LockedPackage

HOT_SOURCES = frozenset(
    {
        "ca-certificates",
        "curl",
        "expat",
        "glibc",
        "gnutls28",
        "krb5",
        "linux",
        "nodejs",
        "openssl",
        "perl",
        "python3.9",
        "python3.11",
        "python3.13",
        "sqlite3",
        "systemd",
        "tzdata",
        "zlib",
    }
)
"""Sources with frequent security updates in past suites, each worth a layer of its own."""

_KERNEL_SOURCES = {"linux-signed-amd64": "linux", "linux-signed-arm64": "linux"}


@dataclass(frozen=True)
class Group:
    """Packages that share one layer, under a name people can recognise."""

    name: str
    packages: tuple[LockedPackage, ...]


def groups(
    packages: Sequence[LockedPackage], variants: Mapping[str, frozenset[str]]
) -> list[Group]:
    """Split packages into groups; `variants` maps a package's name to the variants that hold it.

    A hot source is a group for each distinct membership of its packages, and so are the cold
    ones together, so that no variant is given a package it did not ask for. Groups held by more
    variants come first: they are the lower layers.
    """
    members: dict[tuple[int, str, str], list[LockedPackage]] = {}
    for package in packages:
        membership = variants[package.name]
        source = _KERNEL_SOURCES.get(package.source, package.source)
        base = source if source in HOT_SOURCES else "packages"
        key = (-len(membership), base, "+".join(sorted(membership)))
        members.setdefault(key, []).append(package)
    return [
        Group(f"{base}@{membership}", tuple(sorted(found, key=lambda each: each.name)))
        for (_, base, membership), found in sorted(members.items())
    ]
