"""Signs what webhooks get, so that they can check it (Standard Webhooks specification 1.0)."""

import base64
import binascii
import hmac
import secrets
from datetime import datetime
from hashlib import sha256

from herdbook.core.errors import VerificationError

_PREFIX = "whsec_"
_SECRET_BYTES = 24


def new_secret() -> str:
    """Return a new secret, as it is given to whoever receives."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(secret: str, identity: str, content: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a message; raises VerificationError for what is no secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise VerificationError("That is no secret of a webhook") from error
    seconds = str(int(now.timestamp()))
    signed = f"{identity}.{seconds}.".encode() + content
    signature = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
    return {
        "webhook-id": identity,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature}",
    }
