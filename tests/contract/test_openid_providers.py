"""The promises of the port OpenIdProviders, for a certified provider and the made-up one."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from openid_benches import Bench, FakeBench, RealBench, client, logged_in
from openid_provider import CLIENT, running_provider

from herdbook.core.errors import (
    ForbiddenError,
    InvalidInputError,
    NetworkError,
    VerificationError,
)
from herdbook.people.logins import Given, Waiting

HOUR = timedelta(hours=1)


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A provider whose ID tokens last for two hours."""
    if request.param == "fake":
        yield FakeBench()
        return
    with running_provider(tmp_path / "provider", id_token_seconds=7200) as provider:
        yield RealBench(provider, tmp_path / "keys")


def test_a_provider_is_seen_to_answer_as_who_it_is(bench: Bench) -> None:
    bench.providers.look(bench.url)
    with pytest.raises(VerificationError, match="another one"):
        bench.providers.look(bench.url + "/")
    bench.stop()
    with pytest.raises(NetworkError):
        bench.providers.look(bench.url)


def test_somebody_logs_in_once_with_a_code(bench: Bench) -> None:
    us = client(bench)
    code = bench.providers.begin(us)
    assert code.address.startswith(bench.url)
    assert code.secret not in repr(code) or code.secret == code.code
    assert code.interval_seconds > 0
    assert code.lasts_seconds > 60
    assert bench.providers.ask(us, code) is Waiting.PENDING
    bench.log_in(code, "anna+ops")
    given = bench.providers.ask(us, code)
    assert isinstance(given, Given)
    assert given.id_token not in repr(given)
    told = bench.providers.read(bench.url, [CLIENT], given.id_token)
    assert told.claims["sub"] == "anna+ops"
    assert told.claims["aud"] == CLIENT
    assert told.issued_at <= bench.clock.now() + timedelta(seconds=1)
    assert told.expires_at - told.issued_at == 2 * HOUR
    with pytest.raises(ForbiddenError):
        bench.providers.ask(us, code)


def test_a_client_that_is_not_known_gets_no_code(bench: Bench) -> None:
    with pytest.raises(InvalidInputError):
        bench.providers.begin(client(bench, "nobody"))


def test_a_login_is_renewed_for_the_same_person_until_it_is_over(bench: Bench) -> None:
    given = logged_in(bench, "bob")
    again = bench.providers.renew(client(bench), given.refresh)
    assert bench.providers.read(bench.url, [CLIENT], again.id_token).claims["sub"] == "bob"
    with pytest.raises(ForbiddenError):
        bench.providers.renew(client(bench), "made-up")


def test_what_was_changed_is_refused(bench: Bench) -> None:
    text = logged_in(bench).id_token
    other = logged_in(bench, "bob").id_token
    header, payload, signature = text.split(".")
    turned = ("A" if signature[0] != "A" else "B") + signature[1:]
    swapped = ".".join((header, other.split(".")[1], signature))
    for wrong in (
        f"{header}.{payload}.{turned}", f"{header}.{payload}.", swapped, text[:-6], "eyJ.eyJ.x", "",
    ):  # fmt: skip
        with pytest.raises(ForbiddenError):
            bench.providers.read(bench.url, [CLIENT], wrong)
    bench.providers.read(bench.url, [CLIENT], text)


def test_what_is_for_others_is_refused(bench: Bench) -> None:
    text = logged_in(bench).id_token
    with pytest.raises(ForbiddenError):
        bench.providers.read(bench.url, ["other", "herdbook2"], text)
    bench.providers.read(bench.url, ["other", CLIENT], text)


def test_it_counts_from_when_it_was_given_until_it_expires(bench: Bench) -> None:
    text = logged_in(bench).id_token
    bench.providers.look(bench.url)
    bench.clock.by = -timedelta(minutes=2)
    with pytest.raises(ForbiddenError, match="not valid yet"):
        bench.providers.read(bench.url, [CLIENT], text)
    bench.clock.by = timedelta(hours=2, minutes=1)
    with pytest.raises(ForbiddenError, match="expired"):
        bench.providers.read(bench.url, [CLIENT], text)


def test_keys_that_were_fetched_count_for_an_hour_without_the_provider(bench: Bench) -> None:
    text = logged_in(bench).id_token
    bench.providers.look(bench.url)
    bench.stop()
    bench.clock.by = timedelta(minutes=59)
    bench.providers.read(bench.url, [CLIENT], text)
    bench.clock.by = timedelta(minutes=61)
    with pytest.raises(NetworkError):
        bench.providers.read(bench.url, [CLIENT], text)
    bench.start()
    bench.clock.by += timedelta(seconds=6)
    bench.providers.read(bench.url, [CLIENT], text)


def test_nobody_is_let_in_by_a_provider_that_never_answered(bench: Bench) -> None:
    given = logged_in(bench)
    bench.stop()
    bench.clock.by = 2 * HOUR  # nothing that was fetched before counts
    for attempt in (
        lambda: bench.providers.read(bench.url, [CLIENT], given.id_token),
        lambda: bench.providers.begin(client(bench)),
        lambda: bench.providers.renew(client(bench), given.refresh),
    ):
        with pytest.raises(NetworkError):
            attempt()


def test_a_new_key_is_found_but_not_looked_for_all_the_time(bench: Bench) -> None:
    old = logged_in(bench).id_token
    bench.providers.look(bench.url)
    bench.rotate()
    new = logged_in(bench).id_token
    with pytest.raises(ForbiddenError):
        bench.providers.read(bench.url, [CLIENT], new)
    bench.providers.read(bench.url, [CLIENT], old)
    bench.clock.by = timedelta(seconds=61)
    assert bench.providers.read(bench.url, [CLIENT], new).claims["sub"] == "anna+ops"
    with pytest.raises(ForbiddenError):  # the key that it was signed with is withdrawn
        bench.providers.read(bench.url, [CLIENT], old)
