"""Wraps what is signed together with its signatures, so that both travel as one (DSSE 1.0)."""

import json
import re
from dataclasses import dataclass

from securesystemslib.dsse import Envelope as Dsse
from securesystemslib.exceptions import FormatError
from securesystemslib.signer import Signature

from herdbook.core import digests
from herdbook.core.errors import VerificationError
from herdbook.signatures.keys import PrivateKey, PublicKey

IN_TOTO = "application/vnd.in-toto+json"
"""The type of a payload that is an in-toto statement (in-toto attestation specification 1.0)."""

ENVELOPE = "application/vnd.dsse.envelope.v1+json"

_IDENTITY = re.compile(r"[0-9a-f]{64}")
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, FormatError, RecursionError)


@dataclass(frozen=True)
class Envelope:
    """A payload of a type, signed by the key of this identity."""

    payload: bytes
    key: str
    signature: bytes
    payload_type: str = IN_TOTO

    def is_by(self, key: PublicKey) -> bool:
        """Tell whether that key has signed it."""
        return key.identity == self.key and key.verifies(self.signature, self._signed)

    def render(self) -> bytes:
        """Return it as it travels (DSSE 1.0, "Envelope"); equal ones give equal bytes."""
        return digests.canonical_json(self._dsse.to_dict())

    def readable(self) -> bytes:
        """Return what is signed, for people: JSON, laid out."""
        return json.dumps(json.loads(self.payload), indent=2).encode()

    @property
    def _dsse(self) -> Dsse:
        signatures = {self.key: Signature(self.key, self.signature.hex())}
        return Dsse(self.payload, self.payload_type, signatures)

    @property
    def _signed(self) -> bytes:
        return self._dsse.pae()


def signed(payload: bytes, key: PrivateKey, payload_type: str = IN_TOTO) -> Envelope:
    """Return a payload signed."""
    unsigned = Envelope(payload, key.public.identity, b"", payload_type)
    signature = key.sign(unsigned._signed)  # noqa: SLF001 - the same class's
    return Envelope(payload, key.public.identity, signature, payload_type)


def parse_envelope(content: bytes) -> Envelope:
    """Read an envelope with one signature; raises VerificationError for anything else."""
    try:
        found = Dsse.from_dict(json.loads(content))
        ((key, signature),) = found.signatures.items()
        if not (_IDENTITY.fullmatch(key) and found.payload_type.isascii()):
            raise ValueError(key)
        return Envelope(found.payload, key, bytes.fromhex(signature.signature), found.payload_type)
    except _UNREADABLE as error:
        raise VerificationError("That is no signed envelope (DSSE) of one signer") from error
