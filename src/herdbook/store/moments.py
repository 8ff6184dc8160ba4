"""Reads times as they were kept."""

from datetime import UTC, datetime


def in_utc(kept: datetime) -> datetime:
    """Return a time as it was kept: SQLite forgets the zone, which was UTC."""
    return kept.astimezone(UTC) if kept.tzinfo else kept.replace(tzinfo=UTC)
