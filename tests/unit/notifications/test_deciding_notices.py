"""Each subscriber is told of all it wants, in order; trouble only delays it, up to a day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herdbook.audit.chain import Entry, Head, Record, following
from herdbook.core.errors import InvalidInputError
from herdbook.notifications.deciding import TOO_OLD, failed, is_due, next_of, told
from herdbook.notifications.model import (
    Course,
    Kind,
    Subscription,
    check_address,
    check_subscription_name,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
VERBS = ("promote", "revoke", "rollout-complete")


def records(*verbs: str, at: datetime = NOW) -> list[Record]:
    found, head = [], Head()
    for verb in verbs:
        entry = Entry(who="ann", verb=verb, subject="shop/web@production")
        found.append(following(head, entry, at))
        head = Head(number=found[-1].number, digest=found[-1].digest)
    return found


def subscription(kind: Kind, *verbs: str) -> Subscription:
    return Subscription("chat", kind, "https://chat.example/x", verbs or ("*",))


@given(st.lists(st.sampled_from(VERBS), max_size=30), st.sets(st.sampled_from(VERBS)))
def test_told_again_and_again_one_gets_all_that_is_wanted_once_and_in_order(
    verbs: list[str], wanted: set[str]
) -> None:
    every = records(*verbs)
    for kind in Kind:
        course, got = Course(0), list[Record]()
        while True:
            found = next_of(
                subscription(kind, *(wanted or {"nothing"})), course, every[course.number :], NOW
            )
            course = told(found.course, NOW)
            if not found.records:
                break
            got += found.records
        assert got == [each for each in every if each.verb in wanted]
        assert course.number == len(every)


def test_a_webhook_gets_one_and_a_mail_all_that_there_is() -> None:
    every = records("promote", "revoke", "promote")
    hook = next_of(subscription(Kind.WEBHOOK, "promote"), Course(0), every, NOW)
    assert ([each.number for each in hook.records], hook.course.number) == ([1], 1)
    mail = next_of(subscription(Kind.MAIL, "promote"), Course(0), every, NOW)
    assert ([each.number for each in mail.records], mail.course.number) == ([1, 3], 3)


def test_what_is_older_than_a_day_is_given_up_and_counted() -> None:
    old = records("promote", "revoke", at=NOW - TOO_OLD - timedelta(seconds=1))
    found = next_of(subscription(Kind.WEBHOOK, "promote"), Course(0, given_up=2), old, NOW)
    assert found.records == ()
    assert (found.course.number, found.course.given_up) == (2, 3)


def test_subjects_are_patterns_too() -> None:
    shop = Subscription("chat", Kind.MAIL, "a@b", subjects="shop/*")
    other = Subscription("chat", Kind.MAIL, "a@b", subjects="team/*")
    [record] = records("promote")
    assert (shop.wants(record), other.wants(record)) == (True, False)


def test_each_failure_waits_twice_as_long_up_to_an_hour_and_success_forgets_it() -> None:
    course, waits = Course(0), []
    for _ in range(12):
        course = failed(course, NOW, "it is deaf")
        assert course.again_at
        waits.append((course.again_at - NOW).total_seconds())
    assert waits[:3] == [10, 20, 40]
    assert waits[-1] == 3600
    assert course.failures == 12
    assert not is_due(course, NOW)
    assert is_due(course, NOW + timedelta(hours=1))
    after = told(course, NOW)
    assert (after.failures, after.again_at, after.trouble, after.told_at) == (0, None, "", NOW)


@pytest.mark.parametrize("name", ["", "A", "../x", "a b", "a" * 64])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_subscription_name(name)


@pytest.mark.parametrize(
    ("kind", "address", "good"),
    [
        (Kind.WEBHOOK, "https://chat.example/hook?token=1", True),
        (Kind.WEBHOOK, "http://[::1]:8080", True),
        (Kind.WEBHOOK, "ftp://chat.example", False),
        (Kind.WEBHOOK, "https://", False),
        (Kind.WEBHOOK, "https://user:secret@chat.example", False),
        (Kind.MAIL, "ops@example.org", True),
        (Kind.MAIL, "ops@example.org, all@example.org", False),
        (Kind.MAIL, "ops\n@example.org", False),
        (Kind.MAIL, "ops", False),
        (Kind.MAIL, "a..b@example.org", False),
        (Kind.MAIL, "ü@example.org", False),
        (Kind.MAIL, "a(b@example.org", False),
        (Kind.MAIL, "ops@example..org", False),
    ],
)
def test_an_address_is_one_of_its_kind(kind: Kind, address: str, *, good: bool) -> None:
    if good:
        assert check_address(kind, address) == address
    else:
        with pytest.raises(InvalidInputError):
            check_address(kind, address)
