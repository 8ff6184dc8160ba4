"""Every verb asks for its role first; what is refused is written down, and changes nothing."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from channel_images import add_version, add_versions
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions import roll_out
from herdbook.actions.answer_for import Answer, add_exception, end_exception
from herdbook.actions.back_up import back_up, take_snapshots
from herdbook.actions.build import build, build_all
from herdbook.actions.clean_store import clean_store
from herdbook.actions.destroy_data import destroy
from herdbook.actions.forget import forget
from herdbook.actions.grant_roles import grant_role, withdraw_role
from herdbook.actions.hold_channel import hold, release_hold
from herdbook.actions.identify import by_token
from herdbook.actions.import_advisories import import_advisories
from herdbook.actions.keep_issuers import (
    add_issuer,
    forget_person,
    map_claims,
    remove_issuer,
    unmap_claims,
)
from herdbook.actions.keep_keys import distrust_key, retire_key, rotate_key, trust_key
from herdbook.actions.keep_people import (
    add_user,
    disable_user,
    enable_user,
    join_group,
    leave_group,
    set_password,
)
from herdbook.actions.keep_tokens import TokenWish, create_token, revoke_token
from herdbook.actions.list_data import forget_snapshot
from herdbook.actions.lock import lock
from herdbook.actions.move_home import move_home
from herdbook.actions.promote import promote
from herdbook.actions.propose import approve, propose, reject
from herdbook.actions.push import push
from herdbook.actions.put_to_test import prove_reproduced, put_to_test
from herdbook.actions.release_application import release_application
from herdbook.actions.require_role import SYSTEM, require_role
from herdbook.actions.restore_data import RestoreWish, restore
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.run import Wish, run
from herdbook.actions.set_rules import set_rules
from herdbook.actions.sign_metadata import name_holders, sign_due
from herdbook.actions.start_campaign import abort, pause, resume
from herdbook.actions.stop import stop
from herdbook.actions.subscribe import send_test, subscribe, unsubscribe
from herdbook.actions.tell_who import tell_who
from herdbook.actions.vouch import vouch, vouch_for_all
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.stock import Stock
from herdbook.channels.model import Level
from herdbook.core.errors import ConflictError, ForbiddenError, GateError
from herdbook.drivers.fake.openid import FakeOpenIdProviders
from herdbook.notifications.model import Kind, Subscription
from herdbook.people.acts import MAY, Act, role_for
from herdbook.people.issuers import Condition, Issuer
from herdbook.people.model import Authority, Means, Role, read_subject
from herdbook.people.ports import People
from herdbook.recipes.reading import RecipeFile, read_recipe
from herdbook.server.settings import Settings
from herdbook.server.stock import open_stock
from herdbook.signatures.keys import new_private_key

WEB = "shop/web:1"
ANNA, CI = read_subject("user:anna"), read_subject("robot:ci")
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody
RULES = "channels: [{channel: production, approvals: {count: 1}}]\n"


@pytest.fixture
def root(tmp_path: Path) -> Workshop:
    return made_by_root(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, Path]:
    """The same and its folder, for what changes nothing but the audit."""
    folder = tmp_path_factory.mktemp("unchanged")
    return made_by_root(folder), folder


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, Path]:
    """The same and its folder, for what need not come to anything."""
    folder = tmp_path_factory.mktemp("changed")
    return made_by_root(folder), folder


def made_by_root(folder: Path) -> Workshop:
    """Root's workshop: shop/web:1 and 2, proposal 1 by bob; the application shop; roles hold."""
    made = replace(fleet_workshop(folder / "state"), actor="root")
    add_versions(made, 2)
    add_version(made, "other/db")
    (folder / "channels.yaml").write_text(RULES)
    set_rules(made, folder / "channels.yaml")
    propose(acting(made, "bob"), WEB, "production", "a new form")
    text = "services: {web: {image: web}}\nname: shop"
    release_application(made, MadeUpNetwork(), composed(folder / "shop", text))
    grant_role(made, read_subject("user:carl"), Role.VIEWER, "*")
    return made


