"""People and robots of a certified OpenID provider: log in, do what is allowed, and no more."""

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openid_provider import CLIENT, RealProvider, log_in_by_browser, running_provider
from product import Herdbook, tool
from served import Served, served_by
from tiny import Tiny, assert_clear, copied_state

pytestmark = [pytest.mark.root, pytest.mark.archive]

FORBIDDEN, NETWORK = 17, 7
SECONDS = 3000
"""So long do ID tokens last here: the machine may be busy."""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    with running_provider(tmp_path_factory.mktemp("provider"), SECONDS) as found:
        yield found


@pytest.fixture(scope="module")
def served(
    tiny: Tiny, provider: RealProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("issuers")
    own = {"XDG_STATE_HOME": str(folder / "own")}
    herdbook = replace(copied_state(tiny.state, folder), settings=own)
    words = ("--client-id", CLIENT, "--name-claim", "preferred_username")
    herdbook.must("issuer", "add", "corp", provider.url, *words, "--groups-claim", "groups")
    herdbook.must("role", "grant", "user:corp:anna", "builder", "--images", "t/*")
    herdbook.must("role", "grant", "group:corp:ops", "viewer", "--images", "t/*")
    with served_by(herdbook, folder) as found:
        yield found
    assert "eyJ" not in "".join(found.printed)


def log_in(herdbook: Herdbook, who: str) -> tuple[int, str, str]:
    """Log somebody in as they would; return the command's status, and what it printed and told."""
    with herdbook.running("login", "corp", "--json") as program:
        assert program.stderr
        told = ""
        while not (found := re.search(r"http\S+user_code=\S+", told)):
            line = program.stderr.readline()
            assert line, told
            told += line
        assert "Success" in log_in_by_browser(found[0], who)
        printed, rest = program.communicate(timeout=120)
    return program.returncode, printed, told + rest


def logged_in(herdbook: Herdbook, who: str) -> str:
    """Log somebody in, who is let in, and return what the command printed."""
    status, printed, told = log_in(herdbook, who)
    assert status == 0, told
    return printed


def session_file(served: Served) -> Path:
    [found] = (served.folder / "own" / "herdbook" / "sessions").iterdir()
    return found


def id_token_of(served: Served, who: str) -> str:
    """An ID token that was just given, as another program would have it."""
    logged_in(served.herdbook, who)
    kept = json.loads(session_file(served).read_text())
    served.herdbook.must("logout")
    return str(kept["id_token"])


def test_somebody_logs_in_by_a_code_does_what_they_may_and_is_in_the_audit(
    served: Served,
) -> None:
    herdbook = served.herdbook
    assert json.loads(logged_in(herdbook, "anna+dev"))["actor"] == "corp:anna"
    try:
        assert stat.S_IMODE(session_file(served).stat().st_mode) == 0o600
        who = herdbook.json("whoami")
        assert (who["actor"], who["means"], who["issuer"]) == ("corp:anna", "session", "corp")
        assert who["groups"] == ["corp:dev"]
        herdbook.must("propose", "t/tiny", "production", "--why", "it is new")
        refused = herdbook.run("promote", "t/tiny", "production")
        assert_clear(refused, FORBIDDEN, "corp:anna may not promote", "role grant user:corp:anna")
        token = {**herdbook.settings, "HERDBOOK_TOKEN": "hbt_wrong"}
        wrong = Herdbook(herdbook.state, settings=token).run("whoami")
        assert_clear(wrong, FORBIDDEN, "no token of this register")
        expired = json.loads(session_file(served).read_text())
        expired["expires_at"] = "2026-01-01T00:00:00+00:00"
        session_file(served).write_text(json.dumps(expired))
        assert herdbook.json("whoami")["actor"] == "corp:anna"
        renewed = json.loads(session_file(served).read_text())
        assert renewed["expires_at"] > expired["expires_at"]
        assert renewed["refresh"]
    finally:
        herdbook.must("logout")
    assert herdbook.json("whoami")["means"] == "user of this machine"
    told = [(each["who"], each["verb"]) for each in herdbook.json("audit", "ls")]
    assert [verb for who, verb in told if who == "corp:anna"] == [
        "see-person", "propose", "refused",
    ]  # fmt: skip
    herdbook.must("audit", "verify")
    assert b"eyJ" not in (herdbook.state / "herdbook.db").read_bytes()


def test_a_robot_is_whom_a_condition_names(served: Served) -> None:
    herdbook = served.herdbook
    text = id_token_of(served, "shop+ci")
    herdbook.must("issuer", "map", "corp", "robot:shop-ci", "--when", "sub=shop+ci")
    herdbook.must("role", "grant", "robot:shop-ci", "builder", "--images", "t/*")
    who = json.loads(served.by_token(text, "whoami", "--json").stdout)
    assert (who["actor"], who["called"]) == ("robot:shop-ci", "shop+ci")
    refused = served.by_token(text, "promote", "t/tiny", "production")
    assert_clear(refused, FORBIDDEN, "robot:shop-ci may not promote", "operator")
    changed = text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB")
    assert_clear(served.by_token(changed, "images"), FORBIDDEN, "was not signed", "issuer")
    [record] = [each for each in herdbook.json("audit", "ls") if each["who"] == "robot:shop-ci"]
    assert (record["verb"], record["details"]["by"]) == ("refused", "corp: shop+ci")


def test_who_takes_another_one_s_name_at_the_provider_is_not_them(served: Served) -> None:
    logged_in(served.herdbook, "dora+dev")
    served.herdbook.must("logout")
    status, _, told = log_in(served.herdbook, "dora")  # another one, as the provider calls them
    assert status == FORBIDDEN
    assert "corp:dora was somebody else" in told
    assert served.herdbook.json("whoami")["means"] == "user of this machine"


@pytest.mark.podman
def test_podman_logs_in_with_an_id_token_and_pulls_what_its_groups_may_see(
    served: Served,
) -> None:
    image = f"{served.place}/t/tiny:1"
    login = ("login", "--username=anything", "--password-stdin", served.place)
    text = id_token_of(served, "bob+ops")
    assert served.podman(*login, given=text[:-2]).returncode
    done = served.podman(*login, given=text)
    assert done.returncode == 0, done.stderr
    try:
        pulled = served.podman("pull", image)
        assert pulled.returncode == 0, pulled.stderr
    finally:
        tool("podman", "rmi", "--force", "--ignore", image)
    other = id_token_of(served, "carl")
    assert served.podman(*login, given=other).returncode == 0
    hidden = served.podman("pull", image)
    assert "There is no image" in hidden.stderr or "unknown" in hidden.stderr


def test_without_the_provider_nobody_is_let_in(served: Served, provider: RealProvider) -> None:
    """Last: it is not there any more then."""
    logged_in(served.herdbook, "anna+dev")
    provider.stop()
    for file in (served.herdbook.state / "issuers").iterdir():
        file.unlink()  # as if what was published were an hour old
    assert_clear(served.herdbook.run("images"), NETWORK, "does not answer", "Nobody is let in")
    served.herdbook.must("logout")
    served.herdbook.must("images")
    assert_clear(served.herdbook.run("login"), NETWORK, "does not answer")
