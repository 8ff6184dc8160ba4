"""Tells whether an instance of no application answers; those of applications have probes."""

from herdbook.fleet.instances import Seen, State
from herdbook.fleet.ports import Network


def ready(network: Network, seen: Seen) -> bool | None:
    """Tell whether an instance answers its health check; None where it has none."""
    if not seen.health_path or not seen.ports:
        return None
    if seen.state is not State.RUNNING:
        return False
    port = seen.ports[0]
    return network.answers(port.host_address, port.host_port, seen.health_path)
