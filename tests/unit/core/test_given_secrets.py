"""Secrets are read once, found in every form they may take, and taken out of what is printed."""

import base64
import json
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.core.given_secrets import (
    MAXIMUM_BYTES,
    GivenSecret,
    GivenSecrets,
    read_secret,
)

TOKEN = b"s3cr3t/of+the\xc3\xa9state"
KEY = b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(bytes(range(150))) + b"-----END-----\n"


def secrets(content: bytes) -> GivenSecrets:
    return GivenSecrets({"token": GivenSecret(Path("token"), content)})


def is_found(given: GivenSecrets, *pieces: bytes) -> bool:
    try:
        list(given.guarded(pieces, lambda: "this"))
    except VerificationError:
        return True
    return False


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        base64.b64encode(TOKEN),
        base64.b64encode(b"user:" + TOKEN),
        base64.b64encode(b"me:" + TOKEN + b":more"),
        base64.urlsafe_b64encode(b"a:" + TOKEN),
        quote(TOKEN, safe="").encode(),
        quote(TOKEN).encode(),
        json.dumps({"password": TOKEN.decode()}).encode(),
    ],
)
def test_a_secret_is_found_in_the_forms_programs_write(form: bytes) -> None:
    assert is_found(secrets(TOKEN + b"\n"), b"before " + form + b" after")


def test_what_holds_no_secret_passes_unchanged() -> None:
    pieces = [b"some", b"", b" words", bytes(1000)]
    assert list(secrets(TOKEN).guarded(pieces, lambda: "this")) == pieces


@given(st.lists(st.integers(0, 60), max_size=8), st.integers(0, 30), st.sampled_from([1, 2, 3, 24]))
def test_a_secret_is_found_wherever_pieces_end(cuts: list[int], before: int, length: int) -> None:
    """However the bytes come in, a secret of any length is seen."""
    secret = bytes(range(97, 97 + length))
    content = bytes(before) + secret + bytes(40 - before)
    ends = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieces = [content[start:end] for start, end in pairwise(ends)]
    assert is_found(secrets(secret), *pieces)
    assert not is_found(secrets(secret), *(piece.replace(secret[-1:], b"") for piece in pieces))


def test_a_long_secret_is_found_by_its_beginning() -> None:
    long = base64.b64encode(bytes(range(256)) * 100)
    assert is_found(secrets(long), b"x" * 100 + long[:70] + b"y" * 100)


def test_every_line_of_a_key_is_a_secret_but_not_its_frame() -> None:
    lines = KEY.splitlines()
    assert all(is_found(secrets(KEY), b"key = " + line) for line in lines[1:-1])
    assert not is_found(secrets(KEY), lines[0] + b"\nanother key\n" + lines[-1])


def test_of_a_netrc_file_the_passwords_are_secret() -> None:
    """Names of servers and users are no secrets; they may well be in an image."""
    given = secrets(b"machine pypi.example.org\n  login builder\n  password open-sesame-1\n")
    assert is_found(given, b"open-sesame-1")
    assert is_found(given, base64.b64encode(b"builder:open-sesame-1"))
    assert not is_found(given, b"machine pypi.example.org login builder")


def test_an_empty_password_hides_nothing() -> None:
    given = secrets(b'machine pypi.example.org login token password ""\n')
    assert given.redacted("all of this") == "all of this"
    assert not is_found(given, b"all of this")


def test_memory_stays_flat() -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 20)

    given = secrets(TOKEN)
    tracemalloc.start()
    for _ in given.guarded(pieces(), lambda: "this"):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_refusal_says_whose_secret_lies_where_and_not_what_it_is() -> None:
    with pytest.raises(VerificationError, match=r"/etc/x would hold the secret 'token'") as caught:
        list(secrets(TOKEN).guarded([TOKEN], lambda: "/etc/x"))
    assert TOKEN.decode() not in caught.value.message + caught.value.hint


def test_printed_text_loses_every_form_and_all_of_it() -> None:
    long = "0123456789abcdef" * 20
    given = secrets(long.encode())
    text = f"a {long} b {base64.b64encode(long.encode()).decode()} c"
    assert "abcdef" not in given.redacted(text)
    assert "MDEyMzQ1" not in given.redacted(text)
    assert given.redacted("nothing to hide") == "nothing to hide"


def test_no_representation_shows_a_secret() -> None:
    """Records end up in tracebacks and logs."""
    assert "s3cr3t" not in repr(secrets(TOKEN))


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(TOKEN)
    assert read_secret("token", path).content == TOKEN


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b" \n", "empty"), (bytes(MAXIMUM_BYTES + 1), "larger")]
)
def test_what_can_be_no_secret_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=words) as caught:
        read_secret("token", path)
    assert "--secret token=FILE" in caught.value.hint


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_secret("token", tmp_path / "none")
    with pytest.raises(InvalidInputError):
        read_secret("token", tmp_path)
