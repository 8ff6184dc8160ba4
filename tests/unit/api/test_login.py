"""Who reads is asked where that is wanted, and what they may not see is not there for them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asked import BROWSER, Answer, ask, asked, basic
from believed import URL, Believed, believed
from channel_images import add_version, add_versions
from fleet_workshop import fleet_workshop

from herdbook.actions.grant_roles import grant_role
from herdbook.actions.keep_people import add_user, disable_user, enable_user, set_password
from herdbook.actions.keep_tokens import TokenWish, create_token, revoke_token
from herdbook.actions.workshop import Workshop
from herdbook.api.login import Login
from herdbook.api.registry_view import registry_app
from herdbook.people import passwords
from herdbook.people.model import Role, read_subject
from herdbook.people.tokens import new_token
from herdbook.rollouts.duty import UndisputedDuty

PASSWORD, OTHER = "correct horse battery", "staple battery horse"
WEB, DATABASE = "/v2/shop/web/manifests/1", "/v2/other/db/manifests/1"

Ask = Callable[..., Answer]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One with two images, and anna, who has a password."""
    made = replace(fleet_workshop(tmp_path / "state"), actor="root")
    add_versions(made, 1)
    add_version(made, "other/db")
    add_user(made, "anna", PASSWORD)
    return made


def asking(workshop: Workshop, *, required: bool = True, local: bool = True) -> Ask:
    said: list[str] = []
    login = Login(workshop, required=required, local=local)
    app = registry_app(workshop, said.append, (), login)

    def act(path: str, name: str = "", password: str = "") -> Answer:
        answer = ask(app, path, basic(name, password) if name or password else None)
        assert not said
        assert PASSWORD.encode() not in answer.content
        return answer

    return act


@pytest.fixture
def read(workshop: Workshop) -> Ask:
    return asking(workshop)


def token(workshop: Workshop, whom: str, images: str = "*", role: Role | None = None) -> str:
    return create_token(workshop, TokenWish("t", read_subject(whom), 30, images, role)).text


def grant(workshop: Workshop, whom: str, images: str, role: Role = Role.VIEWER) -> None:
    grant_role(workshop, read_subject(whom), role, images)


def test_who_does_not_say_who_they_are_is_asked(read: Ask) -> None:
    for path in ("/v2/", WEB, "/v2/_catalog", "/v2/nothing/here"):
        answer = read(path)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == 'Basic realm="Herdbook"'


def test_on_this_machine_nobody_is_asked_unless_that_is_wanted(workshop: Workshop) -> None:
    grant(workshop, "user:bob", "*")
    assert asking(workshop, required=False)(WEB).status == 200


def test_elsewhere_everybody_is_asked_once_roles_hold(workshop: Workshop) -> None:
    read = asking(workshop, required=False, local=False)
    assert read(WEB).status == 200
    grant(workshop, "user:bob", "*")
    assert read(WEB).status == 401


def test_without_any_grant_a_password_opens_all(read: Ask) -> None:
    assert read("/v2/", "anna", PASSWORD).status == 200
    assert read(DATABASE, "anna", PASSWORD).status == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", OTHER), ("anna", ""), ("bob", PASSWORD), ("", PASSWORD), ("an\0na", PASSWORD)],
)
def test_a_wrong_password_opens_nothing(read: Ask, name: str, password: str) -> None:
    assert read(WEB, name, password).status == 401


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !", "Basic YQ==", "Bearer x", "Basic gIA6gA=="]
)
def test_what_is_no_name_and_password_is_refused(workshop: Workshop, header: str) -> None:
    app = registry_app(workshop, print, (), Login(workshop, required=True, local=True))
    assert ask(app, WEB, {"authorization": header}).status == 401


def test_what_one_may_not_see_is_not_there(workshop: Workshop, read: Ask) -> None:
    grant(workshop, "user:anna", "shop/*")
    who = ("anna", PASSWORD)
    assert read(WEB, *who).status == 200
    hidden, none = read(DATABASE, *who), read("/v2/no/db/manifests/1", *who)
    assert (hidden.status, hidden.code) == (404, "NAME_UNKNOWN")
    assert hidden.content.replace(b"other/db", b"no/db") == none.content
    for path in ("tags/list", "blobs/sha256:" + "0" * 64, "referrers/sha256:" + "0" * 64):
        assert read(f"/v2/other/db/{path}", *who).code == "NAME_UNKNOWN"


def test_the_catalogue_lists_what_one_may_see_page_by_page(workshop: Workshop, read: Ask) -> None:
    for name in ("shop/a", "shop/b"):
        add_version(workshop, name)
    grant(workshop, "user:anna", "shop/*")
    who = ("anna", PASSWORD)
    assert read("/v2/_catalog", *who).json["repositories"] == ["shop/a", "shop/b", "shop/web"]
    first = read("/v2/_catalog?n=2", *who)
    assert first.json["repositories"] == ["shop/a", "shop/b"]
    assert "last=shop%2Fb" in first.headers["link"]
    last = read("/v2/_catalog?n=2&last=shop%2Fb", *who)
    assert last.json["repositories"] == ["shop/web"]
    assert "link" not in last.headers


