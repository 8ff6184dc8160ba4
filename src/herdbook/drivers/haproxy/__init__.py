"""Spreads requests over instances with HAProxy: one process for each application."""

from herdbook.drivers.haproxy.balancer import HaproxyBalancer

__all__ = ["HaproxyBalancer"]
