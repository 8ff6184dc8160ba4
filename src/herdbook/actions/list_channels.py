"""Lists channels with what they mean now, and what stands in the way of moving them."""

from dataclasses import dataclass

from herdbook.actions.check_channel import why_misplaced
from herdbook.actions.check_revoked import why_revoked
from herdbook.actions.name_version import present
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.names import no_image
from herdbook.channels.model import Assignment, Hold, Level


@dataclass(frozen=True)
class Channel:
    """A channel: its newest assignment, and what it means now, which is older where that is bad.

    `revoked` says why in words; `misplaced` why it means nothing, where one image's are listed.
    """

    newest: Assignment
    now: Assignment | None
    revoked: str = ""
    hold: Hold | None = None
    misplaced: str = ""

    @property
    def note(self) -> str:
        """What a person should know of it."""
        held = f"held by {self.hold.who}: {self.hold.why}" if self.hold else ""
        nothing = f"it means nothing: {self.misplaced}" if self.misplaced else ""
        return "; ".join(filter(None, (nothing, self.revoked, held)))


def list_channels(workshop: Workshop, image: str = "") -> list[Channel]:
    """Return all channels, of one image or of all; raises NotFoundError for an unknown image."""
    if image and workshop.versions.find(image) is None:
        raise no_image(workshop.versions, image)
    holds = {(each.image, each.channel): each for each in workshop.channels.holds(image)}
    anything = bool(workshop.channels.revocations())
    found = []
    for newest in workshop.channels.every(image):
        bad = why_revoked(workshop, newest.made, Level.RELEASES) if anything else ""
        now = present(workshop, newest.image, newest.channel) if bad else newest
        hold = holds.get((newest.image, newest.channel))
        misplaced = why_misplaced(workshop, now) if image and now else ""
        found.append(Channel(newest, now, bad, hold, misplaced))
    return found
