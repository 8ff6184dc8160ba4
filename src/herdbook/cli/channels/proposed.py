"""Commands about what is proposed: proposal with ls, show, comment, rebuild, sources, pack."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.channels.proposals import ProposalNumber
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, indented
from herdbook.cli.secrets import SecretFiles, given_secrets
from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from herdbook.actions.compare_versions import Comparison
    from herdbook.actions.weigh_proposal import Weighed
    from herdbook.actions.workshop import Workshop
    from herdbook.channels.evidence import Evidence, Finding
    from herdbook.metadata.signing import Standing

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    proposal = typer.Typer(help="See what is proposed for channels.", no_args_is_help=True)
    proposal.command()(ls)
    proposal.command()(show)
    proposal.command()(comment)
    proposal.command()(rebuild)
    proposal.command()(sources)
    proposal.command()(pack)
    app.add_typer(proposal, name="proposal")


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


def show(number: ProposalNumber, as_json: AsJson = False) -> None:
    """Show a proposal: what it changes, what is known of it, and who approved it."""
    from herdbook.actions.rebuild_proposal import why_not_rebuilt
    from herdbook.actions.weigh_proposal import proposal_numbered, weigh
    from herdbook.channels.proposals import more_have
    from herdbook.cli.channels.shapes import weighed_shape
    from herdbook.cli.difference_shapes import comparison_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    weighed = weigh(workshop, proposal_numbered(workshop, number))
    comparison = _compared(workshop, weighed)
    if as_json:
        shape = weighed_shape(weighed, workshop.clock.now())
        differences = comparison_shape(comparison, _SHOWN) if comparison else None
        output.json({**shape, "differences": differences})
        return
    label = weighed.proposal.label
    _head(output, weighed)
    if weighed.evidence:
        _print_evidence(output, weighed.evidence, label)
    _print_differences(output, weighed, comparison)
    _print_comments(output, weighed)
    _print_approvals(output, weighed)
    if weighed.ballot:
        missing = weighed.ballot.missing(workshop.clock.now())
        output.text(f"{more_have(missing)} to approve it" if missing else "approved")
    if weighed.evidence and weighed.proposal.waits_to_be_rebuilt:
        output.text("what gets there is rebuilt from its sources, once it is approved")
        if reason := why_not_rebuilt(workshop, weighed.proposal):
            output.text(f"it could not be rebuilt: {reason}")
    if weighed.move:
        _print_signatures(output, weighed.move.standing)


def comment(
    number: ProposalNumber,
    text: Annotated[str, typer.Argument(help="What everybody is to see.")],
    as_json: AsJson = False,
) -> None:
    """Say something of a proposal; it is no vote."""
    from herdbook.actions.propose import comment as act
    from herdbook.cli.channels.shapes import comment_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    made = act(open_session(output), number, text)
    if as_json:
        output.json(comment_shape(made))
    else:
        output.text(f"said of proposal {number}")


def rebuild(
    number: ProposalNumber,
    secret: SecretFiles = [],  # noqa: B006 - typer copies it
    as_json: AsJson = False,
) -> None:
    """Rebuild what was approved, from what it was sent with; a server does it by itself."""
    from herdbook.actions.rebuild_proposal import rebuild_proposal
    from herdbook.cli.channels.shapes import rebuilt_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = rebuild_proposal(open_session(output, given_secrets(secret, None)), number)
    if as_json:
        output.json(rebuilt_shape(found))
        return
    made = found.proposal
    proposed = f"{made.image}:{made.version}"
    if found.is_identical:
        output.text(f"{found.version.label} is {proposed}, bit by bit: {found.version.digest}")
        output.note(f"Promote it: herdbook promote {found.version.label} {made.channel}")
    else:
        output.text(f"{found.version.label} is not what was proposed: {found.version.digest}")
        output.note(f"What differs: herdbook diff {proposed} {found.version.label}")
        output.note(f"Others have to approve that: herdbook approve {number}")


def sources(
    number: ProposalNumber,
    folder: Annotated[Path, typer.Argument(help="A new folder to write them to.")],
    as_json: AsJson = False,
) -> None:
    """Write out what a proposal was sent with: its recipe, its lock, its files."""
    from herdbook.actions.send_sources import write_sources
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    recipe = write_sources(open_session(output), number, folder)
    if as_json:
        output.json({"recipe": str(recipe)})
    else:
        output.text(str(recipe))


def pack(
    image: ImageName,
    file: Annotated[Path, typer.Argument(help="A new file, such as web.bundle.")],
    as_json: AsJson = False,
) -> None:
    """Write what a version was made from to a file, to propose it to another Herdbook."""
    from herdbook.actions.send_sources import pack_sources
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    if file.suffix != ".bundle":
        raise InvalidInputError(f"{file} does not end in .bundle", hint="Name it so: web.bundle")
    version = pack_sources(open_session(output), image, file)
    if as_json:
        output.json({"path": str(file), "image": version.image, "version": version.number})
        return
    output.text(f"{version.label} is packed: {file}")
    output.note(f"Where it is to be approved: herdbook propose {file.name} CHANNEL --why TEXT")


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
    output.text(f"{made.who}, {made.at:%Y-%m-%d %H:%M}: {indented(made.why)}")
    if made.rebuilt:
        same = weighed.evidence is None or not weighed.evidence.proposed
        how = "bit by bit what was proposed" if same else "NOT what was proposed"
        output.text(f"rebuilt of {made.image}:{made.version}, {how}")
    if made.ended_at:
        said = f": {indented(made.said)}" if made.said else ""
        output.text(f"{made.state} by {made.ended_by}, {made.ended_at:%Y-%m-%d %H:%M}{said}")


def _compared(workshop: "Workshop", weighed: "Weighed") -> "Comparison | None":
    from herdbook.actions.compare_versions import compare

    if weighed.before is None or weighed.version is None:
        return None
    return compare(workshop, weighed.before, weighed.version)


def _print_differences(output: Output, weighed: "Weighed", comparison: "Comparison | None") -> None:
    from herdbook.cli.differences import show_comparison

    if comparison is not None:
        output.text(f"\n{comparison.before.label} -> {comparison.after.label}")
        show_comparison(output, comparison)
        output.text("")
    elif weighed.version is not None:
        output.text(f"nothing is there yet: herdbook show {weighed.version.label}")


def _print_comments(output: Output, weighed: "Weighed") -> None:
    for each in weighed.comments:
        output.text(f"{each.who}, {each.at:%Y-%m-%d %H:%M} says: {indented(each.said)}")


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
        said = f": {indented(each.said)}" if each.said else ""
        reason = f" (void: {void[each]})" if each in void else ""
        output.text(f"approved by {each.who}, {each.at:%Y-%m-%d %H:%M}{said}{reason}")
