"""Makes networks of this machine: bridges, and what plugs instances into them."""

from herdbook.drivers.bridge.switch import BridgeSwitch

__all__ = ["BridgeSwitch"]
