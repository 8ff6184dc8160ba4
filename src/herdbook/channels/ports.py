"""The port to the register of channels."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from herdbook.audit.chain import Entry
from herdbook.builds.bundles import Bundle
from herdbook.channels.exceptions import GateException
from herdbook.channels.model import Assignment, Hold, Made, Revocation
from herdbook.channels.proposals import Approval, Comment, Proposal
from herdbook.channels.results import Result
from herdbook.channels.rules import ChannelRules
from herdbook.core.digests import Digest
from herdbook.metadata.model import Document
from herdbook.signatures.envelopes import Envelope


class Proposals(Protocol):
    """Proposals and approvals; each change is kept together with its audit entry."""

    def propose(self, proposal: Proposal, entry: Entry) -> Proposal:
        """Keep a proposal under the next number, and return it with that.

        Raises ConflictError where that version is proposed for that channel already.
        """
        ...

    def proposals(self, image: str = "", *, every: bool = False) -> list[Proposal]:
        """Return the open proposals of one image or all, or every one, the newest first."""
        ...

    def proposal(self, number: int) -> Proposal | None:
        """Return a proposal, or None."""
        ...

    def end(self, proposal: Proposal, entry: Entry) -> None:
        """Keep that a proposal has come to its end; raises ConflictError where it had before."""
        ...

    def rebuilt(self, proposal: Proposal, entry: Entry, at: datetime) -> None:
        """Keep which version was rebuilt of a proposal.

        Raises ConflictError where it is no longer open, or another one was rebuilt of it before.
        """
        ...

    def comments(self, proposal: int) -> list[Comment]:
        """Return what was said of a proposal, the oldest first."""
        ...

    def comment(self, comment: Comment, entry: Entry) -> None:
        """Keep what somebody says of a proposal, be it open or not."""
        ...

    def approvals(self, proposal: int) -> list[Approval]:
        """Return the approvals of a proposal, the oldest first."""
        ...

    def approve(self, approval: Approval, entry: Entry) -> None:
        """Keep an approval; raises ConflictError where a proposal is no longer open."""
        ...


class Results(Protocol):
    """What came of trying versions, signed; each change is kept together with its audit entry."""

    def results(self, made: Made) -> list[Envelope]:
        """Return what is kept of a version, signed by whomever."""
        ...

    def keep_result(self, result: Result, envelope: Envelope, entry: Entry) -> None:
        """Keep a result; another one of what was done to that version is replaced."""
        ...


class Exceptions(Protocol):
    """Exceptions, each signed; each change is kept together with its audit entry."""

    def exceptions(self) -> list[GateException]:
        """Return all of them, the oldest first."""
        ...

    def add_exception(self, exception: GateException, entry: Entry) -> None:
        """Keep one; raises ConflictError where its number was taken meanwhile."""
        ...

    def end_exception(self, exception: GateException, entry: Entry) -> None:
        """Keep that one was ended; raises ConflictError where it was ended before."""
        ...


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    said: str


class OwnCommands(Protocol):
    """Runs people's own commands on this machine, as whoever runs Herdbook."""

    def run(
        self,
        command: Sequence[str],
        settings: Mapping[str, str],
        given: bytes,
        limit_seconds: float,
    ) -> Ended:
        """Run one to its end, with these settings added to its environment, and this to read.

        Nothing that is a secret of Herdbook's is in its environment. Raises MissingToolError where
        there is no such program, TimeoutExpiredError at the limit.
        """
        ...


class Bundles(Protocol):
    """What versions are made from, as it was sent along with proposals, each by its digest."""

    def keep(self, bundle: Bundle) -> Digest:
        """Keep a bundle, and return its digest; one that is kept already is not kept twice.

        Killed at any moment, there is all of it or nothing. Raises NoSpaceError.
        """
        ...

    def take(self, file: Path) -> Digest:
        """Keep a bundle that a file holds, as `keep` does; raises NotFoundError for no file."""
        ...

    def opened(self, digest: Digest) -> AbstractContextManager[Path]:
        """Give a folder that a bundle is unpacked in, by the bytes of that digest, for a while.

        Raises NotFoundError for one that is not kept, VerificationError for one that is damaged.
        """
        ...

    def lay_out(self, digest: Digest) -> Path:
        """Return a new folder of the same kind that stays, and may be recipes' home from then on.

        No other one is touched by that. Raises as `opened`.
        """
        ...

    def is_home(self, path: str) -> bool:
        """Tell whether a path lies in a folder that `lay_out` has made."""
        ...

    def copy(self, digest: Digest, file: Path) -> None:
        """Write a bundle to a new file, all of it or nothing; raises ConflictError if it exists."""
        ...


class ChannelRegister(Proposals, Results, Exceptions, Protocol):
    """The channels of one installation; each change is kept together with its audit entry."""

    def every(self, image: str = "") -> list[Assignment]:
        """Return the newest assignment of each channel, of one image or all, by their names."""
        ...

    def history(
        self, image: str, channel: str, most: int | None = None, *, version: int | None = None
    ) -> list[Assignment]:
        """Return a channel's assignments, or the `most` newest, the newest first.

        With `version`, only those of that one.
        """
        ...

    def assign(
        self,
        assignments: Sequence[Assignment],
        entry: Entry,
        ends: Sequence[Proposal] = (),
        documents: Sequence[Document] = (),
    ) -> None:
        """Keep assignments, all or none, each signed, and that proposals end with them.

        What so many keys have signed of them is published with them.

        The entry is about the first of them; of each other one the audit says that it follows.

        Raises ConflictError where a channel has got one of that number meanwhile, or is held,
        or where a proposal is no longer open.
        """
        ...

    def holds(self, image: str = "") -> list[Hold]:
        """Return the holds of one image's channels, or all."""
        ...

    def hold(self, hold: Hold, entry: Entry) -> None:
        """Keep a hold; another one of that channel is replaced."""
        ...

    def release(self, image: str, channel: str, entry: Entry, at: datetime) -> bool:
        """Remove a hold; tell whether there was one."""
        ...

    def revocations(self, made: Collection[Made] | None = None) -> Mapping[Made, Revocation]:
        """Return the revocations of these versions, or all."""
        ...

    def revoke(self, revocation: Revocation, entry: Entry) -> None:
        """Keep a revocation; another one of that version is replaced."""
        ...

    def reinstate(self, made: Made, entry: Entry, at: datetime) -> bool:
        """Remove a revocation; tell whether there was one."""
        ...

    def add_served(self, versions: Collection[Made], time: timedelta) -> None:
        """Add to the time in which versions have truly served."""
        ...

    def served(self, made: Made) -> timedelta:
        """Return for how long a version has truly served, in all."""
        ...

    def rules(self) -> ChannelRules:
        """Return the rules: none where nobody has given any."""
        ...

    def set_rules(self, rules: ChannelRules, entry: Entry, at: datetime) -> None:
        """Put rules in place of those before."""
        ...
