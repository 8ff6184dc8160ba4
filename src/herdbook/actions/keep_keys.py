"""Says whose signatures count: trust a key, retire one, distrust one, give the builder another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.note import note, require_words
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.people.acts import Act
from herdbook.signatures.keys import public_key
from herdbook.signatures.model import KnownKey, Standing, check_key_name

_WHOSE = "Another Herdbook prints its own: herdbook key export"


def trust_key(workshop: Workshop, file: Path, name: str, images: str) -> KnownKey:
    """Have the signatures of a key count, for images whose names fit a pattern.

    Raises NotFoundError or InvalidInputError for the file, ConflictError where the key or its name
    is known already.
    """
    require_role(workshop, Act.TRUST_KEY)
    try:
        text = file.read_text(encoding="ascii")
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}", hint=_WHOSE) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file} is no public key in PEM form", hint=_WHOSE) from error
    if not images.strip():
        raise InvalidInputError("--images says nothing", hint="Write a name, or a pattern with *.")
    key = KnownKey(
        name=check_key_name(name),
        pem=public_key(text).pem,
        at=workshop.clock.now(),
        who=workshop.actor,
        images=images,
    )
    workshop.keys.ring().added(key)  # what cannot be is not written down
    note(workshop, "trust-key", name, identity=key.key.identity, images=images)
    workshop.keys.add(key)
    return key


def retire_key(workshop: Workshop, name: str, why: str) -> KnownKey:
    """Have a key sign no more; what it has signed counts. Raises as the port."""
    return _change(workshop, name, Standing.RETIRED, why)


def distrust_key(workshop: Workshop, name: str, why: str) -> KnownKey:
    """Have nothing count that a key has signed. Raises as the port."""
    return _change(workshop, name, Standing.DISTRUSTED, why)


@dataclass(frozen=True)
class KeyReach:
    """What would count no more with a key: versions that only it has signed, and channels."""

    versions: int
    channels: int


def reach_of_key(workshop: Workshop, name: str) -> KeyReach:
    """Return what would count no more if a key were distrusted; raises NotFoundError."""
    identity = workshop.keys.ring().required(name).key.identity
    keys = workshop.keys.ring().keys
    others = {each.key.identity for each in keys if each.standing is not Standing.DISTRUSTED}
    before = len(workshop.provenances.lacking(others))
    after = len(workshop.provenances.lacking(others - {identity}))
    channels = sum(each.key == identity for each in workshop.channels.every())
    return KeyReach(after - before, channels)


def rotate_key(workshop: Workshop, why: str) -> KnownKey:
    """Have the builder sign with a new key from now on; what the one before has signed counts."""
    require_role(workshop, Act.ROTATE_KEY)
    require_words(why, "--why")
    note(workshop, "rotate-key", workshop.keys.ring().builder or "builder", why=why)
    return workshop.keys.rotate()


def key_named(workshop: Workshop, name: str) -> KnownKey:
    """Return a key of the ring, by default the builder's own; raises NotFoundError."""
    if not name:
        return workshop.keys.own()
    return workshop.keys.ring().required(name)


def _change(workshop: Workshop, name: str, standing: Standing, why: str) -> KnownKey:
    acts: Mapping[Standing, Act] = {
        Standing.RETIRED: Act.RETIRE_KEY,
        Standing.DISTRUSTED: Act.DISTRUST_KEY,
    }
    require_role(workshop, acts[standing])
    require_words(why, "--why")
    workshop.keys.ring().moved(name, standing)  # what cannot be is not written down
    note(workshop, acts[standing].value, name, why=why)
    return workshop.keys.change(name, standing)