def test_a_robot_sees_what_it_was_granted_by_its_token_under_any_name(
    workshop: Workshop, read: Ask
) -> None:
    text = token(workshop, "robot:ci")
    assert read("/v2/", "whoever", text).status == 200
    assert read(WEB, "whoever", text).status == 404
    grant(workshop, "robot:ci", "shop/*", Role.BUILDER)
    assert read(WEB, "whoever", text).status == 200
    assert read(DATABASE, "whoever", text).status == 404
    assert read(WEB, "whoever", text[:-1] + "-").status == 401
    revoke_token(workshop, "t")
    assert read(WEB, "whoever", text).status == 401


def test_a_token_shows_no_more_than_it_is_for(workshop: Workshop, read: Ask) -> None:
    text = token(workshop, "user:anna", "other/*")
    assert read(DATABASE, "x", text).status == 200
    assert read(WEB, "x", text).status == 404


def test_what_is_taken_back_counts_at_once(workshop: Workshop, read: Ask) -> None:
    """Also where the password was right a moment ago."""
    assert read(WEB, "anna", PASSWORD).status == 200
    disable_user(workshop, "anna")
    assert read(WEB, "anna", PASSWORD).status == 401
    enable_user(workshop, "anna")
    set_password(workshop, "anna", OTHER)
    assert read(WEB, "anna", PASSWORD).status == 401
    assert read(WEB, "anna", OTHER).status == 200


