"""Rebuilds what was approved from its sources: that is promoted, and not what was proposed."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from herdbook.actions.asked_secrets import require_secrets
from herdbook.actions.build import Making
from herdbook.actions.check_genuine import cause_of
from herdbook.actions.find_homes import Homes
from herdbook.actions.inputs import Inputs
from herdbook.actions.keep_patches import refuse_to_take_back
from herdbook.actions.note import entry
from herdbook.actions.reproduce import apart_in
from herdbook.actions.require_role import require_role
from herdbook.actions.weigh_proposal import proposal_numbered, require_open, weigh
from herdbook.actions.workshop import Workshop
from herdbook.builds.bundles import lock_in, recipe_in
from herdbook.campaigns.ports import Member
from herdbook.catalogue.model import NewVersion, Version
from herdbook.channels.proposals import Proposal, more_have
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, GateError, NotFoundError
from herdbook.people.acts import Act

_PIECE_BYTES = 1 << 20
_ATTEMPTS = 5

REBUILD_FAILED = "rebuild-failed"
"""What the audit says where the server could not rebuild what was approved."""


@dataclass(frozen=True)
class Rebuilt:
    """The version that was rebuilt of a proposal, which may be what was proposed, bit by bit."""

    proposal: Proposal
    version: Version

    @property
    def is_identical(self) -> bool:
        """Whether it has the digest of what was proposed."""
        return self.version.digest == self.proposal.digest


def rebuild_proposal(workshop: Workshop, number: int) -> Rebuilt:
    """Build the version that a proposal's channel is to get, from the lock it was sent with.

    Nothing that was made for what was proposed is used, but what both are made from. What comes
    out is another version of the image, with this builder's word on it. Raises GateError where it
    is not approved yet, ConflictError where it is over or rebuilt already, and what a build raises:
    then nothing has changed.
    """
    proposal = proposal_numbered(workshop, number)
    require_role(workshop, Act.REBUILD, proposal.image)
    require_open(proposal)
    _require_sources(proposal)
    _require_approved(workshop, proposal)
    with workshop.layers.lease(proposal.image):
        version = _built(workshop, proposal) or _build(workshop, proposal)
    return _kept(workshop, proposal, version)


def is_to_be_rebuilt(workshop: Workshop, proposal: Proposal) -> bool:
    """Tell whether a proposal is approved and its sources wait to be built."""
    if not proposal.waits_to_be_rebuilt:
        return False
    # A server asks all the time: what rests on evidence is asked for only once it may count.
    terms = workshop.channels.rules().of(proposal.image, proposal.channel).approvals
    given = {each.who for each in workshop.channels.approvals(proposal.number)}
    return len(given) >= (terms.count if terms else 0) and not _missing(workshop, proposal)


def why_not_rebuilt(workshop: Workshop, proposal: Proposal) -> str:
    """Return why the server could not rebuild it when it last tried; empty where it has not."""
    place = f"{proposal.image}@{proposal.channel}"
    newest = workshop.audit.newest_about(place, (REBUILD_FAILED,))
    mine = newest is not None and newest.details.get("proposal") == proposal.number
    return str(newest.details.get("reason")) if newest and mine else ""


def _require_sources(proposal: Proposal) -> None:
    if proposal.sources is None:
        raise ConflictError(
            f"Proposal {proposal.number} was not sent with what {proposal.label} was made from",
            hint=f"Where the rule of {proposal.channel} asks for that, take it back and propose it "
            f"again: herdbook reject {proposal.number} --why TEXT",
        )
    if proposal.rebuilt:
        raise ConflictError(
            f"Proposal {proposal.number} was rebuilt already: {proposal.label}",
            hint=f"Promote it: herdbook promote {proposal.label} {proposal.channel}",
        )


def _require_approved(workshop: Workshop, proposal: Proposal) -> None:
    if missing := _missing(workshop, proposal):
        raise GateError(
            f"Proposal {proposal.number} is not approved: {more_have(missing)} to approve it",
            hint=f"See who and why: herdbook proposal show {proposal.number}",
        )


def _missing(workshop: Workshop, proposal: Proposal) -> int:
    ballot = weigh(workshop, proposal).ballot
    return ballot.missing(workshop.clock.now()) if ballot else 0


def _built(workshop: Workshop, proposal: Proposal) -> Version | None:
    """Return what was built of it where whoever built it was killed before they could say so."""
    newest = workshop.versions.find(proposal.image)
    for number in range(newest.number if newest else 0, proposal.version, -1):
        version = workshop.versions.find(proposal.image, number)
        if version is not None and cause_of(workshop, version) == proposal.cause:
            return version
    return None


def _build(workshop: Workshop, proposal: Proposal) -> Version:
    workshop.keys.require()
    proposed = workshop.versions.find(proposal.image, proposal.version)
    if proposal.sources is None or proposed is None:
        raise NotFoundError(f"{proposal.label} was forgotten", hint="Propose another version.")
    with (
        workshop.bundles.opened(proposal.sources) as folder,
        workshop.staging() as staged,
        workshop.progress.task(f"Building {proposal.label} again, from nothing"),
    ):
        recipe_file, lock = recipe_in(folder), lock_in(folder)
        member = Member(proposal.image, proposal.version, recipe_file.home, proposed.wishes)
        inputs = Homes().inputs(member, lock)
        require_secrets(inputs.recipe_file, workshop.secrets)
        _refuse_to_take_back(workshop, proposal, inputs)
        apart = apart_in(workshop, staged, lock)
        new, _ = Making(apart, inputs).version(reason=proposal.cause)
        for layer in {each.digest for variant in new.variants for each in variant.layers}:
            _bring(workshop, apart, layer)
    home = recipe_in(workshop.bundles.lay_out(proposal.sources)).home
    version = _add(workshop, proposal, inputs, replace(new, home=home, of_its_own=True))
    workshop.advisories.match_new()
    return version


def _add(workshop: Workshop, proposal: Proposal, inputs: Inputs, new: NewVersion) -> Version:
    """Keep what was built; what others have built meanwhile must not make all that be in vain."""
    for _ in range(_ATTEMPTS):
        newest = _refuse_to_take_back(workshop, proposal, inputs)
        with suppress(ConflictError):
            return workshop.versions.add(new, after=newest.number)
    raise ConflictError(
        f"{proposal.image} is built again and again meanwhile", hint="Run the same command again."
    )


def _refuse_to_take_back(workshop: Workshop, proposal: Proposal, inputs: Inputs) -> Version:
    """Return the image's newest version, where what is built may follow it."""
    newest = workshop.versions.find(proposal.image)
    if newest is None:
        raise NotFoundError(f"{proposal.label} was forgotten", hint="Propose another version.")
    refuse_to_take_back(workshop, newest, inputs.lock, str(inputs.recipe_file.path))
    return newest


def _bring(workshop: Workshop, apart: Workshop, layer: Digest) -> None:
    """Have a layer here that was made apart: most are here already, from what was proposed."""
    if workshop.layers.has(layer):
        return
    with apart.layers.path(layer).open("rb") as content:
        workshop.layers.write(iter(partial(content.read, _PIECE_BYTES), b""))
    workshop.layers.set_tree(layer, apart.layers.tree(layer))


def _kept(workshop: Workshop, proposal: Proposal, version: Version) -> Rebuilt:
    rebuilt = replace(proposal, rebuilt=version.number)
    found = Rebuilt(rebuilt, version)
    written = entry(
        workshop,
        "rebuild",
        f"{proposal.image}@{proposal.channel}",
        proposal=proposal.number,
        proposed=proposal.version,
        version=version.number,
        digest=version.digest,
        identical=found.is_identical,
    )
    workshop.channels.rebuilt(rebuilt, written, workshop.clock.now())
    return found
