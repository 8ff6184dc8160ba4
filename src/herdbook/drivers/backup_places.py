"""Opens the place at an address where backups are kept, whatever kind of place it is."""

from dataclasses import dataclass, replace
from pathlib import Path

from herdbook.compose.backup_places import BucketPlace, bucket_place, checked_endpoint, is_bucket
from herdbook.core.errors import InvalidInputError
from herdbook.drivers.backup_folder import open_folder
from herdbook.fleet.backups import BackupStore


@dataclass(frozen=True)
class BackupPlaces:
    """The places that can be reached from here.

    `writers` is a folder for those of this machine that wait for each other; `endpoint` and
    `region` are of buckets whose addresses name none.
    """

    writers: Path
    endpoint: str = ""
    region: str = ""

    def open(self, address: str) -> BackupStore:
        """Return the store at an address; raises InvalidInputError where no driver knows it.

        Raises what the drivers say of places that are absent or cannot be used.
        """
        if is_bucket(address):
            # Loading it takes longer than most commands do.
            from herdbook.drivers.s3 import open_bucket  # noqa: PLC0415

            return open_bucket(self._bucket(address), self.writers)
        if "://" in address:
            kind = address.partition("://")[0]  # no more of it: it may hold a password
            raise InvalidInputError(
                f"Backups cannot be kept at {kind}://",
                hint="Name a directory, at which a server's file system may be mounted, or "
                "s3://BUCKET/PREFIX.",
            )
        return open_folder(address)

    def _bucket(self, address: str) -> BucketPlace:
        try:
            place = bucket_place(address)
        except ValueError as error:
            raise InvalidInputError(
                f"The address of the bucket {error}",
                hint="As in s3://backups/herdbook?endpoint=https://s3.example.org&region=eu",
            ) from None
        try:
            endpoint = place.endpoint or checked_endpoint(self.endpoint)
        except ValueError as error:
            raise InvalidInputError(
                f"AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL {error}",
                hint="Correct it, or say in the address which endpoint is meant: ?endpoint=...",
            ) from None
        return replace(place, endpoint=endpoint, region=place.region or self.region)
