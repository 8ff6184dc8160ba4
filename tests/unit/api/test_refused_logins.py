"""What is written of refused logins is little, whoever tries whatever how often, and all count."""

from hypothesis import given
from hypothesis import strategies as st

from herdbook.api.refused_logins import RefusedLogins

logins = st.tuples(st.integers(0, 300), st.sampled_from(["", "anna", "bob"]), st.floats(0, 40))


@given(st.lists(logins, max_size=400))
def test_a_name_and_address_once_a_minute_and_few_altogether_and_none_is_lost(
    tried: list[tuple[int, str, float]],
) -> None:
    now = 0.0
    logins = RefusedLogins(lambda: now)
    told: list[tuple[float, str, str, int]] = []
    for machine, who, later in tried:
        now += later
        logins.add(f"192.0.2.{machine}", who, "wrong")
        told += [(now, each.address, each.name, each.count) for each in logins.due()]
    for at, address, name, _ in told:
        minute = [each for each in told if at <= each[0] < at + 60]
        assert len(minute) <= 30
        assert sum(each[1:3] == (address, name) for each in minute) == 1
    left = logins.due(last=True)
    assert sum(each[3] for each in told) + sum(each.count for each in left) == len(tried)


def test_very_many_addresses_are_not_all_remembered() -> None:
    logins = RefusedLogins(lambda: 0.0)
    for number in range(5000):
        logins.add(f"2001:db8::{number:x}", "", "wrong")
    found = logins.due(last=True) + logins.due(last=True)
    assert len(found) <= 1001
    assert sum(each.count for each in found) == 5000


def test_the_first_is_due_at_once_and_the_next_in_a_minute_with_a_count() -> None:
    now = 0.0
    logins = RefusedLogins(lambda: now)
    logins.add("192.0.2.1", "anna", "wrong")
    assert [each.count for each in logins.due()] == [1]
    for _ in range(7):
        logins.add("192.0.2.1", "anna", "wrong")
        assert logins.due() == []
    now = 60.0
    assert [each.count for each in logins.due()] == [7]
