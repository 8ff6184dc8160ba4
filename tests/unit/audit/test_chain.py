"""Whatever is done to a chain of records afterwards is found, and the first place of it named."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from pydantic import JsonValue

from herdbook.audit.chain import BEGINNING, Entry, Head, Record, following, sealed, verify
from herdbook.core.digests import of_bytes
from herdbook.core.errors import VerificationError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ELSEWHERE = timezone(timedelta(hours=-9, minutes=-30))

json_values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=6,
)
entries = some.builds(
    Entry,
    who=some.text(max_size=5),
    verb=some.sampled_from(["promote", "hold", "revoke"]),
    subject=some.text(max_size=5),
    details=some.sampled_from([{}, {"a": None}, {"a": [1, {"b": True}]}, {"a": "", "b": 0.5}]),
)
moments = some.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
written = some.lists(some.tuples(entries, moments), min_size=1, max_size=4)


def chain(entered: Sequence[tuple[Entry, datetime]], start: Head | None = None) -> list[Record]:
    records: list[Record] = []
    head = start or Head()
    for entry, at in entered:
        records.append(following(head, entry, at))
        head = head_of(records)
    return records


def head_of(records: Sequence[Record]) -> Head:
    return Head(number=records[-1].number, digest=records[-1].digest) if records else Head()


def promotion(details: Mapping[str, JsonValue] | None = None) -> Entry:
    return Entry(who="ann", verb="promote", subject="shop/web@dev", details=details or {})


def refused(records: Sequence[Record], head: Head | None, start: Head | None = None) -> str:
    with pytest.raises(VerificationError) as caught:
        verify(records, head, start)
    return caught.value.message


def different(record: Record, name: str, data: some.DataObject) -> Any:
    """Return another value for a field, near the one it has or far from it."""
    value: Any = getattr(record, name)
    near: dict[str, Any] = {
        "who": f"{value} ",
        "verb": f"{value}s",
        "subject": f"{value}\0",
        "details": {**record.details, "more": None},
        "at": record.at + timedelta(microseconds=1),
        "digest": of_bytes(b"another"),
    }
    far = {"at": moments, "details": some.just({}), "digest": some.just(BEGINNING)}
    return data.draw(some.one_of(some.just(near[name]), far.get(name, some.text(max_size=5))))


@given(written)
def test_a_chain_as_it_was_written_is_verified_and_its_head_returned(
    entered: list[tuple[Entry, datetime]],
) -> None:
    records = chain(entered)
    assert verify(records, None) == verify(records, head_of(records)) == head_of(records)
    assert [each.number for each in records] == list(range(1, len(records) + 1))
    for record, (entry, at) in zip(records, entered, strict=True):
        assert (record.who, record.verb, record.subject) == (entry.who, entry.verb, entry.subject)
        assert (record.details, record.at) == (entry.details, at)


def test_an_empty_chain_has_the_empty_head() -> None:
    assert verify([], None) == verify([], Head()) == Head(number=0, digest=BEGINNING)


@given(written, some.data())
def test_a_change_of_any_field_of_any_record_is_found_and_named(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    records = chain(entered)
    index = data.draw(some.integers(0, len(records) - 1))
    name = data.draw(some.sampled_from(["who", "verb", "subject", "details", "at", "digest"]))
    changed = records[index].model_copy(update={name: different(records[index], name, data)})
    assume(json.dumps(changed.model_dump(mode="json"), sort_keys=True) != _text(records[index]))
    records[index] = changed
    assert f"Record {index + 1} of the audit is not the one" in refused(records, None)


def _text(record: Record) -> str:
    return json.dumps(record.model_dump(mode="json"), sort_keys=True)


@given(written, some.data())
def test_another_number_is_found_and_named(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    records = chain(entered)
    index = data.draw(some.integers(0, len(records) - 1))
    number = data.draw(some.integers(-2, len(records) + 2).filter(lambda each: each != index + 1))
    records[index] = records[index].model_copy(update={"number": number})
    assert f"Record {index + 1} of the audit is missing: {number} " in refused(records, None)


@given(written, some.data())
def test_a_field_is_not_moved_into_another_one_unseen(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    """Where two fields are one after the other, none lends its end to the next one's beginning."""
    records = chain(entered)
    index = data.draw(some.integers(0, len(records) - 1))
    found: Any = records[index]
    one, other = data.draw(some.sampled_from([("who", "verb"), ("verb", "subject")]))
    first, second = getattr(found, one), getattr(found, other)
    assume(second)
    moved = {one: first + second[0], other: second[1:]}
    records[index] = found.model_copy(update=moved)
    assert f"Record {index + 1} " in refused(records, None)


