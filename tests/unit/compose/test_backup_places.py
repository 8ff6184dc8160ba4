"""Promises of what an address of a bucket means, and of what it must not hold."""

import pytest

from herdbook.compose.backup_places import BucketPlace, bucket_place, checked_place


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://backups", BucketPlace("backups")),
        ("s3://backups/", BucketPlace("backups")),
        ("s3://backups/a/b/", BucketPlace("backups", "a/b")),
        (
            "s3://backups/a?endpoint=https://s3.example.org:9000/&region=eu",
            BucketPlace("backups", "a", "https://s3.example.org:9000", "eu"),
        ),
        (
            "s3://backups?endpoint=http://[::1]:9000&style=host&profile=two",
            BucketPlace("backups", "", "http://[::1]:9000", "", "two", "host"),
        ),
    ],
)
def test_an_address_means_one_place_and_a_place_has_one_address(
    address: str, place: BucketPlace
) -> None:
    assert bucket_place(address) == place
    assert bucket_place(place.address) == place


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("s3://Backups", "names no bucket"),
        ("s3://backups/../else", "prefix"),
        ("s3://backups//a", "prefix"),
        ("s3://backups/a b", "prefix"),
        ("s3://backups?endpoint=s3.example.org", "no address such as"),
        ("s3://backups?endpoint=https://host/path", "no address such as"),
        ("s3://backups?region=", "takes endpoint"),
        ("s3://backups?secret_key=very-private", "takes endpoint"),
        ("s3://backups?style=both", "a style other than path or host"),
        ("s3://backups?region=a/b", "a region that is no word"),
        ("s3://name:very-private@backups/a", "do not belong into an address"),
        ("s3://backups?endpoint=https://name:very-private@host", "do not belong into an address"),
        ("s3://name:very-private/a", "names no bucket"),
    ],
)
def test_what_means_no_place_is_refused_without_saying_anything_secret(
    address: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        checked_place(address)
    assert "very-private" not in str(caught.value)


def test_directories_and_what_other_programs_call_a_place_are_left_as_they_are() -> None:
    for place in ("/mnt/backups", "sftp:backup.example/fleet"):
        assert checked_place(place) == place
    with pytest.raises(ValueError, match="is a directory"):
        checked_place(" ")
