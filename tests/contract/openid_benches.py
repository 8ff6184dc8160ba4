"""OpenID providers to hold the port's promises against: a certified one, and the made-up one."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from openid_provider import CLIENT, OTHER_CLIENT, RealProvider, log_in_by_browser

from herdbook.core.clock import SystemClock
from herdbook.drivers.fake.openid import FakeOpenIdProviders
from herdbook.drivers.openid import HttpOpenIdProviders
from herdbook.people.logins import Client, DeviceCode, Given
from herdbook.people.ports import OpenIdProviders

SCOPES = ("openid", "profile", "offline_access", "nobody-knows-this-one")


@dataclass
class MovedClock:
    """The machine's clock, moved by so much."""

    by: timedelta = timedelta()
    real: SystemClock = field(default_factory=SystemClock)

    def now(self) -> datetime:
        return self.real.now() + self.by

    def monotonic_seconds(self) -> float:
        return self.real.monotonic_seconds() + self.by.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.by += timedelta(seconds=seconds)


class Bench(Protocol):
    """A provider, with a hand on it."""

    clock: MovedClock
    providers: OpenIdProviders
    url: str

    def log_in(self, code: DeviceCode, who: str) -> None: ...

    def stop(self) -> None: ...

    def start(self) -> None: ...

    def rotate(self) -> None: ...


@dataclass
class RealBench:
    """oidc-provider, over HTTP."""

    provider: RealProvider
    folder: Path
    clock: MovedClock = field(default_factory=MovedClock)

    def __post_init__(self) -> None:
        self.providers: OpenIdProviders = HttpOpenIdProviders(self.folder, self.clock)
        self.url = self.provider.url

    def log_in(self, code: DeviceCode, who: str) -> None:
        assert "Success" in log_in_by_browser(code.complete_address, who)

    def stop(self) -> None:
        self.provider.stop()

    def start(self) -> None:
        self.provider.start()

    def rotate(self) -> None:
        self.provider.rotate()


@dataclass
class FakeBench:
    """The one in memory."""

    clock: MovedClock = field(default_factory=MovedClock)
    url: str = "https://id.example"

    def __post_init__(self) -> None:
        self.fake = FakeOpenIdProviders(self.clock)
        self.provider = self.fake.open(self.url)
        self.provider.clients = (CLIENT, OTHER_CLIENT)
        self.providers: OpenIdProviders = self.fake

    def log_in(self, code: DeviceCode, who: str) -> None:
        lasts = int(self.clock.now().timestamp()) + 7200
        self.fake.log_in(self.url, code.code, sub=who, exp=lasts)

    def stop(self) -> None:
        self.provider.is_up = False

    def start(self) -> None:
        self.provider.is_up = True

    def rotate(self) -> None:
        self.provider.key += 1


def client(bench: Bench, name: str = CLIENT) -> Client:
    return Client(bench.url, name, SCOPES)


def logged_in(bench: Bench, who: str = "anna+ops") -> Given:
    """What the provider gives once somebody has logged in."""
    us = client(bench)
    code = bench.providers.begin(us)
    bench.log_in(code, who)
    given = bench.providers.ask(us, code)
    assert isinstance(given, Given)
    return given
