"""What instances know of this machine."""

from herdbook.fleet.own_settings import known_hosts


def test_this_machine_is_known_by_its_address_in_the_instance_s_network() -> None:
    written = {"host.docker.internal": ("host-gateway",), "a": ("10.0.0.1", "host-gateway")}
    assert known_hosts(written, "10.213.7.1") == {
        "host.docker.internal": ("10.213.7.1",),
        "a": ("10.0.0.1", "10.213.7.1"),
    }


def test_in_no_network_this_machine_has_no_address() -> None:
    assert known_hosts({"a": ("10.0.0.1", "host-gateway")}, "") == {"a": ("10.0.0.1",)}
    assert known_hosts({"host": ("host-gateway",)}, "") == {"host": ()}
