"""Commands of whoever proposes, and of whoever approves: propose, approve, reject, proposal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_proposal
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.actions.sign_move import Move
    from herdbook.actions.weigh_proposal import Weighed
    from herdbook.channels.evidence import Evidence, Finding
    from herdbook.metadata.signing import Standing

_SHOWN = 10
_Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, autocompletion=complete_proposal)]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(propose)
    app.command()(approve)
    app.command()(reject)
    proposal = typer.Typer(help="See what is proposed for channels.", no_args_is_help=True)
    proposal.command()(ls)
    proposal.command()(show)
    app.add_typer(proposal, name="proposal")


def propose(
    image: ImageName,
    channel: Annotated[str, typer.Argument(help="Such as staging or production.")],
    why: Annotated[str, typer.Option(help="What it is good for.", metavar="TEXT")],
    as_json: AsJson = False,
) -> None:
    """Propose that a channel gets a version; others approve it."""
    from herdbook.actions.propose import propose as act
    from herdbook.cli.channels.shapes import proposal_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    made = act(open_session(output), image, channel, why)
    if as_json:
        output.json(proposal_shape(made))
        return
    output.text(f"proposal {made.number}: {made.label} for {made.image}@{made.channel}")
    output.note(f"Others look at it: herdbook proposal show {made.number}")


def approve(
    number: _Number,
    say: Annotated[str, typer.Option(help="What you looked at.", metavar="TEXT")] = "",
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign it, too, where the channel has signers: NAME.key."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a proposal, for what is known of it now."""
    from herdbook.actions.propose import approve as act
    from herdbook.actions.weigh_proposal import proposal_numbered, weigh
    from herdbook.channels.proposals import more_have
    from herdbook.cli.channels.shapes import weighed_shape
    from herdbook.cli.session import open_session
    from herdbook.cli.signatures.signer_keys import read_signer_key

    output = Output(as_json=as_json)
    workshop = open_session(output)
    signer = read_signer_key(key) if key else None
    shown = weigh(workshop, proposal_numbered(workshop, number)).move if signer else None
    if shown and not as_json and not _agreed(output, shown, yes=yes):
        output.text("nothing is signed")
        return
    weighed = act(workshop, number, say, signer, shown)
    now = workshop.clock.now()
    if as_json:
        output.json(weighed_shape(weighed, now))
        return
    output.text(f"proposal {number} is {'signed' if signer else 'approved'} by {workshop.actor}")
    made, move = weighed.proposal, weighed.move
    missing = weighed.ballot.missing(now) if weighed.ballot else 0
    if missing:
        output.note(f"{more_have(missing)} to approve it.")
    if move and not move.standing.enough:
        output.note(f"{move.standing.in_words()}: herdbook approve {number} --key FILE")
    elif not missing:
        output.note(f"Nothing more is needed: herdbook promote {made.label} {made.channel}")


def reject(
    number: _Number,
    why: Annotated[str, typer.Option(help="For whoever proposed it.", metavar="TEXT")],
    as_json: AsJson = False,
) -> None:
    """Reject a proposal, or take back one's own."""
    from herdbook.actions.propose import reject as act
    from herdbook.cli.channels.shapes import proposal_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    ended = act(open_session(output), number, why)
    if as_json:
        output.json(proposal_shape(ended))
    else:
        output.text(f"proposal {number} is rejected")


def ls(
    every: Annotated[bool, typer.Option("--all", help="Also what has come to its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is proposed, the newest first."""
    from herdbook.cli.channels.shapes import proposal_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = open_session(output).channels.proposals(every=every)
    if as_json:
        output.json([proposal_shape(each) for each in found])
        return
    if not found:
        output.note("Nothing is proposed.")
        return
    output.table(
        ["#", "version", "channel", "by", "when", "state", "why"],
        [
            [
                str(each.number),
                each.label,
                each.channel,
                each.who,
                f"{each.at:%Y-%m-%d %H:%M}",
                each.state,
                each.why,
            ]
            for each in found
        ],
    )


def show(number: _Number, as_json: AsJson = False) -> None:
    """Show a proposal: what it changes, what is known of it, and who approved it."""
    from herdbook.actions.weigh_proposal import proposal_numbered, weigh
    from herdbook.channels.proposals import more_have
    from herdbook.cli.channels.shapes import weighed_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    weighed = weigh(workshop, proposal_numbered(workshop, number))
    if as_json:
        output.json(weighed_shape(weighed, workshop.clock.now()))
        return
    label = weighed.proposal.label
    _head(output, weighed)
    if weighed.evidence:
        _print_evidence(output, weighed.evidence, label)
    if weighed.before:
        output.text(f"what else differs: herdbook diff {weighed.before.label} {label}")
    _print_approvals(output, weighed)
    if weighed.ballot:
        missing = weighed.ballot.missing(workshop.clock.now())
        output.text(f"{more_have(missing)} to approve it" if missing else "approved")
    if weighed.move:
        _print_signatures(output, weighed.move.standing)


def _agreed(output: Output, move: "Move", *, yes: bool) -> bool:
    """Show all that a signature would be for, and ask whether to give it."""
    from herdbook.metadata.wording import in_words

    for line in in_words(move.metadata.signed):
        output.note(line)
    ask = sys.stdin.isatty() and not yes
    return not ask or typer.confirm("Sign that?", default=False, err=True)


def _print_signatures(output: Output, standing: "Standing") -> None:
    if standing.signed:
        output.text(f"signed by {', '.join(standing.signed)}")
    if not standing.enough:
        output.text(standing.in_words())


def _print_evidence(output: Output, evidence: "Evidence", label: str) -> None:
    from herdbook.cli.channels.gate_shapes import evidence_lines

    _print_findings(output, "gained", evidence.gained)
    _print_findings(output, "lost", evidence.lost)
    for line in evidence_lines(evidence):
        output.text(line)
    if not evidence.complete:
        output.text(f"not everything in it is known: herdbook vulnerabilities {label}")


def _head(output: Output, weighed: "Weighed") -> None:
    made, before = weighed.proposal, weighed.before
    instead = f" in place of {before.label}" if before else ""
    output.text(f"proposal {made.number}: {made.label} for {made.image}@{made.channel}{instead}")
    output.text(f"{made.who}, {made.at:%Y-%m-%d %H:%M}: {made.why}")
    if made.ended_at:
        said = f": {made.said}" if made.said else ""
        output.text(f"{made.state} by {made.ended_by}, {made.ended_at:%Y-%m-%d %H:%M}{said}")


def _print_findings(output: Output, what: str, findings: "tuple[Finding, ...]") -> None:
    if not findings:
        return
    output.text(f"vulnerabilities {what}: {len(findings)}")
    for each in findings[:_SHOWN]:
        exploited = ", known to be exploited" if each.exploited else ""
        fixed = f", fixed in {each.fixed}" if each.fixed else ""
        severity = each.severity or "unknown"
        output.text(f"  {each.name} in {each.component} ({severity}{exploited}{fixed})")
    if len(findings) > _SHOWN:
        output.text(f"  and {len(findings) - _SHOWN} more")


def _print_approvals(output: Output, weighed: "Weighed") -> None:
    void = dict(weighed.void)
    for each in weighed.approvals:
        said = f": {each.said}" if each.said else ""
        reason = f" (void: {void[each]})" if each in void else ""
        output.text(f"approved by {each.who}, {each.at:%Y-%m-%d %H:%M}{said}{reason}")
