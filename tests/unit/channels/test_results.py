"""What came of trying a version is stated whole, and read back as it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some
from versions import digest

from herdbook.channels.results import Part, Result, ResultKind, read_result, result_statement
from herdbook.core.errors import VerificationError
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.statements import statement

NOW = datetime(2026, 1, 5, 12, 0, 0, 7, tzinfo=UTC)
GOOD, BAD = Part("good", passed=True, seconds=1.25), Part("bad", passed=False, said="no\nway")
ONE = Result(
    *("shop/web", 3, digest("3"), ResultKind.TESTS, NOW, "ann"),
    *((GOOD, BAD), "container", digest("text")),
)
PARTS = some.lists(
    some.builds(Part, some.text(), some.booleans(), some.integers(0, 9).map(float), some.text())
)


def envelope(payload: bytes) -> Envelope:
    return Envelope(payload, "", b"")


@given(some.sampled_from(ResultKind), PARTS, some.text())
def test_what_was_stated_is_read_back(kind: ResultKind, parts: list[Part], name: str) -> None:
    told = replace(ONE, kind=kind, parts=tuple(parts), name=name)
    assert read_result(envelope(result_statement(told))) == told


def test_it_is_a_test_result_as_in_toto_defines_it() -> None:
    content = json.loads(result_statement(ONE))
    assert content["_type"] == "https://in-toto.io/Statement/v1"
    assert content["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    [subject] = content["subject"]
    assert f"sha256:{subject['digest']['sha256']}" == digest("3")
    predicate = content["predicate"]
    assert predicate["result"] == "FAILED"
    assert (predicate["passedTests"], predicate["failedTests"]) == (["good"], ["bad"])
    assert [each["name"] for each in predicate["configuration"]] == ["tests container"]


def test_it_passed_where_something_was_tried_and_all_of_it_passed() -> None:
    assert replace(ONE, parts=(GOOD, GOOD)).passed
    assert not ONE.passed
    assert not replace(ONE, parts=()).passed


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", statement({"a": digest("a")}, "urn:x", {})])
def test_another_statement_is_no_result(payload: bytes) -> None:
    with pytest.raises(VerificationError):
        read_result(envelope(payload))


def test_a_statement_without_our_part_is_no_result() -> None:
    content = json.loads(result_statement(ONE))
    del content["predicate"]["herdbook"]
    with pytest.raises(VerificationError):
        read_result(envelope(json.dumps(content).encode()))
