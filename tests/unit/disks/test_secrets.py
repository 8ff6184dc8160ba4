"""Secrets reach a machine whole, as files that only root may read."""

import io
import tarfile

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.secrets import secrets_disk


def test_every_secret_is_a_file_of_any_size_and_content() -> None:
    secrets = {"password": b"p\0\xff,\n", "key": b"k" * 100_000}
    with tarfile.open(fileobj=io.BytesIO(secrets_disk({"A": "1"}, secrets))) as archive:
        found = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
        }
        assert all(member.mode == 0o400 for member in archive)
    assert found == {
        "herdbook.environment": b'A="1"\n',
        "herdbook.secret.key": secrets["key"],
        "herdbook.secret.password": secrets["password"],
    }


def test_a_disk_is_whole_sectors() -> None:
    assert len(secrets_disk({}, {"a": b"1"})) % 512 == 0


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "a b", "a:b", "%n", "x" * 201])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        secrets_disk({}, {name: b""})
