"""An ID token says who somebody is for as long as an issuer, a condition and an admin do, too."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from believed import URL, Believed, believed
from channel_images import add_versions

from herdbook.actions.grant_roles import grant_role, withdraw_role
from herdbook.actions.identify import by_token
from herdbook.actions.identify_by_issuer import SEE, groups_said
from herdbook.actions.keep_issuers import (
    add_issuer,
    forget_person,
    map_claims,
    remove_issuer,
    unmap_claims,
)
from herdbook.actions.keep_people import (
    add_user,
    disable_user,
    enable_user,
    join_group,
    leave_group,
    set_password,
)
from herdbook.actions.keep_tokens import TokenWish, create_token, revoke_token
from herdbook.actions.promote import promote
from herdbook.actions.require_role import require_role
from herdbook.actions.set_rules import set_rules
from herdbook.actions.tell_who import tell_who
from herdbook.core.errors import (
    ConflictError,
    ForbiddenError,
    GateError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    VerificationError,
)
from herdbook.people.acts import Act
from herdbook.people.issuers import Condition, Issuer
from herdbook.people.model import Means, Role, read_subject
from herdbook.server.who import all_groups

MAIN = "repo:acme/shop:ref:refs/heads/main"
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


@pytest.fixture
def here(tmp_path: Path) -> Believed:
    return believed(tmp_path)


def grant(here: Believed, whom: str, role: Role, images: str = "*") -> None:
    grant_role(here.workshop, read_subject(whom), role, images)


def see(here: Believed) -> list[tuple[str, object]]:
    """Who was seen, in which groups, as the audit says."""
    records = [each for each in here.workshop.audit.records() if each.verb == SEE]
    return [(each.subject, each.details["groups"]) for each in records]


# Robots


def test_a_robot_does_what_it_was_granted_and_the_audit_says_which_run_it_was(
    here: Believed,
) -> None:
    add_versions(here.workshop, 1)
    here.map("robot:shop-ci", f"sub={MAIN}")
    robot = here.acting(here.come(here.token(aud="robots", sub=MAIN)).identity)
    assert robot.authority.means is Means.ID_TOKEN
    with pytest.raises(ForbiddenError, match="robot:shop-ci may not promote"):
        promote(robot, "shop/web:1", "staging")
    grant(here, "robot:shop-ci", Role.OPERATOR, "shop/*")
    promote(robot, "shop/web:1", "staging")
    record = next(each for each in here.workshop.audit.records() if each.verb == "promote")
    assert (record.who, record.details["by"]) == ("robot:shop-ci", f"corp: {MAIN}")
    with pytest.raises(ForbiddenError, match="other/db"):
        require_role(robot, Act.PROMOTE, "other/db")


def test_nothing_is_believed_of_a_robot_without_a_condition(here: Believed) -> None:
    with pytest.raises(ForbiddenError, match="No condition for tokens of corp"):
        here.come(here.token(aud="robots", sub=MAIN))
    with pytest.raises(InvalidInputError, match="without a condition"):
        here.map("robot:shop-ci")
    with pytest.raises(NotFoundError):
        unmap_claims(here.workshop, "corp", read_subject("robot:shop-ci"), [])
    here.map("robot:shop-ci", f"sub={MAIN}")
    with pytest.raises(ConflictError):
        here.map("robot:shop-ci", f"sub={MAIN}")
    unmap_claims(here.workshop, "corp", read_subject("robot:shop-ci"), [])
    with pytest.raises(ForbiddenError, match="No condition"):
        here.come(here.token(aud="robots", sub=MAIN))


def test_conditions_lead_to_ours_alone(here: Believed) -> None:
    with pytest.raises(InvalidInputError, match="nobody else"):
        here.map("user:corp:anna", "sub=1")


def test_a_user_of_ours_may_be_meant_but_not_once_disabled(here: Believed) -> None:
    add_user(here.workshop, "anna", PASSWORD)
    here.map("user:anna", "sub=248")
    anna = here.acting(here.come(here.token(sub="248", groups=["wheel"])).identity)
    assert anna.actor == "anna"
    assert "corp:wheel" not in tell_who(anna).groups
    grant(here, "user:bob", Role.VIEWER)
    with pytest.raises(ForbiddenError):  # whoever has the token is not asked for anything else
        set_password(anna, "anna", PASSWORD)
    disable_user(here.workshop, "anna")
    with pytest.raises(ForbiddenError, match="anna is disabled"):
        here.come(here.token(sub="248"))


# People


def test_anna_of_an_issuer_is_not_our_anna(here: Believed) -> None:
    grant(here, "user:anna", Role.ADMIN)
    anna = here.acting(here.come(here.token(sub="248", name="anna")).identity)
    assert anna.actor == "corp:anna"
    with pytest.raises(ForbiddenError, match="corp:anna may not"):
        require_role(anna, Act.PROMOTE, "shop/web")
    grant(here, "user:corp:anna", Role.OPERATOR, "shop/*")
    require_role(anna, Act.PROMOTE, "shop/web")


def test_people_of_issuers_are_asked_for_a_role_from_the_first(here: Believed) -> None:
    """A provider may have a million of them."""
    assert here.workshop.people.standing().grants == ()
    root = here.come(here.token(sub="0", name="root", groups=["root", "sudo"]))
    with pytest.raises(ForbiddenError, match="corp:root may not"):
        require_role(here.acting(root.identity), Act.GRANT_ROLE)
    told = tell_who(here.acting(root.identity))
    assert (told.roles_hold, told.grants) == (True, ())


def test_what_an_issuer_calls_groups_are_groups_of_its_own(here: Believed) -> None:
    join_group(here.workshop, "ops", [read_subject("user:bob")])
    grant(here, "group:ops", Role.ADMIN)
    anna = here.acting(here.come(here.token(sub="248", name="anna", groups=["ops"])).identity)
    assert tell_who(anna).groups == ("corp:ops",)
    with pytest.raises(ForbiddenError):
        require_role(anna, Act.PROMOTE, "shop/web")
    grant(here, "group:corp:ops", Role.OPERATOR)
    require_role(anna, Act.PROMOTE, "shop/web")


def test_an_admin_may_put_somebody_of_an_issuer_into_a_group_of_ours(here: Believed) -> None:
    grant(here, "group:ops", Role.OPERATOR)
    anna = here.acting(here.come(here.token(sub="248", name="anna")).identity)
    with pytest.raises(ForbiddenError):
        require_role(anna, Act.PROMOTE, "shop/web")
    join_group(here.workshop, "ops", [read_subject("user:corp:anna")])
    require_role(anna, Act.PROMOTE, "shop/web")
    with pytest.raises(InvalidInputError):  # an issuer's groups are its own to fill
        join_group(here.workshop, "corp:ops", [read_subject("user:bob")])


def test_whoever_takes_another_one_s_name_at_the_provider_is_not_them(here: Believed) -> None:
    here.come(here.token(sub="248", name="anna"))
    with pytest.raises(ForbiddenError, match="corp:anna was somebody else") as caught:
        here.come(here.token(sub="666", name="anna"))
    assert "issuer forget corp:anna" in caught.value.hint
    here.come(here.token(sub="248", name="anna"))
    forget_person(here.workshop, "corp:anna")
    assert here.come(here.token(sub="666", name="anna")).identity.actor == "corp:anna"
    with pytest.raises(NotFoundError):
        forget_person(here.workshop, "corp:nobody")


def test_nobody_has_two_names(here: Believed) -> None:
    """Else who is disabled, or has proposed something, comes as somebody else."""
    here.come(here.token(sub="248", name="anna"))
    renamed = here.token(sub="248", name="anna2")
    now = here.workshop.clock.now()
    for noted in (True, False):
        with pytest.raises(ForbiddenError, match="corp:anna is called corp:anna2") as caught:
            here.vouching.by_id_token(renamed, now, noted=noted)
        assert "issuer forget corp:anna" in caught.value.hint
    disable_user(here.workshop, "corp:anna")
    with pytest.raises(ForbiddenError):
        here.come(renamed)
    with pytest.raises(ConflictError):
        forget_person(here.workshop, "corp:anna")
    enable_user(here.workshop, "corp:anna")
    forget_person(here.workshop, "corp:anna")
    assert here.come(renamed).identity.actor == "corp:anna2"


def test_a_name_that_has_rights_is_not_given_free(here: Believed) -> None:
    """Whoever comes by it next would have them."""
    here.come(here.token(sub="248", name="anna"))
    grant(here, "user:corp:anna", Role.OPERATOR, "shop/*")
    anna = read_subject("user:corp:anna")
    join_group(here.workshop, "ops", [anna])
    create_token(here.workshop, TokenWish("hers", anna, 30))
    with pytest.raises(ConflictError) as caught:
        forget_person(here.workshop, "corp:anna")
    for each in (
        "role revoke user:corp:anna operator --images 'shop/*'",
        "group remove ops user:corp:anna",
        "token revoke hers",
    ):
        assert each in caught.value.hint
    withdraw_role(here.workshop, anna, Role.OPERATOR, "shop/*")
    leave_group(here.workshop, "ops", [anna])
    with pytest.raises(ConflictError, match="corp:anna"):
        forget_person(here.workshop, "corp:anna")
    revoke_token(here.workshop, "hers")
    forget_person(here.workshop, "corp:anna")


def test_by_a_token_of_ours_nobody_is_in_a_group_of_an_issuer(here: Believed) -> None:
    """It says so of who logs in there, and may say otherwise by now."""
    here.come(here.token(sub="248", name="anna", groups=["ops"]))
    grant(here, "group:corp:ops", Role.OPERATOR)
    grant(here, "group:staff", Role.BUILDER)
    anna = read_subject("user:corp:anna")
    join_group(here.workshop, "staff", [anna])
    made = create_token(here.workshop, TokenWish("hers", anna, 30))
    people, clock = here.workshop.people, here.workshop.clock
    found = by_token(people, made.text, clock.now())
    acting = replace(here.acting(found), groups_of=all_groups(people, clock))
    assert tell_who(acting).groups == ("staff",)
    with pytest.raises(ForbiddenError, match="corp:anna may not"):
        require_role(acting, Act.PROMOTE, "shop/web")


def test_a_rule_for_a_group_of_an_issuer_is_for_who_it_says_now_is_in_it(
    here: Believed, tmp_path: Path
) -> None:
    add_versions(here.workshop, 1)
    rules = tmp_path / "channels.yaml"
    rules.write_text("channels: [{channel: staging, promoters: ['corp:ops']}]\n")
    set_rules(here.workshop, rules)
    grant(here, "user:corp:anna", Role.OPERATOR)
    in_it = here.come(here.token(sub="248", name="anna", groups=["ops"])).identity
    made = create_token(here.workshop, TokenWish("hers", read_subject("user:corp:anna"), 30))
    people, clock = here.workshop.people, here.workshop.clock
    by_hers = by_token(people, made.text, clock.now())
    groups_of = all_groups(people, clock)
    with pytest.raises(GateError):
        promote(replace(here.acting(by_hers), groups_of=groups_of), "shop/web:1", "staging")
    promote(replace(here.acting(in_it), groups_of=groups_of), "shop/web:1", "staging")


def test_somebody_of_an_issuer_is_disabled_here_until_that_is_taken_back(here: Believed) -> None:
    text = here.token(sub="248", name="anna")
    with pytest.raises(NotFoundError):
        disable_user(here.workshop, "corp:anna")
    here.come(text)
    disable_user(here.workshop, "corp:anna")
    with pytest.raises(ForbiddenError, match="corp:anna is disabled"):
        here.come(text)
    with pytest.raises(ConflictError):  # who is forgotten comes as somebody new
        forget_person(here.workshop, "corp:anna")
    enable_user(here.workshop, "corp:anna")
    here.come(text)


def test_who_comes_is_in_the_audit_once_and_again_in_other_groups(here: Believed) -> None:
    clock = here.workshop.clock
    for groups in (["ops"], ["ops"], ["dev", "ops"], []):
        here.come(here.token(sub="248", name="anna", groups=groups))
        clock.sleep(5)
    assert see(here) == [
        ("corp:anna", ["corp:ops"]),
        ("corp:anna", ["corp:dev", "corp:ops"]),
        ("corp:anna", []),
    ]


def test_groups_count_as_they_are_said_now_not_as_an_older_token_has_them(here: Believed) -> None:
    older = here.token(sub="248", name="anna", groups=["ops"])
    here.workshop.clock.sleep(60)
    here.come(here.token(sub="248", name="anna", groups=[]))
    assert here.come(older).identity.authority.groups == frozenset(), "nor for who has it still"
    found = here.workshop.people.person("corp:anna")
    assert found is not None
    assert found.groups == ()
    grant(here, "group:corp:ops", Role.OPERATOR)
    newer = here.come(here.token(sub="248", name="anna", groups=[])).identity
    with pytest.raises(ForbiddenError):
        require_role(here.acting(newer), Act.PROMOTE, "shop/web")


def test_groups_that_were_said_long_ago_count_no_more(here: Believed) -> None:
    """What somebody approved must not count for ever, once nobody hears of them any more."""
    here.come(here.token(sub="248", name="anna", groups=["ops"]))
    people, now = here.workshop.people, here.workshop.clock.now()
    assert groups_said(people, "corp:anna", now + timedelta(days=30)) == {"corp:ops"}
    assert groups_said(people, "corp:anna", now + timedelta(days=31)) == frozenset()
    assert groups_said(people, "corp:nobody", now) == frozenset()


# Issuers


def test_an_issuer_that_is_not_believed_says_nothing(here: Believed) -> None:
    here.providers.open("https://evil.example")
    stray = here.providers.issue("https://evil.example", name="anna")
    with pytest.raises(ForbiddenError, match="https://evil"):
        here.come(stray)
    claimed = here.providers.issue("https://evil.example", iss=URL, name="anna")
    with pytest.raises(ForbiddenError, match="not signed"):
        here.come(claimed)
    here.map("robot:ci", "sub=1")
    text = here.token(name="anna", sub="1")
    here.come(text)
    remove_issuer(here.workshop, "corp")
    with pytest.raises(ForbiddenError, match="No issuer"):
        here.come(text)
    with pytest.raises(NotFoundError):
        remove_issuer(here.workshop, "corp")


def test_a_token_is_checked_each_time(here: Believed) -> None:
    text = here.token(sub="248", name="anna")
    here.come(text)
    here.workshop.clock.sleep(601)
    with pytest.raises(ForbiddenError, match="expired"):
        here.come(text)


def test_without_the_provider_nobody_is_let_in_once_its_keys_are_old(here: Believed) -> None:
    text = here.token(sub="248", name="anna", exp=10**10)
    here.come(text)
    here.providers.known[URL].is_up = False
    here.come(text)
    here.workshop.clock.sleep(3600)
    with pytest.raises(NetworkError):
        here.come(text)


def test_an_issuer_is_added_once_it_has_answered(here: Believed) -> None:
    at = here.workshop.clock.now()

    def add(name: str, url: str, **settings: str) -> Issuer:
        return add_issuer(here.workshop, Issuer(name, url, at, "", **settings))  # type: ignore[arg-type]

    with pytest.raises(NetworkError):
        add("other", "https://nowhere.example", client_id="herdbook")
    with pytest.raises(VerificationError):
        add("other", f"{URL}/", client_id="herdbook")
    with pytest.raises(ConflictError):
        add("other", URL, client_id="herdbook")
    here.providers.open("https://other.example")
    for wrong in (
        {}, {"client_id": "a b"}, {"audience": "a", "groups_claim": "groups"},
        {"client_id": "a", "name_claim": ""}, {"client_id": "a" * 300},
    ):  # fmt: skip
        with pytest.raises(InvalidInputError):
            add("other", "https://other.example", **wrong)
    made = add("other", "https://other.example", audience="robots")
    assert [each.name for each in here.workshop.people.issuers()] == ["corp", "other"]
    assert made.who == "root"
    [record] = here.workshop.audit.records(newest=1)
    assert (record.verb, record.subject) == ("add-issuer", "other")
    with pytest.raises(NotFoundError, match="no issuer 'othr'"):
        map_claims(here.workshop, "othr", read_subject("robot:ci"), [Condition("sub", "x")])
