"""Durations, sizes, truths, modes and ranges are read by the specification, or refused."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.compose.short_forms import WrittenVolume, host_of, ports_of, volume_of
from herdbook.compose.units import boolean_of, bytes_of, mode_of, range_of, seconds_of


@pytest.mark.parametrize(
    ("read", "written", "expected"),
    [
        (seconds_of, "10ms", 0.01),
        (seconds_of, "40s", 40.0),
        (seconds_of, "1m30s", 90.0),
        (seconds_of, "1h5m30s20ms", 3930.02),
        (seconds_of, "1.5h", 5400.0),
        (seconds_of, "250us", 0.00025),
        (seconds_of, "0", 0.0),
        (bytes_of, "2b", 2),
        (bytes_of, "1024kb", 1 << 20),
        (bytes_of, "2048k", 2 << 20),
        (bytes_of, "300m", 300 << 20),
        (bytes_of, "64M", 64 << 20),
        (bytes_of, "1gb", 1 << 30),
        (bytes_of, "1.5g", 3 << 29),
        (bytes_of, "2GiB", 2 << 30),
        (bytes_of, "512", 512),
        (boolean_of, "Yes", True),
        (boolean_of, "off", False),
        (mode_of, "0440", 0o440),
        (mode_of, "0o440", 0o440),
        (mode_of, "01777", 0o1777),
        (range_of, "80", (80, 80)),
        (range_of, "8000-8010", (8000, 8010)),
        (host_of, "a=1.2.3.4", ("a", "1.2.3.4")),
        (host_of, "a:1.2.3.4", ("a", "1.2.3.4")),
        (host_of, "v6=[::1]", ("v6", "::1")),
        (host_of, "v6:::1", ("v6", "::1")),
    ],
)
def test_what_is_written(read: Callable[[str], object], written: str, expected: object) -> None:
    assert read(written) == expected


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (seconds_of, "10"),
        (seconds_of, "1d"),
        (seconds_of, "s"),
        (seconds_of, ""),
        (seconds_of, "1m 30s"),
        (seconds_of, "-1s"),
        (bytes_of, "m"),
        (bytes_of, "-1m"),
        (bytes_of, "1x"),
        (bytes_of, "9" * 400),
        (boolean_of, "maybe"),
        (mode_of, "440"),
        (mode_of, "0x1"),
        (mode_of, "0999"),
        (range_of, "0"),
        (range_of, "65536"),
        (range_of, "90-80"),
        (range_of, "²"),
        (range_of, "80-"),
        (host_of, "alone"),
        (ports_of, "1-2:3-5"),
        (ports_of, "80/"),
        (ports_of, "a:b"),
        (volume_of, "a:b:c:d"),
        (volume_of, ":/x"),
        (volume_of, "a:/x:wrong"),
    ],
)
def test_what_cannot_be_meant_is_refused(read: Callable[[str], object], written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(written)


@settings(deadline=None)
@given(some.one_of(some.text(), some.text(some.sampled_from("0123456789.:-/[]hmsgkbro, ~"))))
def test_nothing_crashes(written: str) -> None:
    for read in (seconds_of, bytes_of, boolean_of, mode_of, range_of, host_of, ports_of, volume_of):
        with suppress(ValueError):
            read(written)


@settings(deadline=None)
@given(some.integers(0, 99), some.integers(0, 59), some.integers(0, 59), some.integers(0, 999))
def test_durations_add_up(hours: int, minutes: int, seconds: int, thousandths: int) -> None:
    expected = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    written = f"{hours}h{minutes}m{seconds}s{thousandths}ms"
    assert seconds_of(written) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("3000", [("", None, 3000, "tcp")]),
        ("3000-3001", [("", None, 3000, "tcp"), ("", None, 3001, "tcp")]),
        ("8000:80", [("", (8000, 8000), 80, "tcp")]),
        ("9090-9091:80-81", [("", (9090, 9090), 80, "tcp"), ("", (9091, 9091), 81, "tcp")]),
        ("8000-9000:80", [("", (8000, 9000), 80, "tcp")]),
        ("127.0.0.1:8001:8001", [("127.0.0.1", (8001, 8001), 8001, "tcp")]),
        ("127.0.0.1::80", [("127.0.0.1", None, 80, "tcp")]),
        ("::1:6000:6000", [("::1", (6000, 6000), 6000, "tcp")]),
        ("[::1]:6001:6001", [("::1", (6001, 6001), 6001, "tcp")]),
        ("6060:6060/UDP", [("", (6060, 6060), 6060, "udp")]),
    ],
)
def test_ports_in_one_line(written: str, expected: list[object]) -> None:
    found = [
        (each.host_ip, each.published, each.target, each.protocol) for each in ports_of(written)
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/cache", WrittenVolume("/cache")),
        ("data:/d", WrittenVolume("/d", "data")),
        ("./x:/d:ro", WrittenVolume("/d", "./x", read_only=True)),
        ("~/x:/d:rw,z", WrittenVolume("/d", "~/x", selinux="z")),
        ("data:/d:ro,nocopy", WrittenVolume("/d", "data", read_only=True, no_copy=True)),
        ("/d:ro", WrittenVolume("/d", read_only=True)),
    ],
)
def test_volumes_in_one_line(written: str, expected: WrittenVolume) -> None:
    assert volume_of(written) == expected
