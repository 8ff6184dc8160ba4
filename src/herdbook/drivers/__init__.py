"""Adapters to other programs; no driver knows another one."""