def acting(workshop: Workshop, actor: str) -> Workshop:
    return replace(workshop, actor=actor)


def recipe(folder: Path) -> RecipeFile:
    path = folder / "web.yaml"
    path.write_text("image: shop/web\nfrom: shop/none\nvariants: [container]\n")
    return read_recipe(path)


def _revoke(workshop: Workshop, _folder: Path) -> None:
    now = {Level.RELEASES: workshop.clock.now()}
    revoke(workshop, plan_revocation(workshop, WEB, "it leaks", now, inherited=True))


def _found(workshop: Workshop) -> Version:
    found = workshop.versions.find("shop/web", 1)
    assert found is not None
    return found


def _reinstate(workshop: Workshop, folder: Path) -> None:
    _revoke(replace(workshop, authority=SYSTEM), folder)
    reinstate(workshop, WEB)


CHAT = Subscription("chat", Kind.WEBHOOK, "https://chat.example/hook")


def _answer(workshop: Workshop) -> Answer:
    until = workshop.clock.now() + timedelta(days=7)
    return Answer("CVE-2026-1", "shop/web", "anna", until, "it is not reached")


def _end_exception(workshop: Workshop, _folder: Path) -> None:
    made = add_exception(replace(workshop, authority=SYSTEM), _answer(workshop))
    end_exception(workshop, made.number, "it is")


def _stock(folder: Path) -> Stock:
    return open_stock(Settings(folder / "state", ""))


MAIN = [Condition("sub", "repo:shop/web:ref:refs/heads/main")]


def _add_issuer(workshop: Workshop, _folder: Path) -> None:
    providers = FakeOpenIdProviders(workshop.clock)
    providers.open("https://id.example")
    wished = Issuer("corp", "https://id.example", workshop.clock.now(), "", client_id="herdbook")
    add_issuer(replace(workshop, providers=providers), wished)


def _wish() -> TokenWish:
    return TokenWish("t", CI, 30)


