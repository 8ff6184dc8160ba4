"""What cannot be handed over is refused before anything is started."""

from pathlib import Path

import pytest

from herdbook.core.digests import of_bytes
from herdbook.core.errors import InvalidInputError
from herdbook.drivers.handover import check_handover
from herdbook.fleet.instances import ContainerArtefact, Origin, Wanted


def _wanted(environment: dict[str, str], secrets: dict[str, bytes]) -> Wanted:
    digest = of_bytes(b"web")
    artefact = ContainerArtefact(Path("layout"), digest)
    origin = Origin("web", 1, digest)
    return Wanted("web", origin, artefact, environment=environment, secrets=secrets)


def test_ordinary_names_and_values_pass() -> None:
    check_handover(_wanted({"A": "", "_b1": "a = 'b' \"c\" # d"}, {"tls.key": b"\0\n"}))


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n"])
def test_name_that_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_handover(_wanted({name: "value"}, {}))


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_value_of_several_lines_is_refused_with_a_way_out(value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_handover(_wanted({"A": value}, {}))
    assert "secret" in caught.value.hint


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "a b", "a=b", "a" * 129])
def test_name_that_is_no_file_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_handover(_wanted({}, {name: b"value"}))
