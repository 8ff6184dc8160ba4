"""Carries messages to webhooks over HTTP, and to people by mail."""

from herdbook.drivers.couriers.courier import HostCourier

__all__ = ["HostCourier"]
