"""Every kind of failure a user can meet, each with its code, exit status and next step."""

from typing import ClassVar


class HerdbookError(Exception):
    """The root of all failures we know; anything else is a bug in Herdbook.

    `code` is stable and documented, `exit_status` tells scripts the kind of failure, `hint` tells
    people what to do next, and `where` is the file (and line) at fault, if there is one.
    """

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class InvalidInputError(HerdbookError):
    """A recipe, a lock or an argument says something that cannot be meant."""

    code = "invalid-input"
    exit_status = 3


class NotFoundError(HerdbookError):
    """The image, version, instance or file that was named does not exist."""

    code = "not-found"
    exit_status = 4


class VerificationError(HerdbookError):
    """Something is not what its signature or digest says; nothing of it was used."""

    code = "verification-failed"
    exit_status = 5


class MissingToolError(HerdbookError):
    """The machine lacks a program, a privilege or a kernel feature."""

    code = "missing-tool"
    exit_status = 6


class NetworkError(HerdbookError):
    """A server did not answer, or a download was cut off; trying again may help."""

    code = "network"
    exit_status = 7


class NoSpaceError(HerdbookError):
    """The disk is full; what was complete before is kept."""

    code = "no-space"
    exit_status = 8


class StepFailedError(HerdbookError):
    """A package's script or a `run` step ended with an error inside the sandbox."""

    code = "step-failed"
    exit_status = 9


class ConflictError(HerdbookError):
    """The wish contradicts what is there: a taken name or port, a step that another one forbids."""

    code = "conflict"
    exit_status = 10


class UnsatisfiableError(HerdbookError):
    """The wanted packages cannot be installed together, or one of them does not exist."""

    code = "unsatisfiable"
    exit_status = 11


class EngineError(HerdbookError):
    """An engine could not start, stop or observe an instance."""

    code = "engine"
    exit_status = 12


class TimeoutExpiredError(HerdbookError):
    """Something took longer than its limit and was stopped."""

    code = "timeout"
    exit_status = 13


class GateError(HerdbookError):
    """What has to hold before a version may get somewhere does not: a rule, a hold, a window."""

    code = "gate"
    exit_status = 15


class RevokedError(HerdbookError):
    """A version that somebody declared bad, or what was made from it, was to be used."""

    code = "revoked"
    exit_status = 16


class ForbiddenError(HerdbookError):
    """Whoever gives the command lacks the role for it, or is not who they say they are."""

    code = "forbidden"
    exit_status = 17


INTERRUPTED_EXIT_STATUS = 130
"""What a shell reports for Ctrl-C (128 + SIGINT)."""
