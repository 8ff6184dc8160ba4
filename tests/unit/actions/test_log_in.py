"""Somebody logs in by a code, and is who they are until their session is over and not renewed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from believed import URL, Believed, believed

from herdbook.actions.identify import Identity
from herdbook.actions.identify_by_issuer import Vouching
from herdbook.actions.keep_issuers import add_issuer, remove_issuer
from herdbook.actions.keep_people import disable_user
from herdbook.actions.log_in import by_session, client_of, log_in, log_out
from herdbook.core.errors import (
    ForbiddenError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    TimeoutExpiredError,
)
from herdbook.drivers.fake.sessions import FakeSessions
from herdbook.people.issuers import Issuer
from herdbook.people.logins import Client, DeviceCode, Given, Session
from herdbook.people.model import Authority, Means
from herdbook.server.settings import Settings
from herdbook.server.who import who_acts

ANNA = {"sub": "248", "name": "anna", "groups": ["ops"]}


@pytest.fixture
def here(tmp_path: Path) -> Believed:
    return believed(tmp_path)


def logged_in(here: Believed, name: str = "corp") -> str:
    """Log anna in as she would, and return who she is."""

    def tell(code: DeviceCode) -> None:
        here.providers.log_in(URL, code.code, **ANNA)

    return log_in(here.workshop, name, tell).identity.actor


def kept(here: Believed) -> Session:
    found = here.workshop.sessions.load()
    assert found is not None
    return found


def acts(here: Believed, token: str | None = None) -> Identity:
    """Who gives the next command."""
    settings = Settings(Path("/nowhere"), "", actor="root", token=token)
    workshop = here.workshop
    return who_acts(settings, workshop.people, here.vouching, workshop.sessions, workshop.clock)


def test_who_has_logged_in_gives_the_next_commands(here: Believed) -> None:
    assert acts(here) == Identity("root", Authority())
    assert logged_in(here) == "corp:anna"
    found = acts(here)
    assert (found.actor, found.authority.means) == ("corp:anna", Means.SESSION)
    assert found.authority.groups == frozenset({"corp:ops"})
    assert found.authority.until == kept(here).expires_at
    assert here.workshop.sessions.end()
    assert not here.workshop.sessions.end()
    assert acts(here).actor == "root"


def test_a_token_counts_before_a_session(here: Believed) -> None:
    logged_in(here)
    here.map("robot:ci", "sub=1")
    assert acts(here, here.token(sub="1", aud="robots")).actor == "robot:ci"
    for wrong in ("hbt_x", "x", "", " \n", here.token(sub="2", aud="robots"), "eyJ.eyJ.x"):
        with pytest.raises(ForbiddenError):
            acts(here, wrong)


def test_it_is_waited_for_until_the_code_is_over(here: Believed) -> None:
    began = here.workshop.clock.monotonic_seconds()
    with pytest.raises(TimeoutExpiredError, match="Nobody has logged in"):
        log_in(here.workshop, "corp", lambda _: None)
    assert 600 <= here.workshop.clock.monotonic_seconds() - began < 610
    assert here.workshop.sessions.load() is None


def test_a_provider_that_fails_for_a_moment_is_asked_again(here: Believed) -> None:
    def fail(_: DeviceCode) -> None:
        here.providers.known[URL].is_up = False

    with pytest.raises(NetworkError):
        log_in(here.workshop, "corp", fail)
    assert here.workshop.clock.monotonic_seconds() >= 5 + 10 + 20
    assert here.workshop.sessions.load() is None


def test_a_session_is_renewed_where_it_can_be(here: Believed) -> None:
    logged_in(here)
    first = kept(here)
    here.workshop.clock.sleep(601)
    assert acts(here).actor == "corp:anna"
    second = kept(here)
    assert second.expires_at > first.expires_at
    assert second.refresh != first.refresh
    assert acts(here).actor == "corp:anna"
    assert kept(here) == second


def test_a_command_that_comes_late_uses_what_another_one_has_renewed(here: Believed) -> None:
    """A provider ends a login whose old refresh token is used again."""
    logged_in(here)
    old = kept(here)
    here.workshop.clock.sleep(601)
    acts(here)
    found = by_session(here.vouching, here.workshop.sessions, old, here.workshop.clock)
    assert found.actor == "corp:anna"


def test_an_expired_session_says_how_to_log_in_again_and_nobody_becomes_somebody_else(
    here: Believed,
) -> None:
    logged_in(here)
    here.workshop.sessions.keep(replace(kept(here), refresh=""))
    here.workshop.clock.sleep(601)
    with pytest.raises(ForbiddenError, match="Your session of corp is over") as caught:
        acts(here)
    assert "herdbook login corp" in caught.value.hint
    assert "herdbook logout" in caught.value.hint
    here.workshop.sessions.keep(replace(kept(here), refresh="made-up"))
    with pytest.raises(ForbiddenError, match="over"):
        acts(here)


def test_a_session_is_not_renewed_for_somebody_else(here: Believed) -> None:
    logged_in(here)
    provider = here.providers.known[URL]
    provider.logins = {each: {"sub": "666", "name": "mallory"} for each in provider.logins}
    here.workshop.clock.sleep(601)
    with pytest.raises(ForbiddenError, match="somebody else"):
        acts(here)
    here.workshop.sessions.keep(replace(kept(here), id_token=here.token(sub="666", name="m")))
    here.workshop.sessions.keep(replace(kept(here), expires_at=here.workshop.clock.now()))
    with pytest.raises(ForbiddenError):
        acts(here)


def test_a_token_that_is_set_but_empty_is_nobody(here: Believed) -> None:
    """A job whose token could not be fetched must not go on as the user who runs the jobs."""
    logged_in(here)
    with pytest.raises(ForbiddenError, match="nothing in it") as caught:
        acts(here, "")
    assert "unset HERDBOOK_TOKEN" in caught.value.hint


def test_neither_token_nor_session_counts_where_no_login_is_heeded(here: Believed) -> None:
    logged_in(here)
    here.workshop.clock.sleep(601)
    before = kept(here)
    settings = Settings(Path("/nowhere"), "", actor="root", token="hbt_x", heed_login=False)  # noqa: S106 - of nobody
    workshop = here.workshop
    found = who_acts(settings, workshop.people, here.vouching, workshop.sessions, workshop.clock)
    assert found == Identity("root", Authority())
    assert kept(here) == before, "nor is it renewed"


@dataclass
class Meanwhile(FakeSessions):
    """Has something done by another command before a renewal's turn comes."""

    done: Callable[[FakeSessions], object] | None = None

    def __post_init__(self) -> None:
        super().__init__()

    @contextmanager
    def alone(self) -> Iterator[None]:
        if self.done:
            self.done(self)
        yield


