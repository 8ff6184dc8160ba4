"""Holds a channel where it is, and lets it go again."""

from herdbook.actions.name_version import assigned
from herdbook.actions.note import entry, require_words
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Hold, check_channel
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.people.acts import Act


def split_channel(name: str) -> tuple[str, str]:
    """Return image and channel of `shop/web@production`; raises InvalidInputError."""
    image, at, channel = name.partition("@")
    if not (at and image):
        raise InvalidInputError(
            f"{name!r} names no channel of an image", hint="Write IMAGE@CHANNEL, as shop/web@dev."
        )
    return image, check_channel(channel)


def hold(workshop: Workshop, name: str, why: str) -> Hold:
    """Have a channel stay where it is, whatever anybody or anything would do, until it is let go.

    Raises NotFoundError for a channel that means nothing.
    """
    image, channel = split_channel(name)
    require_role(workshop, Act.HOLD, image)
    require_words(why, "--why")
    newest = workshop.channels.history(image, channel, 1)
    where = newest[0] if newest else assigned(workshop, image, channel)
    made = Hold(image, channel, workshop.clock.now(), workshop.actor, why)
    workshop.channels.hold(made, entry(workshop, "hold", name, version=where.version, why=why))
    return made


def release_hold(workshop: Workshop, name: str) -> None:
    """Let a channel be moved again; raises NotFoundError where nobody holds it."""
    image, channel = split_channel(name)
    require_role(workshop, Act.RELEASE_HOLD, image)
    written = entry(workshop, "release-hold", name)
    if not workshop.channels.release(image, channel, written, workshop.clock.now()):
        held = [f"{each.image}@{each.channel}" for each in workshop.channels.holds()]
        hint = f"These are held: {', '.join(held[:5])}" if held else "No channel is held."
        raise NotFoundError(f"Nobody holds {name}", hint=hint)
