"""Makes, reads and writes keys, signs with the private ones and checks with the public ones."""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, SSlibKey

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError

_NEW = "Another Herdbook prints its own: herdbook key export"
_OPEN = "Give its password in HERDBOOK_KEY_PASSWORD."
_ALGORITHM = ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True)
"""As cosign's own keys sign, but the same bytes always get the same signature (RFC 6979)."""


@dataclass(frozen=True)
class PublicKey:
    """What signatures are checked with; `pem` is a SubjectPublicKeyInfo (RFC 5280, RFC 7468)."""

    pem: str

    @property
    def identity(self) -> str:
        """What names it: 64 hexadecimal digits (The Update Framework 1.0, 4.2 `KEYID`)."""
        return sslib_key(self).keyid

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """Tell whether this key's private part has signed that."""
        try:
            sslib_key(self).verify_signature(Signature(self.identity, signature.hex()), content)
        except UnverifiedSignatureError:
            return False
        return True


def sslib_key(key: PublicKey) -> SSlibKey:
    """Return a key as in-toto and TUF know it."""
    return _loaded(key.pem)


@lru_cache(maxsize=256)
def _loaded(pem: str) -> SSlibKey:
    return SSlibKey.from_crypto(load_pem_public_key(pem.encode()))


def public_key(text: str) -> PublicKey:
    """Read a public key in PEM form; raises InvalidInputError for what is none, or of no use."""
    try:
        key = PublicKey(text.strip() + "\n")
        _ = key.identity
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInputError("That is no public key in PEM form", hint=_NEW) from error
    return key


class PrivateKey:
    """What signatures are made with: ECDSA over P-256 with SHA-256, as cosign and in-toto know."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(
            key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode("ascii")
        )

    def sign(self, content: bytes) -> bytes:
        """Return the signature of bytes, in DER (RFC 3279, `Ecdsa-Sig-Value`)."""
        return self.sign_digest(digests.of_bytes(content))

    def sign_digest(self, digest: Digest) -> bytes:
        """Return the signature of what has that digest, however large it is."""
        return self._key.sign(bytes.fromhex(digests.hexadecimal(digest)), _ALGORITHM)

    def pem(self, password: bytes = b"") -> bytes:
        """Return it in PEM form (PKCS #8), encrypted where there is a password."""
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def new_private_key() -> PrivateKey:
    """Return a new key."""
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def private_key(pem: bytes, password: bytes = b"") -> PrivateKey:
    """Read a private key; raises InvalidInputError for what is none, or for a wrong password."""
    try:
        key = load_pem_private_key(pem, password or None)
    except TypeError as error:  # the library's way to say that a password is missing, or too much
        if password:
            raise InvalidInputError(
                "The private key is not encrypted, and a password was given",
                hint="Unset HERDBOOK_KEY_PASSWORD, or have a new key encrypted: for the builder "
                "herdbook key rotate, for a person herdbook key new",
            ) from error
        raise InvalidInputError("The private key is encrypted", hint=_OPEN) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInputError(
            "The password of the private key is another one, or that is no key",
            hint=_OPEN,
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidInputError("The private key is not on the curve P-256", hint=_OPEN)
    return PrivateKey(key)
