"""Reads where backups go: a directory, or a place in a bucket of an S3-compatible store."""

import re
from dataclasses import dataclass

_SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?/?")
_WORD = re.compile(r"[A-Za-z0-9._-]+")
_STYLES = ("path", "host")
_FORM = "is written as s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION"
_NO_SECRETS = (
    "holds a name and a secret, which do not belong into an address: "
    "put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a file of credentials"
)


@dataclass(frozen=True)
class BucketPlace:
    """A place in a bucket; what nobody said is empty.

    `endpoint` is the store's address, `profile` the section of the file of credentials, and
    `style` whether the bucket is named in paths (`path`) or in the name of the host (`host`).
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    profile: str = ""
    style: str = ""

    @property
    def address(self) -> str:
        """The address that means this place."""
        named = (
            ("endpoint", self.endpoint),
            ("region", self.region),
            ("profile", self.profile),
            ("style", self.style),
        )
        query = "&".join(f"{key}={value}" for key, value in named if value)
        path = f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket
        return f"{_SCHEME}{path}?{query}" if query else f"{_SCHEME}{path}"


def checked_place(value: object) -> str:
    """Return where backups go, as written; raises ValueError for what means no place in a bucket.

    Directories are looked at where they are: this machine's may not be the one that has them.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise ValueError("is a directory, or an address such as s3://BUCKET/PREFIX")
    if is_bucket(text):
        bucket_place(text)
    return text


def is_bucket(address: str) -> bool:
    """Tell whether an address is of the kind `s3://`."""
    return address.startswith(_SCHEME)


def bucket_place(address: str) -> BucketPlace:
    """Return the place that an address means; raises ValueError, which says nothing secret."""
    path, _, query = address.removeprefix(_SCHEME).partition("?")
    if "@" in address:
        raise ValueError(_NO_SECRETS)
    bucket, _, prefix = path.partition("/")
    prefix = prefix.removesuffix("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"names no bucket: it {_FORM}")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ValueError(f"has a prefix of other than words and slashes: it {_FORM}")
    said = _said(query)
    endpoint = checked_endpoint(said.get("endpoint", ""))
    style = said.get("style", "")
    if style and style not in _STYLES:
        raise ValueError(f"has a style other than {' or '.join(_STYLES)}")
    for key in ("region", "profile"):
        if said.get(key) and not _WORD.fullmatch(said[key]):
            raise ValueError(f"has a {key} that is no word")
    return BucketPlace(
        bucket, prefix, endpoint, said.get("region", ""), said.get("profile", ""), style
    )


def checked_endpoint(text: str) -> str:
    """Return a store's address, or nothing where none is said; raises ValueError, without it."""
    if text and not _ENDPOINT.fullmatch(text):
        raise ValueError("has an endpoint that is no address such as https://HOST:PORT")
    return text.removesuffix("/")


def _said(query: str) -> dict[str, str]:
    """Return what a query says; its keys may be a secret's that was put there, so none is shown."""
    said: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, found, value = part.partition("=")
        if key not in ("endpoint", "region", "profile", "style") or not (found and value):
            raise ValueError("takes endpoint, region, profile and style after its question mark")
        said[key] = value
    return said
