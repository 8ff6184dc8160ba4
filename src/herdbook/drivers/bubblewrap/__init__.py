"""The sandbox: an overlay mounted in a mount namespace of its own, and bubblewrap on it."""

from herdbook.drivers.bubblewrap.sandbox import BubblewrapSandbox

__all__ = ["BubblewrapSandbox"]