@given(written, some.data())
def test_a_record_that_was_removed_is_found_and_named(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    records = chain(entered)
    head = head_of(records)
    index = data.draw(some.integers(0, len(records) - 1))
    del records[index]
    message = refused(records, head)
    if index == len(records):
        assert f"cut off after record {index}: 1 are missing" in message
    else:
        assert f"Record {index + 1} of the audit is missing" in message


@given(written, some.data())
def test_a_record_that_was_removed_is_found_though_the_others_were_counted_anew(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    records = chain([*entered, (promotion(), NOW)])
    index = data.draw(some.integers(0, len(records) - 2))
    del records[index]
    counted = [each.model_copy(update={"number": number}) for number, each in enumerate(records, 1)]
    assert f"Record {index + 1} of the audit is not the one" in refused(counted, None)


@given(written, some.data())
def test_a_record_that_was_added_is_found_and_named(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    """It may be well made: the one after it does not follow on it."""
    records = chain(entered)
    head = head_of(records)
    index = data.draw(some.integers(0, len(records)))
    made = following(head_of(records[:index]), promotion({"forged": True}), NOW)
    message = refused([*records[:index], made, *records[index:]], head)
    if index == len(records):
        assert f"goes on after record {index}, which was the last one" in message
    else:
        assert f"Record {index + 2} of the audit is missing: {index + 1} " in message


@given(written, some.data())
def test_records_that_were_moved_are_found_and_the_first_of_them_named(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    records = chain(entered)
    moved = data.draw(some.permutations(records))
    assume(moved != records)
    first = next(number for number, each in enumerate(moved, 1) if each.number != number)
    assert f"Record {first} of the audit is missing" in refused(moved, head_of(records))
    counted = [each.model_copy(update={"number": number}) for number, each in enumerate(moved, 1)]
    assert f"Record {first} of the audit is not the one" in refused(counted, head_of(records))


@given(written, some.data())
def test_an_end_that_was_cut_off_is_found_and_what_lacks_is_counted(
    entered: list[tuple[Entry, datetime]], data: some.DataObject
) -> None:
    records = chain(entered)
    left = data.draw(some.integers(0, len(records) - 1))
    lacking = len(records) - left
    message = refused(records[:left], head_of(records))
    assert f"cut off after record {left}: {lacking} are missing" in message


@given(written)
def test_a_last_record_in_place_of_another_is_found_by_the_head(
    entered: list[tuple[Entry, datetime]],
) -> None:
    records = chain(entered)
    head = head_of(records)
    before = head_of(records[:-1])
    records[-1] = following(before, promotion({"forged": True}), NOW)
    assert verify(records, None) != head
    assert f"Record {head.number} of the audit is not the one that was written last" in refused(
        records, head
    )


@given(written, written)
def test_a_chain_is_verified_from_a_head_on(
    first: list[tuple[Entry, datetime]], rest: list[tuple[Entry, datetime]]
) -> None:
    start = head_of(chain(first))
    records = chain(rest, start)
    assert verify(records, head_of(records), start) == head_of(records)
    assert verify([], start, start) == start
    assert "Record 1 of the audit is missing" in refused(records, None)
    elsewhere = Head(number=start.number, digest=of_bytes(b"another"))
    assert f"Record {start.number + 1} of the audit is not" in refused(records, None, elsewhere)
    late = Head(number=start.number + 1, digest=start.digest)
    assert f"Record {start.number + 2} of the audit is missing" in refused(records, None, late)


@given(some.dictionaries(some.text(), json_values), moments)
def test_details_of_all_kinds_are_the_same_after_they_were_written_as_json(
    details: dict[str, JsonValue], at: datetime
) -> None:
    [record] = chain([(promotion(details), at)])
    read = Record.model_validate_json(json.dumps(record.model_dump(mode="json")))
    assert read == record
    assert verify([read], head_of([record])) == head_of([record])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, False),
        (False, 0),
        (0, 0.0),
        (1, True),
        (1, "1"),
        (0.0, -0.0),
        ([], {}),
        ("", None),
        ([1, [2]], [[1], 2]),
        ("e\u0301", "\u00e9"),
        (2**53, 2**53 + 1),
    ],
)
def test_values_that_are_alike_are_told_apart(one: JsonValue, other: JsonValue) -> None:
    [first], [second] = (chain([(promotion({"a": each}), NOW)]) for each in (one, other))
    assert first.digest != second.digest


def test_the_order_of_keys_makes_no_difference() -> None:
    one: dict[str, JsonValue] = {"a": 1, "b": {"c": 2, "d": 3}}
    other: dict[str, JsonValue] = {"b": {"d": 3, "c": 2}, "a": 1}
    assert chain([(promotion(one), NOW)]) == chain([(promotion(other), NOW)])


@pytest.mark.parametrize("microsecond", [0, 1, 100_000, 999_999])
def test_a_time_in_another_zone_gives_the_same_digest(microsecond: int) -> None:
    at = NOW.replace(microsecond=microsecond)
    [here] = chain([(promotion(), at)])
    [there] = chain([(promotion(), at.astimezone(ELSEWHERE))])
    assert here.digest == there.digest
    assert verify([there], head_of([here])) == head_of([here])


def test_a_microsecond_makes_a_difference() -> None:
    found = {
        following(Head(), promotion(), NOW.replace(microsecond=each)).digest for each in range(5)
    }
    assert len(found) == 5


def test_the_digest_of_a_record_is_the_same_for_ever() -> None:
    """Audits that were exported years ago are still verified."""
    [record] = chain([(promotion({"version": 3, "why": "ö"}), NOW)])
    text = (
        f'["{BEGINNING}",1,"2026-01-02T03:04:05+00:00","ann","promote","shop/web@dev",'
        '{"version":3,"why":"\\u00f6"}]'
    )
    assert record.digest == of_bytes(text.encode())


heads = some.builds(Head, number=some.integers(0, 99), digest=some.binary(max_size=2).map(of_bytes))
keys = some.binary(min_size=32, max_size=32)


@given(keys, heads, keys, heads)
def test_a_seal_fits_one_key_and_one_head(
    key: bytes, head: Head, other_key: bytes, other: Head
) -> None:
    assert sealed(key, head) == sealed(key, Head(number=head.number, digest=head.digest))
    assert len(sealed(key, head)) == 64
    same = (key, head) == (other_key, other)
    assert (sealed(key, head) == sealed(other_key, other)) is same
