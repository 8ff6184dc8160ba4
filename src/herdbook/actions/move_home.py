"""Writes down that applications are at home here from now on: where they were is gone for good."""

from herdbook.actions.note import note
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.people.acts import Act


def move_home(workshop: Workshop) -> None:
    """Ask for the role that takes, and write it down, before a server of this program does it."""
    require_role(workshop, Act.MOVE_HOME)
    mine, last = workshop.duty.mine, workshop.duty.present()
    note(
        workshop,
        Act.MOVE_HOME.value,
        mine.state,
        host=mine.host,
        before=f"{last.post.host}:{last.post.state}" if last else "",
    )
