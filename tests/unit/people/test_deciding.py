"""Who may do what follows from grants alone, and a token only ever takes away."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.people.acts import MAY, Act
from herdbook.people.deciding import Asker, may_read, refuse_without_admin, why_not
from herdbook.people.model import (
    Authority,
    Grant,
    Means,
    Role,
    Standing,
    covers,
    read_subject,
    subject_of,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ROBOT = "robot:ci"
IMAGES = ("shop/web", "shop/db", "other/web", "shop")
PATTERNS = ("*", "shop/*", "shop/web", "*/web", "**", "other/?eb")


def granted(subject: str, role: Role = Role.ADMIN, images: str = "*") -> Grant:
    return Grant(read_subject(subject), role, images, NOW, "root")


subjects = st.sampled_from(["user:anna", "user:bob", "group:ops", "group:none", ROBOT])
grants = st.builds(
    granted,
    subjects,
    st.sampled_from(Role),
    st.sampled_from(PATTERNS),
)
authorities = st.builds(
    Authority,
    st.just(Means.TOKEN),
    st.just("t"),
    st.none() | st.sampled_from(Role),
    st.sampled_from(PATTERNS),
)
images_of_it = st.lists(st.sampled_from(IMAGES), max_size=3)
some_grants = st.lists(grants, max_size=4)
actors = st.sampled_from(["anna", ROBOT])


def standing(given_: Iterable[Grant], *disabled: str) -> Standing:
    return Standing(tuple(given_), frozenset(disabled))


def asker(actor: str = "anna", authority: Authority | None = None) -> Asker:
    return Asker(actor, authority or Authority(), lambda: {"ops"})


def may(
    who: Standing, act: Act, *images: str, actor: str = "anna", by: Authority | None = None
) -> bool:
    return not why_not(who, asker(actor, by), act, images)


@pytest.mark.parametrize("act", Act)
def test_without_any_grant_people_may_do_everything_and_robots_nothing(act: Act) -> None:
    assert may(Standing(), act, "shop/web")
    assert may(Standing(), act)
    assert not may(Standing(), act, "shop/web", actor=ROBOT)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", Act)
def test_a_role_is_for_its_acts_and_its_images_and_no_others(role: Role, act: Act) -> None:
    has = standing([granted("user:anna", role, "shop/*")])
    wanted = role in MAY[act]
    assert may(has, act, "shop/web") == wanted
    assert may(has, act, "shop/web", "shop/db") == wanted
    assert not may(has, act, "shop/web", "other/web")
    assert not may(has, act), "what is done to all there is takes a role for all there is"
    assert not may(has, act, "shop/web", actor="bob")


@pytest.mark.parametrize("act", Act)
def test_a_group_s_role_is_its_members(act: Act) -> None:
    assert may(standing([granted("group:ops")]), act)
    assert not may(standing([granted("group:others")]), act)


@pytest.mark.parametrize("act", Act)
def test_who_is_disabled_may_nothing_whatever_they_were_granted(act: Act) -> None:
    assert not may(standing([granted("user:anna")], "anna"), act)
    assert not may(standing([], "anna"), act)
    assert may(standing([granted("user:anna")], "bob"), act)


@pytest.mark.parametrize("act", Act)
def test_herdbook_itself_is_never_refused(act: Act) -> None:
    system = Authority(Means.SYSTEM)
    assert may(standing([granted("user:bob")]), act, actor="herdbook serve", by=system)


@given(some_grants, st.sampled_from(Act), images_of_it, actors, authorities)
def test_a_token_never_adds_anything(
    given_: list[Grant], act: Act, images: list[str], actor: str, by: Authority
) -> None:
    has = standing(given_)
    if may(has, act, *images, actor=actor, by=by):
        assert may(has, act, *images, actor=actor)
        assert by.role is None or by.role in MAY[act]
        assert all(covers(by.images, image) for image in images or ["*"])


@given(some_grants, grants, st.sampled_from(Act), images_of_it)
def test_another_grant_never_takes_anything_away_once_roles_hold(
    given_: list[Grant], more: Grant, act: Act, images: list[str]
) -> None:
    if given_ and may(standing(given_), act, *images):
        assert may(standing([*given_, more]), act, *images)


def test_groups_are_asked_for_only_where_something_hangs_on_them() -> None:
    def fail() -> frozenset[str]:
        raise AssertionError

    has = standing([granted("user:anna", Role.VIEWER, "shop/*")])
    assert may_read(has, Asker("anna", Authority(), fail), "shop/web")


@pytest.mark.parametrize(
    "given_",
    [
        [granted("group:ops")],
        [granted(ROBOT)],
        [granted("user:anna", Role.OPERATOR)],
        [granted("user:anna", Role.ADMIN, "shop/*")],
        [granted("user:gone")],
    ],
)
def test_without_a_person_who_is_admin_of_everything_roles_cannot_be(given_: list[Grant]) -> None:
    with pytest.raises(ConflictError, match="no person"):
        refuse_without_admin(standing(given_, "gone"))
    refuse_without_admin(standing([*given_, granted("user:root")], "gone"))
    refuse_without_admin(Standing())


@pytest.mark.parametrize(
    "text",
    ["anna", "user:", "user:a b", "user:a:b:c", "people:a", "robot:-a", ":a", "user:" + "a" * 65],
)
def test_what_is_nobody_cannot_be_granted_anything(text: str) -> None:
    with pytest.raises(InvalidInputError):
        read_subject(text)


@pytest.mark.parametrize("text", ["user:anna", ROBOT])
def test_who_somebody_is_in_the_audit_tells_who_they_are(text: str) -> None:
    assert subject_of(read_subject(text).actor) == read_subject(text)


@pytest.mark.parametrize(
    ("pattern", "images", "covered"),
    [
        ("*", "shop/*", True),
        ("shop/*", "shop/*", True),
        ("shop/*", "shop/web*", True),
        ("shop/?", "shop/*", False),
        ("[!a]*", "**", False),
        ("shop/*", "*", False),
        ("shop/web", "shop/*", False),
        ("sh?p/*", "sh?p/web*", False),
    ],
)
def test_a_pattern_covers_another_one_only_where_it_surely_does(
    pattern: str, images: str, *, covered: bool
) -> None:
    """Who may answer for `shop/?` may not answer for `shop/*` by that."""
    assert covers(pattern, images) is covered
