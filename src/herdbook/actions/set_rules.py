"""Puts rules for channels in force."""

from pathlib import Path

from herdbook.actions.note import entry
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.channels.rules import ChannelRules, read_rules
from herdbook.people.acts import Act


def set_rules(workshop: Workshop, path: Path) -> ChannelRules:
    """Put the rules of a file in place of those before; raises what is wrong with the file."""
    require_role(workshop, Act.SET_RULES)
    rules = read_rules(path)
    content = rules.model_dump(mode="json", by_alias=True)
    written = entry(workshop, "set-rules", "channels", **content)
    workshop.channels.set_rules(rules, written, workshop.clock.now())
    return rules
