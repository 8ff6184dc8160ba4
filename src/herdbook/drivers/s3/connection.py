"""Talks to one bucket: signed requests that are tried again, and our errors of what is answered."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session
from urllib3.exceptions import HTTPError

from herdbook.compose.backup_places import BucketPlace
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.drivers.s3.failures import failed, half_listed, no_address, no_store, refused

_DEFAULT_REGION = "us-east-1"
"""Stores other than Amazon's take any region, or say which one they want."""

_PAUSES_SECONDS = 15.0
_AT_ONCE = 8
_PART_BYTES = 1 << 20
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Whom this machine trusts: a store of one's own often has a certificate of one's own."""


@dataclass(frozen=True)
class Patience:
    """How long is waited for a connection and for each part of an answer, and how often tried."""

    connect_seconds: float = 10.0
    answer_seconds: float = 30.0
    tries: int = 4

    @property
    def longest_seconds(self) -> float:
        """How long a request goes on that nothing comes of, with the pauses between its tries."""
        return self.tries * (self.connect_seconds + self.answer_seconds) + _PAUSES_SECONDS


class Connection:
    """One bucket with its objects, by their keys; safe to use from several threads.

    Raises Herdbook's errors alone. Finding credentials is botocore's: the environment, the shared
    file of credentials, or what a machine in a cloud is given.
    """

    def __init__(self, place: BucketPlace, patience: Patience) -> None:
        self._place = place
        self._tries = patience.tries
        with self._failures():
            session = Session(profile=place.profile or None)
            if session.get_credentials() is None:
                raise InvalidInputError(
                    f"There are no credentials for {place.address}",
                    hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file that "
                    "holds them in AWS_SHARED_CREDENTIALS_FILE.",
                )
            self._client = _client(session, place, patience)

    def check(self, prefix: str) -> None:
        """Raise our error where nothing below a prefix can be listed."""
        with self._failures():
            answer = self._client.list_objects_v2(
                Bucket=self._place.bucket, MaxKeys=1, Prefix=prefix
            )
            self._require_listing(answer)

    def put(self, key: str, content: bytes) -> None:
        """Put an object in place of what has its key, whole or not at all.

        Its SHA-256 is part of what is signed, but not all stores look at it. Its MD5 they do look
        at, and refuse other bytes.
        """
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        with self._failures():
            self._client.put_object(
                Bucket=self._place.bucket, Key=key, Body=content, ContentMD5=md5
            )

    def get(self, key: str, most_bytes: int) -> bytes:
        """Return an object's bytes, the first ones of a larger one; raises NotFoundError."""
        with self._failures(key):
            for _ in range(self._tries - 1):
                try:
                    return self._read(key, most_bytes)
                except (HTTPClientError, HTTPError, IncompleteReadError, ResponseStreamingError):
                    continue  # cut off: botocore tries again only until an answer begins
            return self._read(key, most_bytes)

    def delete(self, key: str) -> None:
        """Delete an object; idempotent."""
        with self._failures():
            self._client.delete_object(Bucket=self._place.bucket, Key=key)

    def list(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Yield the keys that begin with a prefix, and when each was put by the store's clock."""
        with self._failures():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._place.bucket, Prefix=prefix):
                self._require_listing(page)
                for each in page.get("Contents", ()):
                    yield each["Key"], each["LastModified"]

    def _require_listing(self, page: Mapping[str, Any]) -> None:
        """Raise our error for what botocore takes for an empty bucket, or for the end of a list."""
        if "IsTruncated" not in page:
            raise no_store(self._place)
        if page["IsTruncated"] and not page.get("NextContinuationToken"):
            raise half_listed(self._place)

    def _read(self, key: str, most_bytes: int) -> bytes:
        answer = self._client.get_object(Bucket=self._place.bucket, Key=key)
        content = bytearray()
        with closing(answer["Body"]) as body:
            # Until nothing comes any more: only then it is looked whether all of it came.
            while len(content) < most_bytes and (part := body.read(_PART_BYTES)):
                content += part
        return bytes(content[:most_bytes])

    @contextmanager
    def _failures(self, key: str = "") -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if key and error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise NotFoundError(f"There is no {key} in {self._place.address}") from None
            raise refused(self._place, error.response) from error
        except (BotoCoreError, HTTPError, ResponseParserError) as error:
            raise failed(self._place, error) from error


def _client(session: Session, place: BucketPlace, patience: Patience) -> Any:  # noqa: ANN401
    style = place.style or ("path" if place.endpoint else "host")
    config = Config(
        signature_version="s3v4",
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.answer_seconds,
        max_pool_connections=_AT_ONCE,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": patience.tries},
        s3={
            "addressing_style": "path" if style == "path" else "virtual",
            "payload_signing_enabled": True,
        },
        # Newer checksums are refused by stores of a few years ago. What is signed is enough.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    trusts_machine = not session.get_config_variable("ca_bundle") and _AUTHORITIES.is_file()
    try:
        return session.create_client(
            "s3",
            region_name=place.region or _DEFAULT_REGION,
            endpoint_url=place.endpoint or None,
            verify=str(_AUTHORITIES) if trusts_machine else None,
            config=config,
        )
    except BotoCoreError:
        raise
    except ValueError:  # not shown: it holds the whole address
        raise no_address() from None
