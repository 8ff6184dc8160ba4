"""Makes our errors of what skopeo says."""

import re
from collections.abc import Callable

from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    NetworkError,
    NoSpaceError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers.skopeo.sources import Source

_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.)*)"')
_PREFIX = re.compile(r'^Error parsing image name "[^"]*": ')


def failure(source: Source, said: str) -> HerdbookError:
    """Return the error that skopeo's last words mean."""
    words = _words(said)
    for pattern, make in _MEANINGS:
        if re.search(pattern, words, re.IGNORECASE):
            return make(source, words)
    return (_network if source.host else _no_image)(source, words)


def too_slow(source: Source) -> NetworkError:
    """Return the error of an image that did not come in time."""
    return _network(source, "it took too long")


def _words(said: str) -> str:
    found = _MESSAGE.findall(said)
    return _PREFIX.sub("", (found[-1] if found else said).replace('\\"', '"'))


def _no_space(source: Source, words: str) -> HerdbookError:
    del words
    return NoSpaceError(f"There is no space left for the image {source.label}")


def _wrong_bytes(source: Source, words: str) -> HerdbookError:
    return VerificationError(
        f"Other bytes came for the image {source.label} than its digests say:\n{words}",
        hint="Nothing of it was used. Do not use that registry, or have the image pushed again.",
    )


def _rejected(source: Source, words: str) -> HerdbookError:
    return VerificationError(
        f"This machine's policy for signatures refuses the image {source.label}:\n{words}",
        hint="The policy is in /etc/containers/policy.json; see containers-policy.json(5).",
    )


def _no_access(source: Source, words: str) -> HerdbookError:
    return NotFoundError(
        f"There is no image {source.label}, or you may not read it:\n{words}",
        hint=f"If it is there, log in first: skopeo login {source.host}",
    )


def _not_there(source: Source, words: str) -> HerdbookError:
    return NotFoundError(f"There is no image {source.label}:\n{words}")


def _one_of_several(source: Source, words: str) -> HerdbookError:
    del words
    return InvalidInputError(
        f"{source.label} holds several images", hint=f"Say which: oci:{source.label}:TAG"
    )


def _other_platform(source: Source, words: str) -> HerdbookError:
    return InvalidInputError(
        f"The image {source.label} is not for linux/amd64:\n{words}",
        hint="Name another one: images are built for linux/amd64.",
    )


def _network(source: Source, words: str) -> NetworkError:
    return NetworkError(
        f"The image {source.label} could not be fetched:\n{words}",
        hint="Check the network and the registry's name, then try again. "
        "What is kept here already needs neither.",
    )


def _no_image(source: Source, words: str) -> HerdbookError:
    return InvalidInputError(f"{source.label} cannot be read as an image:\n{words}")


_MEANINGS: tuple[tuple[str, Callable[[Source, str], HerdbookError]], ...] = (
    (r"no space left", _no_space),
    (r"digest did not match|does not match.*digest|digest.*mismatch", _wrong_bytes),
    (r"rejected by policy|image rejected", _rejected),
    (r"no image found in (manifest list|image index)", _other_platform),
    (r"unauthorized|authentication required|access.*denied|\b40[13]\b", _no_access),
    (r"more than one image", _one_of_several),
    (r"manifest unknown|name unknown|no descriptor found|tag .* not found|\b404\b", _not_there),
)
