"""OpenID providers: their keys, the ID tokens they sign, and logging in by the device grant."""

from herdbook.drivers.openid.providers import HttpOpenIdProviders

__all__ = ["HttpOpenIdProviders"]