VERBS: Mapping[str, tuple[Act, Callable[[Workshop, Path], object]]] = {
    "build": (Act.BUILD, lambda w, f: build(w, recipe(f), frozen=True)),
    "build all": (Act.BUILD, lambda w, f: list(build_all(w, [recipe(f)], frozen=True))),
    "lock": (Act.LOCK, lambda w, f: lock(w, recipe(f))),
    "campaign pause": (Act.CAMPAIGN, lambda w, _: pause(w, 1)),
    "campaign resume": (Act.CAMPAIGN, lambda w, _: resume(w, 1)),
    "campaign abort": (Act.CAMPAIGN, lambda w, _: abort(w, 1)),
    "propose": (Act.PROPOSE, lambda w, _: propose(w, "shop/web:2", "staging", "good")),
    "approve": (Act.APPROVE, lambda w, _: approve(w, 1)),
    "reject": (Act.REJECT, lambda w, _: reject(w, 1, "no")),
    "test": (Act.TEST, lambda w, _: list(put_to_test(w, MadeUpNetwork(), _found(w), None, 1.0))),
    "test --reproduce": (Act.TEST, lambda w, _: prove_reproduced(w, _found(w))),
    "exception add": (Act.ADD_EXCEPTION, lambda w, _: add_exception(w, _answer(w))),
    "exception end": (Act.END_EXCEPTION, _end_exception),
    "metadata holders": (
        Act.NAME_HOLDERS,
        lambda w, _: name_holders(w, {"anna": new_private_key().public}, 1),
    ),
    "metadata sign": (Act.SIGN_METADATA, lambda w, _: sign_due(w, new_private_key())),
    "serve --move-here": (Act.MOVE_HOME, lambda w, _: move_home(w)),
    "notify add": (Act.SUBSCRIBE, lambda w, _: subscribe(w, CHAT)),
    "notify test": (Act.SUBSCRIBE, lambda w, _: send_test(w, "chat")),
    "notify rm": (Act.UNSUBSCRIBE, lambda w, _: unsubscribe(w, "chat")),
    "promote": (Act.PROMOTE, lambda w, _: promote(w, WEB, "staging")),
    "hold": (Act.HOLD, lambda w, _: hold(w, "shop/web@production", "stocktaking")),
    "release-hold": (Act.RELEASE_HOLD, lambda w, _: release_hold(w, "shop/web@production")),
    "revoke": (Act.REVOKE, _revoke),
    "reinstate": (Act.REINSTATE, _reinstate),
    "push": (Act.PUSH, lambda w, _: push(w, _found(w), "nowhere.example/web", "none such")),
    "up": (
        Act.RELEASE,
        lambda w, f: release_application(
            w, MadeUpNetwork(), composed(f / "a", "services: {web: {image: web}}\nname: a")
        ),
    ),
    "roll out": (Act.ROLL_OUT, lambda w, _: roll_out.roll_out(w, w.fleet.releases("shop")[0])),
    "roll back": (Act.ROLL_OUT, lambda w, _: roll_out.roll_back(w, "shop", 1)),
    "pause": (Act.PAUSE, lambda w, _: roll_out.pause(w, "shop")),
    "resume": (Act.RESUME, lambda w, _: roll_out.resume(w, "shop")),
    "abort": (Act.ABORT, lambda w, _: roll_out.abort(w, "shop")),
    "down": (Act.TAKE_DOWN, lambda w, _: roll_out.take_down(w, "shop")),
    "destroy": (Act.DESTROY_DATA, lambda w, _: destroy(w, "shop")),
    "snapshots": (Act.SNAPSHOT, lambda w, _: take_snapshots(w, "shop")),
    "forget snapshot": (Act.SNAPSHOT, lambda w, _: forget_snapshot(w, "shop", "data", "one")),
    "backup": (Act.BACK_UP, lambda w, _: back_up(w, "shop", to="/nowhere")),
    "restore": (
        Act.RESTORE_DATA,
        lambda w, _: restore(w, RestoreWish("shop", "data", "", "", None)),
    ),
    "run": (
        Act.RUN,
        lambda w, _: run(w, MadeUpNetwork(), _found(w), _found(w).variants[0], Wish(), 0),
    ),
    "advisories": (Act.IMPORT_ADVISORIES, lambda w, f: import_advisories(w, str(f / "none"))),
    "rules": (Act.SET_RULES, lambda w, f: set_rules(w, f / "channels.yaml")),
    "sign": (Act.SIGN, lambda w, _: vouch(w, _found(w), "looked at it")),
    "sign all": (Act.SIGN, lambda w, _: list(vouch_for_all(w, "looked at it"))),
    "key trust": (Act.TRUST_KEY, lambda w, f: trust_key(w, f / "none", "berlin", "*")),
    "key retire": (Act.RETIRE_KEY, lambda w, _: retire_key(w, "builder", "old")),
    "key distrust": (Act.DISTRUST_KEY, lambda w, _: distrust_key(w, "builder", "lost")),
    "key rotate": (Act.ROTATE_KEY, lambda w, _: rotate_key(w, "old")),
    "forget": (Act.FORGET, lambda w, f: forget(w, _stock(f), [_found(w)])),
    "clean": (Act.CLEAN, lambda w, f: clean_store(w, _stock(f))),
    "role grant": (Act.GRANT_ROLE, lambda w, _: grant_role(w, ANNA, Role.ADMIN, "*")),
    "role revoke": (Act.WITHDRAW_ROLE, lambda w, _: withdraw_role(w, ANNA, Role.ADMIN, "*")),
    "user add": (Act.ADD_USER, lambda w, _: add_user(w, "dora", PASSWORD)),
    "user passwd": (Act.SET_PASSWORD, lambda w, _: set_password(w, "dora", PASSWORD)),
    "user disable": (Act.DISABLE_USER, lambda w, _: disable_user(w, "dora")),
    "user enable": (Act.ENABLE_USER, lambda w, _: enable_user(w, "dora")),
    "group add": (Act.JOIN_GROUP, lambda w, _: join_group(w, "ops", [ANNA])),
    "group remove": (Act.LEAVE_GROUP, lambda w, _: leave_group(w, "ops", [ANNA])),
    "token create": (Act.CREATE_TOKEN, lambda w, _: create_token(w, _wish())),
    "token revoke": (Act.REVOKE_TOKEN, lambda w, _: revoke_token(w, "t")),
    "issuer add": (Act.ADD_ISSUER, _add_issuer),
    "issuer rm": (Act.REMOVE_ISSUER, lambda w, _: remove_issuer(w, "corp")),
    "issuer map": (Act.MAP_CLAIMS, lambda w, _: map_claims(w, "corp", CI, MAIN)),
    "issuer unmap": (Act.UNMAP_CLAIMS, lambda w, _: unmap_claims(w, "corp", CI, MAIN)),
    "issuer forget": (Act.FORGET_PERSON, lambda w, _: forget_person(w, "corp:anna")),
}


