"""How people name a version, and which one they mean."""

import re

from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.catalogue.ports import Versions
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean

_LOOKED_AT = 2000
_BEGINNING = 5
_REFERENCE = re.compile(r"(?P<image>[a-z0-9._/-]+)(?::(?P<number>[1-9][0-9]*))?")


def version_named(versions: Versions, name: str) -> Version:
    """Return the version that `shop/web` (the newest) or `shop/web:3` names.

    Raises InvalidInputError for what is no name, NotFoundError with the nearest known one.
    """
    match = _REFERENCE.fullmatch(name)
    if match is None:
        raise InvalidInputError(
            f"{name!r} does not name a version", hint="Write IMAGE or IMAGE:NUMBER, as shop/web:3."
        )
    number = int(match["number"]) if match["number"] else None
    found = versions.find(match["image"], number)
    if found is not None:
        return found
    newest = versions.find(match["image"])
    if newest is not None:
        raise NotFoundError(
            f"{match['image']} has no version {number}", hint=f"Its newest is {newest.number}."
        )
    raise no_image(versions, match["image"])


def no_image(versions: Versions, name: str) -> NotFoundError:
    """Return the error for an image that is not there, with the nearest name that is.

    Where there are very many, only those are looked at that begin like it.
    """
    known = versions.names("", _LOOKED_AT)
    if len(known) == _LOOKED_AT:
        known = versions.names(name[:_BEGINNING], _LOOKED_AT)
    hint = did_you_mean(name, known, "See which there are: herdbook images")
    return NotFoundError(f"There is no image {name!r}", hint=hint)


def variant_of(version: Version, kind: Variant | None) -> VariantRecord:
    """Return a version's variant of a kind, or the only one it has, or its container."""
    if kind is None:
        return version.variants[0]
    found = version.variant(kind)
    if found is None:
        raise NotFoundError(
            f"{version.label} has no {kind} variant",
            hint=f"It has: {', '.join(each.kind for each in version.variants)}.",
        )
    return found


def variant_kind(name: str | None) -> Variant | None:
    """Return the kind of variant a person named; raises InvalidInputError for another word."""
    if name is None:
        return None
    try:
        return Variant(name)
    except ValueError:
        raise InvalidInputError(
            f"{name!r} is not a variant",
            hint=did_you_mean(name, [each.value for each in Variant], "Say container or vm."),
        ) from None
