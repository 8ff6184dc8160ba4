"""How often a source is updated is read from what its maintainers wrote, for the suite at hand."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from debs import build_deb

from herdbook.packages.history import count_updates, updates_a_year
from herdbook.packages.suites import suite_named

BOOKWORM = suite_named("bookworm")
UNTIL = datetime(2026, 6, 10, tzinfo=UTC)


def entry(version: str, distributions: str, day: str) -> str:
    return (
        f"openssl ({version}) {distributions}; urgency=medium\n\n  * A fix.\n\n"
        f" -- A Maintainer <maintainer@example.org>  {day} 10:00:00 +0000\n\n"
    )


@pytest.mark.parametrize(
    ("version", "distributions", "day", "counts"),
    [
        ("3.0.11-1~deb12u2", "bookworm-security", "Mon, 23 Oct 2023", True),
        ("3.0.11-1~deb12u1", "bookworm", "Mon, 23 Oct 2023", True),
        ("3.0.11-1", "bookworm-updates", "Mon, 23 Oct 2023", True),
        ("1:3.0.11+deb12u1", "stable", "Mon, 23 Oct 2023", True),
        ("3.0.9-1", "unstable", "Mon, 30 Jun 2023", False),
        ("3.0.9-1", "bookworm", "Mon, 01 May 2023", False),  # before the release
        ("3.5.1-1~deb13u1", "trixie-security", "Mon, 23 Oct 2025", False),
        ("3.0.99-1~deb12u1", "bookworm-security", "Mon, 23 Nov 2026", False),  # after the lock
        ("3.0.11-1~deb12u1", "bookworm", "somewhen", False),
    ],
)
def test_an_entry_counts_if_it_was_made_for_the_suite_since_its_release(
    version: str, distributions: str, day: str, *, counts: bool
) -> None:
    assert count_updates(entry(version, distributions, day), BOOKWORM, UNTIL) == counts


def test_what_is_no_changelog_counts_nothing() -> None:
    for text in ("", "no changelog", "openssl (1) x", " -- nobody <x>  today\n"):
        assert count_updates(text, BOOKWORM, UNTIL) == 0


def test_updates_are_counted_by_the_year(tmp_path: Path) -> None:
    text = "".join(
        entry(f"3.0.11-1~deb12u{number}", "bookworm-security", "Mon, 23 Oct 2023")
        for number in range(6)
    )
    changelog = {"usr/share/doc/libssl3/changelog.Debian.gz": gzip.compress(text.encode())}
    deb = build_deb(tmp_path, "libssl3", changelog)
    rate = updates_a_year([deb], BOOKWORM, UNTIL)
    assert rate is not None
    assert abs(rate - 2) < 0.01  # six in three years


def test_the_upstream_authors_changelog_is_not_taken_for_debians(tmp_path: Path) -> None:
    upstream = gzip.compress(b"Version 3.0.11\n  * something\n")
    deb = build_deb(tmp_path, "libssl3", {"usr/share/doc/libssl3/changelog.gz": upstream})
    assert updates_a_year([deb], BOOKWORM, UNTIL) is None