@pytest.mark.parametrize("verb", VERBS)
def test_who_lacks_the_role_is_refused_before_anything_and_that_is_written(
    unchanged: tuple[Workshop, Path], verb: str
) -> None:
    root, folder = unchanged
    act, give = VERBS[verb]
    name = f"not-for-{verb.replace(' ', '-')}"
    grant_role(root, read_subject(f"user:{name}"), Role.VIEWER, "*")
    # Nor does any other role help, and nor does the right one for other images.
    for role in set(Role) - MAY[act]:
        grant_role(root, read_subject(f"user:{name}"), role, "*")
    for role in MAY[act] - {Role.ADMIN}:
        grant_role(root, read_subject(f"user:{name}"), role, "elsewhere/*")
    with pytest.raises(ForbiddenError, match=f"{name} may not") as caught:
        give(acting(root, name), folder)
    assert "user:root" in caught.value.hint
    assert f"role grant user:{name}" in caught.value.hint
    [record] = root.audit.records(newest=1)
    assert (record.who, record.verb, record.details["act"]) == (name, "refused", act.value)


class Asked:
    """The register of people, which notes whether anybody has asked it for roles."""

    def __init__(self, people: People) -> None:
        self._people = people
        self.was = False

    def __getattr__(self, name: str) -> Any:
        self.was = self.was or name == "standing"
        return getattr(self._people, name)


@pytest.mark.parametrize("verb", VERBS)
def test_who_has_the_role_is_asked_for_it_and_not_refused(
    changed: tuple[Workshop, Path], verb: str
) -> None:
    """Whatever else speaks against it: there is little here to do it to."""
    root, folder = changed
    act, give = VERBS[verb]
    name = f"for-{verb.replace(' ', '-')}"
    grant_role(root, read_subject(f"user:{name}"), role_for(act), "*")
    asked = Asked(root.people)
    with suppress(Exception):
        give(replace(acting(root, name), people=asked), folder)
    assert asked.was
    assert not [each for each in root.audit.records() if each.verb == "refused"]


@pytest.mark.parametrize("act", Act)
def test_herdbook_itself_is_never_refused(unchanged: tuple[Workshop, Path], act: Act) -> None:
    require_role(replace(unchanged[0], actor="herdbook serve", authority=SYSTEM), act)


def test_an_act_is_refused_even_where_that_cannot_be_written(root: Workshop) -> None:
    class Broken:
        def append(self, *_: object) -> None:
            raise RuntimeError

    broken = replace(acting(root, "anna"), audit=Broken())  # type: ignore[arg-type]
    with pytest.raises(ForbiddenError):
        require_role(broken, Act.PROMOTE, "shop/web")


