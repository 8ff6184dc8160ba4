"""Asks a repository of signed metadata what a channel is; nothing of a register is needed."""

from pathlib import Path

from herdbook.channels.model import check_channel
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.metadata.model import Given
from herdbook.metadata.ports import MetadataClient


def ask_channel(
    client: MetadataClient, address: str, root: Path, memory: Path, place: str
) -> Given:
    """Return what `shop/web@production` is by what so many keys have signed; raises as the port."""
    image, at, channel = place.partition("@")
    if not (image and at):
        raise InvalidInputError(f"{place!r} names no channel", hint="Write IMAGE@CHANNEL.")
    try:
        content = root.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"{root} cannot be read: {error.strerror}",
            hint="Whoever runs the register prints it: herdbook metadata root",
        ) from error
    return client.given(address, content, memory, image, check_channel(channel))
