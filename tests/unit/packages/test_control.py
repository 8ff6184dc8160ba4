"""Control stanzas are read as Debian Policy, chapter 5, writes them."""

import pytest

from herdbook.core.errors import VerificationError
from herdbook.packages.control import Control, parse_control, source_of, stanza

MINIMAL = "Package: hello\nVersion: 1:2.10-3\nArchitecture: amd64\n"


def test_a_minimal_stanza_needs_nothing() -> None:
    assert parse_control(MINIMAL) == Control(
        name="hello",
        version="1:2.10-3",
        architecture="amd64",
        essential=False,
        multi_arch_same=False,
        pre_depends=(),
        depends=(),
        provides=(),
    )


def test_relations_are_alternatives_by_name_without_versions_and_architectures() -> None:
    control = parse_control(
        MINIMAL
        + "Pre-Depends: libc6 (>= 2.36), dpkg (>= 1.19.1) | dpkg-old\n"
        + "Depends: python3:any (<< 3.12),\n libssl3 (>= 3.0.0) | libssl1.1, init\n"
        + "Provides: greeter (= 2), hi\n"
    )
    assert control.pre_depends == (("libc6",), ("dpkg", "dpkg-old"))
    assert control.depends == (("python3",), ("libssl3", "libssl1.1"), ("init",))
    assert control.provides == ("greeter", "hi")


@pytest.mark.parametrize(
    ("field", "expected"), [("Essential: yes", True), ("Essential: no", False), ("", False)]
)
def test_essential_is_yes_or_not(field: str, expected: bool) -> None:  # noqa: FBT001
    assert parse_control(MINIMAL + field).essential is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("same", True), ("foreign", False), ("allowed", False)]
)
def test_only_multi_arch_same_is_of_interest(value: str, expected: bool) -> None:  # noqa: FBT001
    assert parse_control(f"{MINIMAL}Multi-Arch: {value}\n").multi_arch_same is expected


def test_field_names_are_found_whatever_their_case() -> None:
    assert parse_control(MINIMAL.replace("Package", "PACKAGE")).name == "hello"


def test_a_long_description_is_no_field() -> None:
    fields = stanza(MINIMAL + "Description: greets\n Essential: yes\n .\n Depends: nothing\n")
    assert "essential" not in fields
    assert "depends" not in fields


@pytest.mark.parametrize("field", ["Package", "Version", "Architecture"])
def test_a_stanza_without_what_every_package_has_is_refused(field: str) -> None:
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(field)]
    with pytest.raises(VerificationError, match=field.lower()):
        parse_control("\n".join(lines))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ("hello", "1:2.10-3")),
        ("Source: hello-src\n", ("hello-src", "1:2.10-3")),
        ("Source: glibc (2.36-9)\n", ("glibc", "2.36-9")),
        ("Source: hello (1:2.10-2)\n", ("hello", "1:2.10-2")),
    ],
)
def test_the_source_may_be_left_out(source: str, expected: tuple[str, str]) -> None:
    assert source_of(stanza(MINIMAL + source)) == expected
