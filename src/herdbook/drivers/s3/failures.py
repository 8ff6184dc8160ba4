"""Makes our errors of what a store answers, and of what keeps it from answering."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from herdbook.compose.backup_places import BucketPlace
from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    NetworkError,
    NoSpaceError,
    NotFoundError,
)

_STRANGERS = {
    "AuthFailure",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_FORBIDDEN = {"403", "AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden"}
_CLOCK = {"RequestExpired", "RequestTimeTooSkewed"}
_FULL = {
    "507",
    "InsufficientStorage",
    "QuotaExceeded",
    "QuotaExceededException",
    "StorageFull",
    "XMinioStorageFull",
}
_ELSEWHERE = {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_ELSEWHERE |= {"PermanentRedirect", "TemporaryRedirect", "InvalidRegion"}
_SHOWN_CHARACTERS = 200
_NOT_FOUND, _FIRST_SERVER_ERROR = 404, 500


def refused(place: BucketPlace, response: Mapping[str, Any]) -> HerdbookError:
    """Return the error of an answer that is not the wanted one.

    Of its words only the code is shown: others may repeat what was signed.
    """
    error = response.get("Error", {})
    code = str(error.get("Code", ""))
    where = _store(place)
    for codes, make in _MEANINGS:
        if code in codes:
            return make(place, where)
    if code in _ELSEWHERE:
        return _elsewhere(place, error, where)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status == _NOT_FOUND and code in ("", str(_NOT_FOUND)):
        return no_store(place)
    if status >= _FIRST_SERVER_ERROR or code in ("SlowDown", "RequestTimeout"):
        return _no_answer(where, f"it answers {_shown(code or str(status))}")
    return InvalidInputError(
        f"{where} refuses what is asked of the bucket {place.bucket}: "
        f"it answers {_shown(code or str(status))}",
        hint="See whether it is an S3-compatible store, and whether the address is right.",
    )


def failed(
    place: BucketPlace, error: BotoCoreError | HTTPError | ResponseParserError
) -> HerdbookError:
    """Return the error of a request that no answer came to."""
    where = _store(place)
    if isinstance(error, ProfileNotFound):
        return InvalidInputError(
            f"There is no profile {place.profile!r} in the files of credentials",
            hint="Name one that is there with profile=..., or the file that has it in "
            "AWS_SHARED_CREDENTIALS_FILE.",
        )
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return InvalidInputError(
            f"The credentials for {place.address} are incomplete",
            hint="Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if isinstance(error, SSLError):
        return NetworkError(
            f"{where} cannot prove who it is, or does not speak TLS",
            hint="Have this machine trust its certificate (update-ca-certificates), or name the "
            "authority's file in AWS_CA_BUNDLE.",
        )
    if isinstance(error, ResponseParserError):
        return no_store(place)
    return _no_answer(where, type(error).__name__)


def no_store(place: BucketPlace) -> NetworkError:
    """Return the error of what answers, but not as a store does."""
    return NetworkError(
        f"What answers as {_store(place)} is no S3-compatible store",
        hint="Look at the endpoint of the address once more.",
    )


def no_address() -> InvalidInputError:
    """Return the error of an endpoint in botocore's own files, which nobody has checked before."""
    return InvalidInputError(
        "The files of AWS_CONFIG_FILE name an endpoint that is no address such as https://HOST:PORT",
        hint="Correct `endpoint_url` there, or say in the address which is meant: ?endpoint=...",
    )


def half_listed(place: BucketPlace) -> NetworkError:
    """Return the error of a list that breaks off: the rest must not be taken for absent."""
    return NetworkError(
        f"{_store(place)} does not list all that is in the bucket {place.bucket}",
        hint="Backups need a store that lists page by page (ListObjectsV2): ask who runs it.",
    )


def _store(place: BucketPlace) -> str:
    return place.endpoint or "Amazon S3"


def _shown(code: str) -> str:
    return "".join(each for each in code if each.isprintable())[:_SHOWN_CHARACTERS]


def _no_answer(where: str, why: str) -> NetworkError:
    return NetworkError(
        f"{where} cannot be reached: {why}",
        hint="Check the network and the endpoint, then run the same command again: what is there "
        "already is not sent twice.",
    )


def _absent(place: BucketPlace, where: str) -> HerdbookError:
    return NotFoundError(
        f"There is no bucket {place.bucket} at {where}",
        hint="Correct the address, or make the bucket with the store's own tools first.",
    )


def _stranger(place: BucketPlace, where: str) -> HerdbookError:
    return InvalidInputError(
        f"{where} does not accept the credentials for the bucket {place.bucket}",
        hint="Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the file and the profile that "
        "hold them: the key may be wrong, revoked or expired.",
    )


def _forbidden(place: BucketPlace, where: str) -> HerdbookError:
    return InvalidInputError(
        f"{where} does not let these credentials use the bucket {place.bucket}",
        hint="They have to be allowed to list it, and to read, write and delete what is below "
        f"{place.prefix or 'it'}.",
    )


def _off(place: BucketPlace, where: str) -> HerdbookError:
    del place
    return InvalidInputError(
        f"The clock of this machine and that of {where} differ by too much",
        hint="Set this machine's: timedatectl set-ntp true. Then run the same command again.",
    )


def _full(place: BucketPlace, where: str) -> HerdbookError:
    return NoSpaceError(f"There is no space left in the bucket {place.bucket} at {where}")


def _elsewhere(place: BucketPlace, error: Mapping[str, Any], where: str) -> HerdbookError:
    region = _shown(str(error.get("Region", ""))) or "REGION"
    return InvalidInputError(
        f"The bucket {place.bucket} is not in the region {place.region or 'us-east-1'} of {where}",
        hint=f"Say which region it is in: ...?region={region}, or AWS_REGION={region}",
    )


_MEANINGS = (
    ({"NoSuchBucket"}, _absent),
    (_STRANGERS, _stranger),
    (_FORBIDDEN, _forbidden),
    (_CLOCK, _off),
    (_FULL, _full),
)
