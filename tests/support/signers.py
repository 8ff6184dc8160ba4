"""People with keys of their own, who hold the root and sign what production gets."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from channel_images import put_rules

from herdbook.actions.promote import Promotion, promote
from herdbook.actions.propose import approve, propose
from herdbook.actions.show_metadata import export_metadata
from herdbook.actions.sign_metadata import name_holders, sign_due
from herdbook.actions.workshop import Workshop
from herdbook.channels.proposals import Proposal
from herdbook.signatures.keys import PrivateKey, PublicKey, new_private_key

NAMES = ("anna", "bert", "carol")


@dataclass(frozen=True)
class Signers:
    """Three people; two of them hold the root, and two of three sign for production."""

    workshop: Workshop
    keys: dict[str, PrivateKey] = field(
        default_factory=lambda: {name: new_private_key() for name in NAMES}
    )

    def public(self, *names: str) -> dict[str, PublicKey]:
        return {name: self.keys[name].public for name in names}

    def rules(self, *names: str, count: int = 2, images: str = "*") -> str:
        """A file of rules in which so many of these sign for production."""
        keys = "".join(
            f"      {name}: |\n" + "".join(f"        {line}\n" for line in pem.splitlines())
            for name, pem in ((name, self.keys[name].public.pem) for name in names)
        )
        return (
            f"channels:\n- channel: production\n  images: '{images}'\n"
            f"  signers:\n    count: {count}\n    keys:\n{keys}"
        )

    def begin(self) -> None:
        """Hold the root, and have production guarded."""
        put_rules(self.workshop, self.rules(*NAMES))
        name_holders(self.workshop, self.public("anna", "bert"), 2)
        for name in ("anna", "bert"):
            sign_due(self.workshop, self.keys[name])

    def proposed(self, name: str) -> Proposal:
        """Have somebody propose a version for production."""
        return propose(replace(self.workshop, actor="dora"), name, "production", "it is good")

    def sign(self, proposal: Proposal, *names: str) -> None:
        for name in names:
            approve(replace(self.workshop, actor=name), proposal.number, key=self.keys[name])

    def promote(self, name: str) -> Promotion:
        """Propose a version, have two sign it, and promote it."""
        self.sign(self.proposed(name), "anna", "carol")
        return promote(self.workshop, name, "production")

    def exported(self, folder: Path) -> Path:
        export_metadata(self.workshop, folder)
        return folder
