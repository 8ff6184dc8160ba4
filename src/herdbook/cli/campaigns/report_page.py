"""Prints what a campaign has done, with the evidence: a page for people."""

from collections import Counter
from itertools import islice

from herdbook.actions.look_at_campaign import Evidence
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import CampaignState, Made, Proof
from herdbook.cli.campaigns.plan_page import fixes_in_words, print_reasons, print_running
from herdbook.cli.campaigns.status_page import status_lines, what_next
from herdbook.cli.output import Output

_SHOWN = 40
_DONE = {
    Way.REBASE: "rebased",
    Way.REBUILD: "rebuilt",
    Way.RELOCK: "locked anew",
    Way.WAIT: "left as it was",
}


def print_report(output: Output, evidence: Evidence, *, every: bool) -> None:
    """Print what changed, why each image could follow as it did, and what is left to do."""
    output.text("\n".join(status_lines(evidence.status)[:-1]))
    _print_changes(output, evidence)
    _print_conditions(output, evidence)
    _print_checks(output, evidence)
    print_reasons(output, evidence.reasons, "What was no rebase, and why:")
    _print_followers(output, evidence, every=every)
    _print_failures(output, evidence)
    print_running(output, evidence.running, evidence.unseen)
    if evidence.status.failures or evidence.status.campaign.state is not CampaignState.DONE:
        output.text(f"\n{what_next(evidence.status)}")


def _print_changes(output: Output, evidence: Evidence) -> None:
    if evidence.changes:
        output.text("\nWhat changed:\n")
        output.table(
            ["package", "old", "new", "pocket"],
            [[each.name, each.old, each.new, each.pocket] for each in evidence.changes],
        )


def _print_conditions(output: Output, evidence: Evidence) -> None:
    if evidence.conditions:
        output.text("\nWhat was proven of each rebase, with an example:\n")
        output.table(
            ["condition", "for example"],
            [[condition, words] for condition, words in evidence.conditions.items()],
        )


def _print_checks(output: Output, evidence: Evidence) -> None:
    """Print how rebases were held against builds of the long way, and which were not."""
    rebased: Counter[str] = Counter()
    for number, count in evidence.images.items():
        proof = evidence.proofs[number]
        if proof.way is Way.REBASE:
            rebased[proof.checked or "not checked"] += count
    if not rebased:
        return
    output.text("\nHow rebases were checked:\n")
    output.table(["#images", "check"], [[f"{rebased[check]:,}", check] for check in rebased])


def _print_followers(output: Output, evidence: Evidence, *, every: bool) -> None:
    followers = evidence.followers
    if not followers:
        return
    output.text("\nWhat followed:\n")
    output.table(
        ["image", "#old", "#new", "way"],
        [
            [each.image, str(each.before), str(each.number), each.way]
            for each in (followers if every else islice(followers, _SHOWN))
        ],
    )
    if not every and len(followers) > _SHOWN:
        more = len(followers) - _SHOWN
        output.note(f"... and {more:,} more: see them with --all, or --json")


def _print_failures(output: Output, evidence: Evidence) -> None:
    status = evidence.status
    if not status.failures:
        return
    output.text("\nWhat could not follow:\n")
    output.table(
        ["version", "reason"],
        [[f"{each.image}:{each.number}", each.words] for each in status.failures],
    )


def made_lines(made: Made) -> list[str]:
    """Return how a version was made by a campaign, line by line."""
    changes = changes_in_words(made.proof)
    about = f" ({changes})" if changes else ""
    return [
        f"made by campaign {made.campaign.number}{about}, follows version {made.before}",
        *filter(None, [fixes_in_words(made.campaign.targets)]),
        f"{_DONE[made.proof.way]} because {_because(made.proof)}",
        *([f"checked: {made.proof.checked}"] if made.proof.checked else []),
        *(["checked: not by a build"] if _is_unchecked(made.proof) else []),
    ]


def _is_unchecked(proof: Proof) -> bool:
    return proof.way is Way.REBASE and not proof.checked


def changes_in_words(proof: Proof) -> str:
    """Return what changed in packages; those of the same versions together."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in proof.changes:
        found.setdefault((each.old, each.new), []).append(each.name)
    return "; ".join(f"{', '.join(names)} {old} -> {new}" for (old, new), names in found.items())


def _because(proof: Proof) -> str:
    if proof.way is Way.REBASE:
        kinds = len({each.condition for each in proof.findings})
        return f"every condition holds ({kinds} of {kinds})"
    told = "; ".join(f"{each.condition}: {each.words}" for each in proof.findings)
    return told or "that is how it was planned"
