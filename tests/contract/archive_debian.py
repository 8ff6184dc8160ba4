"""A tiny Debian archive, laid out as the real one: packages, an index, signatures."""

import lzma
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from herdbook.core import digests
from herdbook.drivers import process
from herdbook.packages.suites import SUITES

SUITE = SUITES["bookworm"]
POCKETS = (SUITE.name, SUITE.updates, SUITE.security)


@dataclass(frozen=True)
class Deb:
    """One package of the archive: `fields` are lines of its control file, `path` is its file."""

    name: str
    version: str
    fields: str
    content: bytes

    @property
    def path(self) -> str:
        version = self.version.rpartition(":")[2]
        return f"pool/main/{self.name[0]}/{self.name}/{self.name}_{version}_amd64.deb"

    @property
    def stanza(self) -> str:
        """What the index says of it."""
        digest = digests.hexadecimal(digests.of_bytes(self.content))
        return f"{self.fields}Filename: {self.path}\nSize: {len(self.content)}\nSHA256: {digest}\n"


def make_deb(name: str, version: str = "1.0", *lines: str, size: int = 1000) -> Deb:
    """A package that holds one file of about `size` bytes which do not compress."""
    fields = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
    fields += "Maintainer: Nobody <nobody@invalid>\nDescription: a test\n"
    fields += "".join(f"{line}\n" for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(fields)
        (root / "usr/share").mkdir(parents=True)
        noise = Random(name + version).randbytes(size)  # noqa: S311 - the same in every run
        (root / "usr/share" / name).write_bytes(noise)
        deb = Path(folder) / "made.deb"
        # Uncompressed: the members' names and sizes are all that matters here.
        made = process.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, deb])
        assert made.succeeded, made.errors
        return Deb(name, version, fields, deb.read_bytes())


@dataclass(frozen=True)
class Keys:
    """OpenPGP keys in a folder of their own: one that a machine trusts, and somebody else's."""

    home: Path

    def sign(self, text: str, who: str) -> str:
        """Return the text signed in the clear, as an InRelease file is."""
        return self._gpg("--local-user", who, "--clearsign", given=text.encode())

    def keyring_directory(self) -> Path:
        """A folder of keyrings as debian-archive-keyring has it, with the trusted key alone."""
        folder = self.home / "keyrings"
        if not folder.exists():
            folder.mkdir()
            keyring = folder / f"debian-archive-{SUITE.name}-test.gpg"
            self._gpg("--output", str(keyring), "--export", "trusted")
        return folder

    def make(self, who: str) -> None:
        self._gpg("--passphrase", "", "--quick-generate-key", who, "ed25519", "sign", "never")

    def _gpg(self, *arguments: str, given: bytes | None = None) -> str:
        home = ("--homedir", self.home)
        result = process.run(["gpg", *home, "--batch", "--quiet", *arguments], given=given)
        assert result.succeeded, result.errors
        return result.output


@contextmanager
def made_keys() -> Iterator[Keys]:
    # The agent's socket needs a short path.
    with tempfile.TemporaryDirectory(prefix="keys-") as folder:
        keys = Keys(Path(folder))
        try:
            for who in ("trusted", "stranger"):
                keys.make(who)
            yield keys
        finally:
            process.run(["gpgconf", "--homedir", folder, "--kill", "all"])


@dataclass(frozen=True)
class TinyArchive:
    """An archive under `folder`, with the main mirror in `main/` and the other in `security/`."""

    folder: Path
    keys: Keys

    def publish(
        self,
        pocket: str,
        debs: Sequence[Deb],
        *,
        age: timedelta = timedelta(hours=1),
        valid_for: timedelta = timedelta(days=7),
        named: str = "",
    ) -> None:
        """Sign an index of `age` over these packages; `named` is the pocket it claims to be."""
        mirror = self.mirror(pocket)
        for deb in debs:
            file = mirror / deb.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(deb.content)
        index = "\n".join(deb.stanza for deb in debs).encode()
        packed = lzma.compress(index)
        packages = self.packages(pocket)
        packages.parent.mkdir(parents=True, exist_ok=True)
        packages.write_bytes(packed)
        made = datetime.now(UTC) - age
        release = (
            f"Origin: Test\nSuite: {named or pocket}\nCodename: {named or pocket}\n"
            f"Date: {_rfc(made)}\nValid-Until: {_rfc(made + valid_for)}\n"
            "Architectures: amd64\nComponents: main\nSHA256:\n"
            f"{_release_line(index, 'Packages')}{_release_line(packed, 'Packages.xz')}"
        )
        (self.dists(pocket) / "Release").write_text(release)
        self.sign(pocket, "trusted")
        # A mirror keeps the time of what it copies, and apt asks only for what is newer.
        os.utime(self.inrelease(pocket), (made.timestamp(), made.timestamp()))

    def sign(self, pocket: str, who: str) -> None:
        """Sign the pocket's Release as it is now."""
        release = self.dists(pocket) / "Release"
        self.inrelease(pocket).write_text(self.keys.sign(release.read_text(), who))

    def mirror(self, pocket: str) -> Path:
        return self.folder / ("security" if pocket == SUITE.security else "main")

    def dists(self, pocket: str) -> Path:
        return self.mirror(pocket) / "dists" / pocket

    def inrelease(self, pocket: str) -> Path:
        return self.dists(pocket) / "InRelease"

    def packages(self, pocket: str) -> Path:
        return self.dists(pocket) / "main/binary-amd64/Packages.xz"


def _release_line(content: bytes, name: str) -> str:
    digest = digests.hexadecimal(digests.of_bytes(content))
    return f" {digest} {len(content)} main/binary-amd64/{name}\n"


def _rfc(moment: datetime) -> str:
    return f"{moment:%a, %d %b %Y %H:%M:%S} UTC"