def test_a_right_password_is_checked_once_in_five_minutes(
    workshop: Workshop, read: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    real = passwords.is_same

    def is_same(kept: str, password: str) -> bool:
        checked.append(password)
        return real(kept, password)

    monkeypatch.setattr(passwords, "is_same", is_same)
    for _ in range(3):
        assert read(WEB, "anna", PASSWORD).status == 200
    assert len(checked) == 1
    workshop.clock.sleep(301)
    assert read(WEB, "anna", PASSWORD).status == 200
    assert len(checked) == 2


def test_who_guesses_has_to_wait_longer_each_time(workshop: Workshop, read: Ask) -> None:
    for _ in range(5):
        assert read(WEB, "anna", OTHER).status == 401
    for wait in (1, 2, 4):
        answer = read(WEB, "anna", PASSWORD)
        assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
        assert answer.headers["retry-after"] == str(wait)
        workshop.clock.sleep(wait)
        assert read(WEB, "anna", OTHER).status == 401
    assert read(WEB, "bob", OTHER).status == 401, "nobody is kept out under another name"
    workshop.clock.sleep(60)
    assert read(WEB, "anna", PASSWORD).status == 200
    assert read(WEB, "anna", OTHER).status == 401, "then it begins anew"


def test_many_at_once_with_the_right_password_are_all_let_in(workshop: Workshop) -> None:
    app = registry_app(workshop, print, (), Login(workshop, required=True, local=True))

    async def several() -> list[Answer]:
        who = basic("anna", PASSWORD)
        return await asyncio.gather(*(asked(app, WEB, who) for _ in range(8)))

    assert {each.status for each in asyncio.run(several())} == {200}


def test_one_address_keeps_nobody_else_out_however_many_it_comes_with(workshop: Workshop) -> None:
    app = registry_app(workshop, print, (), Login(workshop, required=True, local=True))

    async def several() -> tuple[Answer, list[Answer]]:
        guesses = [
            asyncio.create_task(asked(app, WEB, basic(f"anna{number}", OTHER)))
            for number in range(24)
        ]
        await asyncio.sleep(0.05)
        found = await asked(app, WEB, basic("anna", PASSWORD), client=("192.0.2.8", 40000))
        return found, await asyncio.gather(*guesses)

    elsewhere, guesses = asyncio.run(several())
    assert elsewhere.status == 200
    assert [each.status for each in guesses].count(401) == 3
    assert {each.headers["retry-after"] for each in guesses if each.status == 429} == {"1"}


# What is written down of who is refused


def refused(workshop: Workshop) -> list[tuple[str, int]]:
    """Return whom the audit names of refused logins, and how many each record counts."""
    records = [each for each in workshop.audit.records() if each.verb == "refuse-login"]
    assert {each.details["address"] for each in records} <= {BROWSER[0]}
    text = "".join(each.model_dump_json() for each in records)
    assert PASSWORD not in text
    assert OTHER not in text
    return [(each.subject, int(str(each.details["count"]))) for each in records]


def test_who_is_refused_is_in_the_audit_by_name_if_somebody_is_called_so(
    workshop: Workshop, read: Ask
) -> None:
    """What nobody is called could be a password that was typed as a name."""
    text = token(workshop, "robot:ci")
    revoke_token(workshop, "t")
    read(WEB)
    read(WEB, "anna", OTHER)
    read(WEB, PASSWORD, "anna")
    read(WEB, "whoever", text)
    assert refused(workshop) == [("anna", 1), ("nobody known", 1), ("robot:ci", 1)]
    [*_, last] = workshop.audit.records()
    assert last.details["reason"] == "The token t is revoked"


def test_a_token_that_nobody_has_is_nobody_s(workshop: Workshop, read: Ask) -> None:
    text = token(workshop, "robot:ci")
    read(WEB, "whoever", text[:-1] + ("a" if text[-1] != "a" else "b"))
    read(WEB, "whoever", new_token().text)
    assert refused(workshop) == [("nobody known", 1)]


def test_of_thousands_of_guesses_one_record_is_written_in_a_minute(
    workshop: Workshop, read: Ask
) -> None:
    for number in range(100):
        read(WEB, "anna", f"{OTHER} {number}")
        read(WEB, f"anna{number}", new_token().text)
    assert refused(workshop) == [("anna", 1), ("nobody known", 1)]
    workshop.clock.sleep(60)
    read(WEB, "anna", OTHER)
    assert refused(workshop)[2:] == [("anna", 100), ("nobody known", 99)]


def test_what_was_counted_is_written_when_the_server_ends(workshop: Workshop) -> None:
    login = Login(workshop, required=True, local=True)
    app = registry_app(workshop, print, (), login)

    async def several() -> None:
        async with app.router.lifespan_context(app):
            for _ in range(3):
                await asked(app, WEB, basic("anna", OTHER))

    asyncio.run(several())
    assert refused(workshop) == [("anna", 1), ("anna", 2)]


class StandingBy(UndisputedDuty):
    """The duty of a server that stands by."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = True

    def holds(self) -> bool:
        return False


def test_a_server_that_stands_by_refuses_and_writes_nothing(workshop: Workshop) -> None:
    read = asking(replace(workshop, duty=StandingBy()))
    assert read(WEB, "anna", OTHER).status == 401
    assert refused(workshop) == []


# ID tokens


@pytest.fixture
def here(tmp_path: Path) -> Believed:
    """A register with two images that believes the issuer corp."""
    made = believed(tmp_path)
    add_versions(made.workshop, 1)
    add_version(made.workshop, "other/db")
    return made


def test_an_id_token_is_a_password_under_any_name(here: Believed) -> None:
    read = asking(here.workshop)
    here.map("robot:shop-ci", "sub=repo:acme/shop")
    for text, whom in (
        (here.token(sub="repo:acme/shop", aud="robots"), "robot:shop-ci"),
        (here.token(sub="248", name="anna"), "user:corp:anna"),
    ):
        assert read("/v2/", "whoever", text).status == 200
        assert read(WEB, "whoever", text).status == 404, "nobody sees anything by that alone"
        grant(here.workshop, whom, "shop/*")
        assert read(WEB, "whoever", text).status == 200
        assert read(DATABASE, "whoever", text).status == 404


def test_groups_of_the_issuer_see_what_they_were_granted(here: Believed) -> None:
    read = asking(here.workshop)
    grant(here.workshop, "group:corp:ops", "shop/*")
    grant(here.workshop, "group:ops", "other/*")
    text = here.token(sub="248", name="anna", groups=["ops"])
    assert read(WEB, "x", text).status == 200
    assert read(DATABASE, "x", text).status == 404


def test_an_id_token_that_is_not_right_opens_nothing(here: Believed) -> None:
    read = asking(here.workshop)
    right = here.token(sub="248", name="anna")
    here.providers.open("https://evil.example")
    for wrong in (
        right[:-1], f"{right}0", here.token(sub="1", name="a", aud="other"), "eyJ.eyJ.x", "eyJ.e.",
        here.token(sub="2", aud="robots"), here.token(sub="3", name="anna", exp=1),
        here.providers.issue("https://evil.example", iss=URL, sub="248", name="anna"),
        here.providers.issue("https://evil.example", sub="248", name="anna"),
    ):  # fmt: skip
        answer = read(WEB, "anna", wrong)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert read("/v2/", "anna", right).status == 200
    assert read("/v2/", "anna", here.token(sub="666", name="anna")).status == 401
    here.workshop.clock.sleep(601)
    assert read("/v2/", "anna", right).status == 401


def test_where_the_provider_is_down_nobody_is_let_in_and_that_is_said(here: Believed) -> None:
    read = asking(here.workshop)
    text = here.token(sub="248", name="anna", exp=10**10)
    here.workshop.clock.sleep(3600)
    here.providers.known[URL].is_up = False
    answer = read("/v2/", "x", text)
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "10"
    here.providers.known[URL].is_up = True
    assert read("/v2/", "x", text).status == 200
