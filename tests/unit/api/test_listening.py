"""The server listens where it is told to, and in the clear only where nobody else can reach it."""

import socket
from pathlib import Path

import pytest

from herdbook.api.listening import Listening, listening, opened, port_of
from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.server.settings import Settings


def settings(listen: str, certificate: str = "", key: str = "") -> Settings:
    paths = [Path(each) if each else None for each in (certificate, key)]
    return Settings(Path("/none"), "", listen=listen, certificate=paths[0], key=paths[1])


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert listening(settings("")) is None


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5000", "127.0.0.1", 5000),
        ("localhost:0", "localhost", 0),
        ("[::1]:5000", "::1", 5000),
        ("127.1.2.3:80", "127.1.2.3", 80),
    ],
)
def test_this_machine_itself_is_served_in_the_clear(text: str, host: str, port: int) -> None:
    assert listening(settings(text)) == Listening(host, port)


@pytest.mark.parametrize("text", ["0.0.0.0:5000", "[::]:5000", "192.0.2.1:5000"])
def test_others_are_not(text: str) -> None:
    with pytest.raises(InvalidInputError, match="in the clear"):
        listening(settings(text))
    sealed = listening(settings(text, "/cert", "/key"))
    assert sealed is not None
    assert sealed.tls


@pytest.mark.parametrize(
    "text",
    [
        "5000",
        ":5000",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:70000",
        "::1:5000",
        "a b:1",
        "-",
        "a..b:1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"ADDRESS:PORT|no address"):
        listening(settings(text))


@pytest.mark.parametrize(("certificate", "key"), [("/cert", ""), ("", "/key")])
def test_a_certificate_and_its_key_go_together(certificate: str, key: str) -> None:
    with pytest.raises(InvalidInputError, match="go together"):
        listening(settings("127.0.0.1:5000", certificate, key))


def test_all_addresses_of_a_name_get_the_same_port() -> None:
    sockets = opened(Listening("localhost", 0))
    try:
        assert {each.getsockname()[1] for each in sockets} == {port_of(sockets)}
    finally:
        for each in sockets:
            each.close()


def test_a_taken_port_is_a_conflict() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Listening("127.0.0.1", other.getsockname()[1])
        with pytest.raises(ConflictError, match="is taken"):
            opened(taken)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no address of this machine"):
        opened(Listening("192.0.2.1", 0))
