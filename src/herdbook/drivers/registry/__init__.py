"""Registries over HTTP, as the OCI distribution specification 1.1 has them."""

from herdbook.drivers.registry.driver import HttpRegistry

__all__ = ["HttpRegistry"]
