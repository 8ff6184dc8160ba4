"""npm packages: downloaded from the registry this machine's npm is set up with, kept by digest."""

from herdbook.drivers.npm.node_packages import NpmNodePackages

__all__ = ["NpmNodePackages"]
