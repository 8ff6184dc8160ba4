"""Answers names and hands out addresses with dnsmasq: one process for each application."""

from herdbook.drivers.dnsmasq.names import DnsmasqNames

__all__ = ["DnsmasqNames"]
