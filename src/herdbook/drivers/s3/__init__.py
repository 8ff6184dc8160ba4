"""Keeps backups in a bucket of an S3-compatible store; the one package that knows botocore."""

from herdbook.drivers.s3.bucket import BackupBucket, open_bucket
from herdbook.drivers.s3.connection import Patience
from herdbook.drivers.s3.writers import Lease

__all__ = ["BackupBucket", "Lease", "Patience", "open_bucket"]
