"""Prints plans of campaigns for people, and what reports have in common with them."""

from collections.abc import Iterable, Mapping

from herdbook.actions.find_offers import Offer
from herdbook.actions.measure_radius import Radius, Reason, Wave
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import Target
from herdbook.cli.output import Output, human_seconds, human_size

_SHOWN_FIXES = 6
_SHOWN_REASONS = 12
_MEANINGS = {
    Way.REBASE: "new layers are put below; nothing is built",
    Way.REBUILD: "built with its own lock, only the patched packages replaced",
    Way.RELOCK: "locked and built as for the first time: others may come along",
    Way.WAIT: "cannot follow until somebody else has done something",
}


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with the noun that goes with it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def fixes_in_words(targets: Iterable[Target]) -> str:
    """Return which vulnerabilities are known to be fixed; nothing where none is known."""
    names = list(dict.fromkeys(name for target in targets for name in target.fixes))
    more = f" and {len(names) - _SHOWN_FIXES:,} more" if len(names) > _SHOWN_FIXES else ""
    return f"fixes {', '.join(names[:_SHOWN_FIXES])}{more}" if names else ""


def print_plan(output: Output, radius: Radius) -> None:
    """Print what a campaign would do, and how to begin it."""
    plan = radius.plan
    if not plan.judgements:
        output.text(
            f"There is nothing to do: no image's newest version holds {', '.join(plan.sources)} "
            "older than what there is now"
        )
    else:
        _print_work(output, radius)
    print_running(output, radius.running, plan.unseen)
    if plan.judgements:
        output.text(f"\nBegin with: herdbook campaign start {' '.join(plan.sources)}")


def _print_work(output: Output, radius: Radius) -> None:
    plan = radius.plan
    output.table(
        ["source", "suite", "held", "offered", "pocket"],
        [
            [each.source, each.suite, "\n".join(each.held), each.offered, pocket_of(each)]
            for each in radius.offers
        ],
    )
    if fixes := fixes_in_words(plan.targets):
        output.text(f"\n{fixes}")
    images = sum(plan.images.values())
    held = f"{counted(images, 'image holds', 'images hold')} an older one"
    output.text(f"\n{held}, in {counted(plan.layers, 'layer')}:\n")
    output.table(
        ["way", "#images", "what is done"],
        [[way, f"{plan.images[way]:,}", _MEANINGS[way]] for way in Way if plan.images.get(way)],
    )
    print_reasons(output, radius.reasons, "What is no rebase, and why:")
    output.text("")
    output.table(
        ["wave", "#images", "which"],
        [
            [str(number), f"{each.images:,}", _which(each)]
            for number, each in enumerate(radius.waves, 1)
        ],
    )
    output.text(f"\nAn estimate: {_estimate(radius)}")


def pocket_of(offer: Offer) -> str:
    """Return a pocket as people call it where its suite is told as well."""
    return offer.pocket.removeprefix(offer.suite).removeprefix("-") or (
        "main" if offer.suite else ""
    )


def _which(wave: Wave) -> str:
    place = "made from images before" if wave.level else "made from none of these images"
    return f"{place}; instances run them" if wave.runs else place


def _estimate(radius: Radius) -> str:
    time = human_seconds(max(1.0, radius.seconds))
    size = human_size(radius.bytes_at_least)
    new = f"at least {size} of new layers, which is the size of the new .deb files"
    if not radius.bytes_at_least:
        new = "how much new layers take is not known"
    return f"{time} with one build at a time and a check of each kind;\n{new}"


def print_reasons(output: Output, reasons: Iterable[Reason], title: str) -> None:
    """Print why images are no rebase, if there are such."""
    listed = list(reasons)
    if not listed:
        return
    output.text(f"\n{title}\n")
    output.table(
        ["way", "because", "#images", "such as"],
        [
            [
                each.way,
                f"{each.condition}: {each.words}",
                f"{each.images:,}",
                "\n".join(each.examples),
            ]
            for each in listed[:_SHOWN_REASONS]
        ],
    )
    if len(listed) > _SHOWN_REASONS:
        more = counted(len(listed) - _SHOWN_REASONS, "more reason")
        output.note(f"... and {more}: see them with --json")


def print_running(
    output: Output, running: Mapping[str, Iterable[str]], unseen: Iterable[str]
) -> None:
    """Print which instances run something old, if there are such."""
    if running:
        output.text("\nRunning with an older version, until they are started anew:\n")
        output.table(
            ["version", "instances"],
            [[label, ", ".join(names)] for label, names in running.items()],
        )
    for engine in unseen:
        output.note(f"What {engine} runs is not known: ask herdbook doctor")
