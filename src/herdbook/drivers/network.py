"""Looks at the network of this machine: free ports, and whether a service answers."""

import http.client
import socket

_FIRST_ERROR_STATUS = 400


class HostNetwork:
    """Looks at this machine only; nothing here leaves it unless an instance is published beyond."""

    def free_port(self) -> int:
        """Return a TCP port of this machine that nobody uses now."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def answers(self, address: str, port: int, path: str, limit_seconds: float = 1.0) -> bool:
        """Tell whether an HTTP GET is answered with 2xx or 3xx within the limit."""
        connection = http.client.HTTPConnection(address, port, timeout=limit_seconds)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status < _FIRST_ERROR_STATUS
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
