"""Herdbook: one definition becomes a golden image for virtual machines and containers."""