def test_a_session_that_is_ended_stays_so_though_a_command_wanted_to_renew_it(
    here: Believed,
) -> None:
    logged_in(here)
    sessions = Meanwhile(FakeSessions.end)
    sessions.keep(kept(here))
    here.workshop.clock.sleep(601)
    with pytest.raises(ForbiddenError, match="ended just now"):
        by_session(here.vouching, sessions, kept(here), here.workshop.clock)
    assert sessions.load() is None


def test_login_and_logout_wait_for_a_renewal_that_is_under_way(here: Believed) -> None:
    """It would keep, after them, the session from before."""
    turns: list[Session | None] = []
    sessions = Meanwhile(lambda found: turns.append(found.load()))
    here = replace(here, workshop=replace(here.workshop, sessions=sessions))
    logged_in(here)
    first = kept(here)
    assert turns == [None, None], "once to see that it can be kept, once to keep it"
    assert log_out(sessions)
    assert turns == [None, None, first]


def test_a_refresh_token_is_sent_to_no_issuer_but_its_own(here: Believed) -> None:
    """Who is called the same by two is not the same to either."""
    logged_in(here)
    sessions = Meanwhile(
        lambda found: found.keep(replace(kept(here), issuer="other", refresh="other's"))
    )
    here.workshop.clock.sleep(601)
    asked: list[str] = []
    provider = here.providers.known[URL]
    provider.logins = Asked(provider.logins, asked)
    with pytest.raises(ForbiddenError, match="somebody else just now"):
        by_session(here.vouching, sessions, kept(here), here.workshop.clock)
    assert asked == []


