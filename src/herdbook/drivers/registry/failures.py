"""Makes our errors of what registries answer."""

import json

from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers.registry.answers import Answer, BrokenError
from herdbook.images.references import RegistryName

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_TOO_MANY, _FIRST_SERVER_ERROR = 429, 500
_LARGEST_ANSWER_BYTES = 1 << 16
_SHOWN_CHARACTERS = 300


def is_passing(status: int) -> bool:
    """Tell whether the same question may be answered in a while."""
    return status == _TOO_MANY or status >= _FIRST_SERVER_ERROR


def refused(name: RegistryName, answer: Answer, what: str) -> HerdbookError:
    """Return the error of an answer that is not the wanted one; `what` was to be done."""
    words = _words(answer)
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
        return InvalidInputError(
            f"{name.host} does not let you {what}{words}",
            hint=f"Log in first: podman login {name.host}",
        )
    if answer.status == _NOT_FOUND:
        return NotFoundError(
            f"There is no {name}{words}", hint="Look at its name and its tag once more."
        )
    if is_passing(answer.status):
        return no_answer(name, f"it answers {answer.status}{words}")
    return InvalidInputError(f"{name.host} refuses to {what}: it answers {answer.status}{words}")


def no_answer(name: RegistryName, why: str) -> NetworkError:
    """Return the error of a registry that does not answer as registries do."""
    return NetworkError(
        f"The registry {name.host} cannot be reached: {why}",
        hint="Check the network and the registry's name, then run the same command again: "
        "it goes on where it stopped.",
    )


def other_bytes(name: RegistryName, what: str) -> VerificationError:
    """Return the error of bytes that are not what their digest says."""
    return VerificationError(
        f"{name.host} gave other bytes than {what}",
        hint="Nothing of it was used. Do not use that registry, or have it pushed again.",
    )


def _words(answer: Answer) -> str:
    """Return what a registry says of an error ("Error Codes" of the specification), to be shown."""
    try:
        told = json.loads(answer.read(_LARGEST_ANSWER_BYTES))["errors"][0]
        words = str(told.get("message") or told.get("code") or "")
    except BrokenError:
        return ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""
    shown = "".join(each for each in words if each.isprintable())[:_SHOWN_CHARACTERS]
    return f" ({shown})" if shown else ""
