"""Reads the durations, byte sizes and other written quantities of a Compose file."""

import re
from ipaddress import IPv4Address, IPv4Network

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "y", "1"), True),
    **dict.fromkeys(("false", "no", "off", "n", "0"), False),
}
_MODE = re.compile(r"0?o?([0-7]{3,4})")
_MAXIMUM_DIGITS = 30


def seconds_of(text: str) -> float:
    """Read `1m30s` or `500ms` as seconds; raises ValueError."""
    written = text.strip()
    if written == "0":
        return 0.0
    parts = _DURATION_PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise ValueError(f"{text!r} is no duration, such as 1m30s or 500ms")
    return round(sum(float(number) * _SECONDS[unit] for number, unit in parts), 9)


def bytes_of(text: str) -> int:
    """Read `64m`, `2gb` or `1.5g` as bytes, by powers of 1024; raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or len(match[1]) > _MAXIMUM_DIGITS:
        raise ValueError(f"{text!r} is no size, such as 64m, 2gb or 1.5g")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def boolean_of(text: str) -> bool:
    """Read `true`, `yes`, `on` and their opposites; raises ValueError."""
    word = text.strip().lower()
    if word not in _BOOLEANS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _BOOLEANS[word]


def mode_of(text: str) -> int:
    """Read a file's permissions in octal notation, `0440` or `0o440`; raises ValueError.

    What is written without a leading zero is a decimal number to YAML but hardly ever to people,
    and is refused.
    """
    match = _MODE.fullmatch(text.strip())
    if match is None or not text.strip().startswith("0"):
        raise ValueError(f"{text!r} is no mode in octal notation, such as 0440")
    return int(match[1], 8)


def range_of(text: str) -> tuple[int, int]:
    """Read a port or a range, `80` or `8000-8010`, as first and last; raises ValueError."""
    first, dash, last = text.strip().partition("-")
    if not (first.isascii() and first.isdigit() and len(first) <= _MAXIMUM_DIGITS):
        raise ValueError(f"{text!r} is no port or range of ports")
    if dash and not (last.isascii() and last.isdigit() and len(last) <= _MAXIMUM_DIGITS):
        raise ValueError(f"{text!r} is no port or range of ports")
    low, high = int(first), int(last or first)
    if not 0 < low <= high < 1 << 16:
        raise ValueError(f"{text!r} is no port or range of ports from 1 to 65535")
    return low, high


def address_of(text: str) -> IPv4Address:
    """Read an IPv4 address; raises ValueError."""
    try:
        return IPv4Address(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 address, such as 10.0.0.5") from None


def subnet_of(text: str) -> IPv4Network:
    """Read an IPv4 subnet; raises ValueError."""
    try:
        return IPv4Network(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 subnet, such as 10.0.0.0/24") from None