class Asked(dict[str, Mapping[str, object]]):
    """Logins by their refresh tokens, which are `asked` for."""

    def __init__(self, known: Mapping[str, Mapping[str, object]], asked: list[str]) -> None:
        super().__init__(known)
        self._asked = asked

    def pop(self, key: str, *rest: Any) -> Any:
        self._asked.append(key)
        return super().pop(key, *rest)


def test_what_fails_for_a_moment_while_a_session_is_renewed_does_not_end_it(
    here: Believed,
) -> None:
    """The provider has taken the old refresh token; the keys of the new ID token are not there."""
    logged_in(here)
    first = kept(here)
    here.workshop.clock.sleep(3601)
    with pytest.raises(NetworkError):
        by_session(GoneOnceRenewed(here), here.workshop.sessions, first, here.workshop.clock)
    assert kept(here).refresh != first.refresh
    here.providers.known[URL].is_up = True
    assert acts(here).actor == "corp:anna"


class GoneOnceRenewed(Vouching):
    """The provider does not answer any more once it has renewed a login."""

    def __init__(self, here: Believed) -> None:
        super().__init__(here.workshop.people, here.providers)
        self._provider = here.providers.known[URL]

    def renew(self, client: Client, refresh: str) -> Given:
        given = super().renew(client, refresh)
        self._provider.is_up = False
        return given


def test_without_the_provider_an_expired_session_lets_nobody_in(here: Believed) -> None:
    logged_in(here)
    here.providers.known[URL].is_up = False
    assert acts(here).actor == "corp:anna"
    here.workshop.clock.sleep(601)
    with pytest.raises(NetworkError):
        acts(here)


def test_a_session_ends_with_its_issuer_and_when_its_user_is_disabled(here: Believed) -> None:
    logged_in(here)
    disable_user(here.workshop, "corp:anna")
    with pytest.raises(ForbiddenError, match="disabled") as caught:
        acts(here)
    assert "herdbook logout" in caught.value.hint
    remove_issuer(here.workshop, "corp")
    with pytest.raises(ForbiddenError, match="No issuer"):
        acts(here)


def test_it_is_the_only_issuer_for_people_unless_one_is_named(here: Believed) -> None:
    assert logged_in(here, "") == "corp:anna"
    with pytest.raises(NotFoundError, match="'crop'"):
        logged_in(here, "crop")
    at = here.workshop.clock.now()
    wished = Issuer("robots", "https://robots.example", at, "", audience="x")
    second = Issuer("second", "https://second.example", at, "", client_id="herdbook")
    for issuer in (wished, second):
        here.providers.open(issuer.url)
        add_issuer(here.workshop, issuer)
        if issuer is wished:
            assert logged_in(here, "") == "corp:anna"
            with pytest.raises(NotFoundError, match="where people can log in"):
                logged_in(here, "robots")
    with pytest.raises(InvalidInputError, match="corp, second"):
        logged_in(here, "")
    remove_issuer(here.workshop, "corp")
    remove_issuer(here.workshop, "second")
    with pytest.raises(NotFoundError, match="no issuer where people"):
        logged_in(here, "")


def test_no_more_is_asked_for_than_is_needed(here: Believed) -> None:
    [issuer] = here.workshop.people.issuers()
    assert client_of(issuer).scopes == ("openid", "profile", "offline_access", "groups")
    other = replace(issuer, groups_claim="", name_claim="email", scopes=("extra", "openid"))
    assert client_of(other).scopes == ("openid", "profile", "offline_access", "extra", "email")
