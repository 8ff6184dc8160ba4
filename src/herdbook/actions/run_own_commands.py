"""Runs the commands that rules name for a version, and gives them all that is known of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from herdbook.actions.judge_command import judge_command, words_of
from herdbook.actions.render import write_layout
from herdbook.actions.weigh_proposal import gather, version_before
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, Version
from herdbook.channels.gate_rules import OwnCommand
from herdbook.channels.results import Part
from herdbook.channels.rules import ChannelRule
from herdbook.core import digests

_READ_ONLY = 0o444


def own_commands(workshop: Workshop, version: Version) -> Iterator[tuple[OwnCommand, str, Part]]:
    """Run each of them once for each channel whose rule names it, and yield what came of it."""
    rules = workshop.channels.rules()
    for channel in dict.fromkeys(each.channel for each in rules.channels):
        rule = rules.of(version.image, channel)
        for command in rule.gates.commands:
            yield command, channel, _run(workshop, version, rule, command)


def _run(workshop: Workshop, version: Version, rule: ChannelRule, command: OwnCommand) -> Part:
    before = version_before(workshop, version.image, rule.channel)
    evidence = gather(workshop, version, before, rule)
    given = digests.canonical_json(evidence.model_dump(mode="json", by_alias=True))

    def run(settings: dict[str, str]) -> tuple[int, str]:
        words = words_of(command.run)
        ended = workshop.commands.run(words, settings, given, command.limit_seconds)
        return ended.status, ended.said

    with (
        workshop.progress.task(f"Running {command.name}"),
        _settings(workshop, version, rule) as settings,
    ):
        return judge_command(workshop, command.name, command.timeout, partial(run, settings))


@contextmanager
def _settings(workshop: Workshop, version: Version, rule: ChannelRule) -> Iterator[dict[str, str]]:
    """Give what a command finds the version in, until the block ends.

    Its layout is a copy of its own: by links, one that writes there would write into the store, and
    into what the next command gets.
    """
    settings = {
        "HERDBOOK_LABEL": version.label,
        "HERDBOOK_DIGEST": version.digest,
        "HERDBOOK_CHANNEL": rule.channel,
        "HERDBOOK_LAYOUT": "",
    }
    variant = version.variant(Variant.CONTAINER)
    if variant is None:
        yield settings
        return
    with workshop.staging() as folder:
        layout = folder / "layout"
        write_layout(workshop, version, variant, layout)
        for path in layout.rglob("*"):
            if path.is_file():
                path.chmod(_READ_ONLY)
        yield {**settings, "HERDBOOK_LAYOUT": str(layout)}
