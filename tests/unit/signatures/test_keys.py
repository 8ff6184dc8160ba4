"""Keys sign so that others can check it, and what is no key, or another one, is told so."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.signatures.envelopes import parse_envelope, signed
from herdbook.signatures.keys import PublicKey, new_private_key, private_key, public_key
from herdbook.signatures.statements import predicate_type_of

KEY, OTHER = new_private_key(), new_private_key()


TWICE = (
    b'{"payload":"eA==","payloadType":"t","signatures":'
    b'[{"keyid":"a","sig":"eA=="},{"keyid":"b","sig":"eA=="}]}'
)


def by(key: object, kind: object = "t") -> bytes:
    """Return an envelope of a payload of some kind, as if that key had signed it."""
    signatures = [{"keyid": key, "sig": "eA=="}]
    told = {"payload": "eA==", "payloadType": kind, "signatures": signatures}
    return json.dumps(told).encode()


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@given(content=st.binary())
def test_what_a_key_signs_is_checked_with_its_public_part_alone(content: bytes) -> None:
    signature = KEY.sign(content)
    assert PublicKey(KEY.public.pem).verifies(signature, content)
    assert not OTHER.public.verifies(signature, content)
    assert not KEY.public.verifies(signature, content + b"\0")


@given(content=st.binary(min_size=1), at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_bit_of_a_signature_can_be_turned(content: bytes, at: int, bit: int) -> None:
    signature = bytearray(KEY.sign(content))
    signature[at % len(signature)] ^= 1 << bit
    assert not KEY.public.verifies(bytes(signature), content)


def test_the_same_bytes_get_the_same_signature() -> None:
    assert KEY.sign(b"content") == KEY.sign(b"content")


@pytest.mark.parametrize("password", [b"", b"correct horse", "Größe".encode()])
def test_a_private_key_is_read_as_it_was_written(password: bytes) -> None:
    found = private_key(KEY.pem(password), password)
    assert found.public == KEY.public


def test_an_encrypted_key_does_not_stand_in_its_file() -> None:
    plain = b"".join(KEY.pem().splitlines()[1:-1])
    assert KEY.pem(b"secret").startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert plain[40:80] not in KEY.pem(b"secret")


@pytest.mark.parametrize(
    ("pem", "password", "words"),
    [
        (KEY.pem(b"secret"), b"", "is encrypted"),
        (KEY.pem(b"secret"), b"other", "another one"),
        (KEY.pem(), b"secret", "is not encrypted"),
        (b"", b"", "no key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"", "no key"),
        (KEY.public.pem.encode(), b"", "no key"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), b"", "P-256"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), b"", "P-256"),
    ],
)
def test_what_cannot_sign_is_refused_with_what_to_do(
    pem: bytes, password: bytes, words: str
) -> None:
    with pytest.raises(InvalidInputError) as raised:
        private_key(pem, password)
    assert words in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize("text", ["", "key", KEY.pem().decode(), KEY.public.pem[:-40], "\0"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no public key"):
        public_key(text)


def test_a_public_key_is_the_same_however_it_was_written() -> None:
    assert public_key(f"\n{KEY.public.pem}\n\n") == KEY.public
    assert public_key(KEY.public.pem.replace("\n", "\r\n")).identity == KEY.public.identity


def test_keys_of_other_kinds_can_check() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert public_key(pem.decode()).verifies(key.sign(b"content"), b"content")


@given(payload=st.binary())
def test_an_envelope_is_read_as_it_was_written(payload: bytes) -> None:
    envelope = signed(payload, KEY)
    assert parse_envelope(envelope.render()) == envelope
    assert envelope.is_by(KEY.public)
    assert not envelope.is_by(OTHER.public)


def test_the_type_of_a_payload_is_signed_too() -> None:
    """Else a statement could be passed off as something else of the same bytes."""
    mine, other = signed(b"x", KEY), signed(b"x", KEY, "text/plain")
    assert mine.signature != other.signature


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"payload":"eA==","payloadType":"t","signatures":[]}',
        b'{"payload":"eA==","payloadType":"t","signatures":[{"keyid":"a","sig":"!"}]}',
        b'{"payload":1,"payloadType":"t","signatures":[{"keyid":"a","sig":"eA=="}]}',
        TWICE,
        b"\xff",
        b"[" * 200_000,
        *(by(key) for key in (5, None, ["a"], "a", "A" * 64, f"{'a' * 64}\n", "\x1b[2J")),
        *(by("a" * 64, kind) for kind in (5, None, "\ud800")),
    ],
)
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(VerificationError):
        parse_envelope(content)


def test_an_envelope_is_by_whoever_it_says() -> None:
    assert parse_envelope(by("a" * 64)).key == "a" * 64


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b"[" * 200_000])
def test_what_is_no_statement_has_no_type(payload: bytes) -> None:
    assert predicate_type_of(payload) == ""