def test_nobody_takes_over_an_application_of_other_images(root: Workshop, tmp_path: Path) -> None:
    grant_role(root, ANNA, Role.OPERATOR, "db*")
    text = "services: {web: {image: db}}\nname: shop"
    with pytest.raises(ForbiddenError, match="for web"):
        release_application(
            acting(root, "anna"), MadeUpNetwork(), composed(tmp_path / "other", text)
        )


def test_who_revokes_needs_the_role_for_every_image_that_was_made_from_it(root: Workshop) -> None:
    """Also to take that back, and to have it no longer reach what was made from it."""
    add_version(root, "till/app", ("shop/web", 1))
    add_version(root, "till/kiosk", ("till/app", 1))
    grant_role(root, ANNA, Role.OPERATOR, "shop/*")
    anna, since = acting(root, "anna"), {Level.RELEASES: root.clock.now()}
    inherited = plan_revocation(anna, WEB, "it leaks", since)
    alone = plan_revocation(anna, WEB, "it leaks", since, inherited=False)
    with pytest.raises(ForbiddenError, match=r"operator for till/app, till/kiosk$"):
        revoke(anna, inherited)
    assert not root.channels.revocations()
    revoke(anna, alone)
    revoke(root, inherited)
    for refused in (lambda: reinstate(anna, WEB), lambda: revoke(anna, alone)):
        with pytest.raises(ForbiddenError, match=r"operator for till/app, till/kiosk$"):
            refused()
    assert root.channels.revocations()["shop/web", 1].inherited
    grant_role(root, ANNA, Role.OPERATOR, "till/*")
    assert reinstate(anna, WEB) == WEB


def test_of_very_many_images_a_refusal_names_few(root: Workshop) -> None:
    with pytest.raises(ForbiddenError, match=r"image/0 and 9999 more") as caught:
        require_role(acting(root, "anna"), Act.BUILD, *(f"image/{each}" for each in range(10_000)))
    assert len(caught.value.message + caught.value.hint) < 400
    [record] = root.audit.records(newest=1)
    assert record.subject == "image/0 and 9999 more"


def test_whoever_grants_the_first_role_becomes_admin_of_everything(tmp_path: Path) -> None:
    workshop = replace(fleet_workshop(tmp_path / "state"), actor="dora")
    done = grant_role(workshop, ANNA, Role.BUILDER, "shop/*")
    assert done.own is not None
    assert str(done.own.subject) == "user:dora"
    assert grant_role(workshop, CI, Role.BUILDER, "shop/*").own is None
    assert [each.subject for each in workshop.audit.records()] == [
        "user:dora",
        "user:anna",
        "robot:ci",
    ]
    with pytest.raises(ConflictError):
        withdraw_role(workshop, read_subject("user:dora"), Role.ADMIN, "*")


def test_whoever_makes_themselves_admin_first_is_that_once(tmp_path: Path) -> None:
    workshop = replace(fleet_workshop(tmp_path / "state"), actor="anna")
    assert grant_role(workshop, ANNA, Role.ADMIN, "*").own is None
    assert len(workshop.people.standing().grants) == 1


def test_one_s_own_proposal_is_taken_back_without_being_an_approver(root: Workshop) -> None:
    grant_role(root, read_subject("user:bob"), Role.BUILDER, "shop/*")
    assert reject(acting(root, "bob"), 1, "a mistake").ended_by == "bob"


