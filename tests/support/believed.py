"""A workshop that believes the issuer `corp`, made up, whose people and robots are as tests say."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleet_workshop import fleet_workshop

from herdbook.actions.identify import Identity
from herdbook.actions.identify_by_issuer import Vouched, Vouching
from herdbook.actions.keep_issuers import add_issuer, map_claims
from herdbook.actions.workshop import Workshop
from herdbook.drivers.fake.openid import FakeOpenIdProviders
from herdbook.drivers.fake.sessions import FakeSessions
from herdbook.people.issuers import Condition, Issuer
from herdbook.people.model import read_subject

URL = "https://id.example"


@dataclass
class Believed:
    """Root's workshop and the made-up providers."""

    workshop: Workshop
    providers: FakeOpenIdProviders

    @property
    def vouching(self) -> Vouching:
        return Vouching(self.workshop.people, self.providers)

    def token(self, **claims: Any) -> str:
        """An ID token of corp: people are called by `name`, their groups are in `groups`."""
        return self.providers.issue(URL, **claims)

    def come(self, text: str) -> Vouched:
        """Whom a token is for."""
        return self.vouching.by_id_token(text, self.workshop.clock.now())

    def acting(self, identity: Identity) -> Workshop:
        """The workshop, as somebody has it."""
        return replace(self.workshop, actor=identity.actor, authority=identity.authority)

    def map(self, whom: str, *conditions: str) -> None:
        pairs = [Condition(*each.split("=", 1)) for each in conditions]
        map_claims(self.workshop, "corp", read_subject(whom), pairs)


def believed(folder: Path, **changed: Any) -> Believed:
    """Open one; nobody was granted anything."""
    workshop = replace(fleet_workshop(folder / "state"), actor="root")
    providers = FakeOpenIdProviders(workshop.clock)
    providers.open(URL)
    workshop = replace(workshop, providers=providers, sessions=FakeSessions())
    usual = {
        "client_id": "herdbook", "audience": "robots",
        "name_claim": "name", "groups_claim": "groups",
    }  # fmt: skip
    at = workshop.clock.now()
    add_issuer(workshop, Issuer("corp", URL, at, "", **{**usual, **changed}))
    return Believed(workshop, providers)
