"""A port that somebody listens on is refused by its number."""

import socket

import pytest

from herdbook.core.errors import ConflictError
from herdbook.drivers.host_ports import refuse_taken_ports
from herdbook.fleet.instances import PublishedPort


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_port_is_taken_while_somebody_listens(family: socket.AddressFamily) -> None:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        port = PublishedPort(80, listener.getsockname()[1], address)
        with pytest.raises(ConflictError, match=str(port.host_port)) as caught:
            refuse_taken_ports([port])
        assert str(port.host_port) in caught.value.hint
    refuse_taken_ports([port])
