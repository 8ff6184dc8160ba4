"""Says over HTTP what a registry refuses, in the form that its clients understand."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from herdbook.core.errors import HerdbookError, RevokedError, VerificationError

_NOT_FOUND, _NOT_ALLOWED = 404, 405


class RegistryError(Exception):
    """A request that is not answered: a code of the specification, and why.

    Source of the codes: OCI distribution specification 1.1, "Error codes".
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def refusal(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an answer that says why there is no other one."""
    content = {"errors": [{"code": code, "message": message, "detail": None}]}
    return JSONResponse(content, status, dict(headers or {}))


def refuse_in_form(app: FastAPI, say: Callable[[str], None]) -> None:
    """Have an application refuse in that form, and say what is a fault of ours."""

    def refused(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RegistryError)  # noqa: S101 - that is what it is registered for
        return refusal(error.status, error.code, error.message, error.headers)

    def failed(_request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, RevokedError):
            return refusal(403, "DENIED", error.message)
        words = error.message if isinstance(error, HerdbookError) else type(error).__name__
        say(f"registry view: {words}")
        if isinstance(error, VerificationError):
            return refusal(403, "DENIED", words)
        return refusal(500, "UNKNOWN", words)

    def unknown(_request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else _NOT_FOUND
        if status == _NOT_ALLOWED:
            return refusal(status, "UNSUPPORTED", "This registry can only be read.")
        return refusal(status, "NOT_FOUND", "There is nothing here: see /v2/.")

    def not_a_count(_request: Request, _error: Exception) -> JSONResponse:
        return refusal(400, "PAGINATION_NUMBER_INVALID", "n is a number of names, 0 or more.")

    app.add_exception_handler(RegistryError, refused)
    app.add_exception_handler(RequestValidationError, not_a_count)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(HerdbookError, failed)
    app.add_exception_handler(Exception, failed)