def test_a_robot_approves_only_where_a_grant_says_so(tmp_path: Path) -> None:
    """Also where nobody is asked for roles yet."""
    workshop = replace(fleet_workshop(tmp_path / "state"), actor="bob")
    add_versions(workshop, 1)
    (tmp_path / "channels.yaml").write_text(RULES)
    set_rules(workshop, tmp_path / "channels.yaml")
    propose(workshop, WEB, "production", "good")
    robot = acting(workshop, "robot:ci")
    with pytest.raises(ForbiddenError):
        approve(robot, 1)
    grant_role(workshop, CI, Role.APPROVER, "shop/*")
    ballot = approve(robot, 1).ballot
    assert ballot is not None
    assert ballot.missing(workshop.clock.now()) == 0
    # And no more once it is withdrawn.
    withdraw_role(workshop, CI, Role.APPROVER, "shop/*")
    with pytest.raises(GateError, match="approve"):
        promote(workshop, WEB, "production")


def test_a_token_for_who_proposed_is_no_second_person(root: Workshop) -> None:
    bob = read_subject("user:bob")
    grant_role(root, bob, Role.APPROVER, "*")
    made = create_token(root, TokenWish("bobs", bob, 30))
    found = by_token(root.people, made.text, root.clock.now())
    with pytest.raises(GateError, match="nobody approves what they propose"):
        approve(replace(root, actor=found.actor, authority=found.authority), 1)


def test_a_token_is_worth_nothing_once_it_is_expired_revoked_or_its_user_disabled(
    root: Workshop,
) -> None:
    now = root.clock.now()
    made = create_token(root, TokenWish("annas", ANNA, 30, "shop/*", Role.OPERATOR))
    found = by_token(root.people, made.text, now)
    assert (found.actor, found.authority) == (
        "anna",
        Authority(Means.TOKEN, "annas", Role.OPERATOR, "shop/*", groups=frozenset()),
    )  # fmt: skip
    with pytest.raises(ForbiddenError, match="expired"):
        by_token(root.people, made.text, now + timedelta(days=30))
    add_user(root, "anna", PASSWORD)
    disable_user(root, "anna")
    with pytest.raises(ForbiddenError, match="disabled"):
        by_token(root.people, made.text, now)
    enable_user(root, "anna")
    revoke_token(root, "annas")
    with pytest.raises(ForbiddenError, match="revoked"):
        by_token(root.people, made.text, now)
    with pytest.raises(ForbiddenError, match="no token"):
        by_token(root.people, "", now)


def test_one_s_own_password_is_one_s_own_but_not_by_a_token(root: Workshop) -> None:
    add_user(root, "anna", PASSWORD)
    anna = acting(root, "anna")
    before = root.people.user("anna")
    set_password(anna, "anna", PASSWORD + "!")
    assert root.people.user("anna") != before
    with pytest.raises(ForbiddenError):
        set_password(acting(root, "carl"), "anna", PASSWORD)
    with pytest.raises(ForbiddenError):
        set_password(replace(anna, authority=Authority(Means.TOKEN, "t")), "anna", PASSWORD)


def test_nobody_disables_themselves(root: Workshop) -> None:
    add_user(root, "root", PASSWORD)
    with pytest.raises(ConflictError, match="themselves"):
        disable_user(root, "root")


def test_groups_of_our_own_count_where_rules_and_grants_name_them(root: Workshop) -> None:
    join_group(root, "reviewers", [ANNA])
    grant_role(root, read_subject("group:reviewers"), Role.APPROVER, "shop/*")
    anna = acting(root, "anna")
    assert "reviewers" in tell_who(anna).groups
    assert [str(each.subject) for each in tell_who(anna).grants] == ["group:reviewers"]
    approve(anna, 1)
    leave_group(root, "reviewers", [ANNA])
    assert "reviewers" not in tell_who(anna).groups


def test_who_stops_an_instance_needs_the_role_for_its_image(root: Workshop) -> None:
    variant = _found(root).variants[0]
    started = run(root, MadeUpNetwork(), _found(root), variant, Wish(name="one"), 0)
    assert started.seen.name == "one"
    with pytest.raises(ForbiddenError, match="shop/web"):
        stop(acting(root, "anna"), ["one"], 0)
    grant_role(root, ANNA, Role.OPERATOR, "shop/*")
    assert stop(acting(root, "anna"), None, 0) == ["one"]
