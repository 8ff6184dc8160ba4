"""Takes from a file's content what the order of installation or chance decided."""

import re
import struct
import subprocess
from io import BytesIO

from roots import Root

_DYNAMIC_IDS = range(100, 1000)
"""What packages' users and groups get, the next one that is free (Policy 9.2.2)."""

_MADE_BY_EITHER = {"messagebus"}
"""Made by systemd-sysusers or, where systemd comes later, by adduser: trixie's dbus knows both."""


def lines(content: bytes, _: Root) -> list[bytes]:
    """The lines in any order."""
    return sorted(content.splitlines())


def users(content: bytes, root: Root) -> list[list[str]]:
    """The lines of passwd(5): dynamic ids without their number, groups by name."""
    fields = [line.split(":") for line in content.decode().splitlines()]
    for each in fields:
        each[2] = _fixed(each[2])
        each[3] = root.groups.get(int(each[3]), each[3])
        if each[0] in _MADE_BY_EITHER:
            each[4] = "described by who made it"
    return sorted(fields)


def passwords(content: bytes, _: Root) -> list[list[str]]:
    """The lines of shadow(5) or gshadow(5), in any order."""
    fields = [line.split(":") for line in content.decode().splitlines()]
    for each in fields:
        if each[0] in _MADE_BY_EITHER and each[1] in ("!", "!*"):
            each[1] = "none"
    return sorted(fields)


def groups(content: bytes, _: Root) -> list[list[str]]:
    """The lines of group(5): dynamic ids without their number, members in any order."""
    fields = [line.split(":") for line in content.decode().splitlines()]
    for each in fields:
        each[2] = _fixed(each[2])
        each[3] = ",".join(sorted(each[3].split(",")))
    return sorted(fields)


def _fixed(number: str) -> str:
    return "dynamic" if int(number) in _DYNAMIC_IDS else number


_FULL_NAME = (
    b" fqdn = ",  # in a question of exim4-config
    b"Value: $myhostname, ",  # postfix/destinations
    b"mydestination = ",
    b"myhostname = ",
)


def without_full_name(content: bytes, _: Root) -> list[bytes]:
    """The lines that do not name the machine."""
    return [line for line in content.splitlines() if not line.startswith(_FULL_NAME)]


def manual_pages(content: bytes, root: Root) -> list[str]:
    """The names that accessdb(8) reads in man-db's index; the rest tells when it met the pages."""
    index = root.folder / "tmp/index.db"
    index.write_bytes(content)
    command = ["chroot", str(root.folder), "accessdb", "/tmp/index.db"]
    result = subprocess.run(command, capture_output=True, check=True)
    index.unlink()
    lines = result.stdout.decode(errors="surrogateescape").splitlines()
    return sorted(line.partition(" -> ")[0] for line in lines)


def bytecode(content: bytes, root: Root) -> str:
    """A module's header and code as its own Python reads it, sets of constants in order."""
    reader = ["chroot", str(root.folder), "/usr/bin/python3.9", "-S", "-c"]
    result = subprocess.run([*reader, _READ_CODE], input=content, capture_output=True, check=True)
    return result.stdout.decode()


_READ_CODE = """
import marshal, sys

def plain(value):
    if hasattr(value, "co_code"):
        names = sorted(name for name in dir(value) if name.startswith("co_"))
        return [(name, plain(getattr(value, name))) for name in names]
    if isinstance(value, frozenset):
        return ["set", *sorted(map(repr, map(plain, value)))]
    if isinstance(value, tuple):
        return ["tuple", *map(plain, value)]
    return [type(value).__name__, repr(value)]

content = sys.stdin.buffer.read()
print(content[:16], plain(marshal.loads(content[16:])))
"""


def certificate(content: bytes, _: Root) -> str:
    """What an X.509 certificate is for: without key, number and dates."""
    wanted = ("-subject", "-issuer", "-ext", "basicConstraints,subjectAltName")
    return _openssl("x509", "-noout", *wanted, given=content)


def private_key(content: bytes, _: Root) -> str:
    """The kind and size of a key."""
    return _openssl("pkey", "-noout", "-text", given=content).partition("\n")[0]


def _openssl(*arguments: str, given: bytes) -> str:
    result = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True)
    return result.stdout.decode()


def java_key_store(content: bytes, _: Root) -> list[bytes]:
    """The names and certificates of a key store: its times and the checksum left out.

    The format (big endian) is that of sun.security.provider.JavaKeyStore, version 2.
    """
    stream = BytesIO(content)
    magic, version, count = struct.unpack(">III", stream.read(12))
    assert (magic, version) == (0xFEEDFEED, 2)
    entries = []
    for _each in range(count):
        tag, length = struct.unpack(">IH", stream.read(6))
        assert tag == 2  # a trusted certificate
        name = stream.read(length)
        stream.read(8)  # milliseconds since 1970
        kind = stream.read(*struct.unpack(">H", stream.read(2)))
        entries.append(name + kind + stream.read(*struct.unpack(">I", stream.read(4))))
    assert len(stream.read()) == 20  # a SHA-1
    return entries


def postgresql_control(content: bytes, root: Root) -> str:
    """What pg_controldata reads of a cluster, without its name and moments."""
    program = next((root.folder / "usr/lib/postgresql").glob("*/bin/pg_controldata"))
    (control,) = (root.folder / "var/lib/postgresql").glob("*/main/global/pg_control")
    assert control.read_bytes() == content
    inside = [f"/{path.relative_to(root.folder)}" for path in (program, control.parent.parent)]
    result = subprocess.run(
        ["chroot", str(root.folder), *inside],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin"},
    )
    chance = re.compile(
        r"^(Database system identifier|pg_control last modified|Time of latest|Mock auth).*",
        re.MULTILINE,
    )
    return chance.sub("", result.stdout)
