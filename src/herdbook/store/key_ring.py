"""Keeps the key ring in a folder that only Herdbook's user can read, beside the private keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from herdbook.core.clock import Clock
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.core.whole_files import alone_in, write_whole
from herdbook.signatures.envelopes import Envelope, signed
from herdbook.signatures.keys import PrivateKey, new_private_key, private_key
from herdbook.signatures.model import KnownKey, Ring, Standing
from herdbook.signatures.statements import Origins, provenance

_BUILDER = "builder"
_Changed = Callable[[Ring], Ring]


@dataclass
class FileKeyRing:
    """A ring in `folder`; private keys there are encrypted where there is a password.

    `who` is to whom a key of the builder is put down that is made here; `program` the version of
    Herdbook that signs.
    """

    folder: Path
    clock: Clock
    who: str
    program: str
    password: bytes = field(default=b"", repr=False)
    _read: tuple[tuple[int, ...], Ring] | None = field(default=None, init=False)
    _own: tuple[str, PrivateKey] | None = field(default=None, init=False, repr=False)

    def ring(self) -> Ring:
        """Return all keys; what the file said is remembered until it is another one."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return Ring()
        state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if self._read is None or self._read[0] != state:
            try:
                self._read = state, Ring.model_validate_json(self._path.read_bytes())
            except ValidationError as error:
                raise VerificationError(
                    f"The ring of keys cannot be read: {error.errors()[0]['msg']}",
                    hint="Lay back the file from before, from a backup.",
                    where=str(self._path),
                ) from error
        return self._read[1]

    def own(self) -> KnownKey:
        """Return the key that the builder signs with, made where there is none."""
        ring = self.ring()
        if _needs_builder(ring):
            return self._adopt(new_private_key(), _needs_builder)
        return ring.required(ring.builder)

    def add(self, key: KnownKey) -> None:
        """Keep a key; raises ConflictError where its name is taken, or it is known already."""
        self._change(lambda ring: ring.added(key))

    def change(self, name: str, standing: Standing) -> KnownKey:
        """Change a key's standing; see the port's promises."""
        return self._change(lambda ring: ring.moved(name, standing)).required(name)

    def rotate(self) -> KnownKey:
        """Have the builder sign with a new key from now on, and retire the one before."""
        ring = self.ring()
        before = ring.named(ring.builder)
        if before is not None and not self.password and self._is_encrypted(before):
            raise InvalidInputError(
                "The builder's private key is encrypted, and no password was given",
                hint="Give the one that the new key is to have in HERDBOOK_KEY_PASSWORD.",
            )
        return self._adopt(new_private_key(), lambda _: True)

    def _is_encrypted(self, key: KnownKey) -> bool:
        path = self._private_path(key.key.identity)
        return path.exists() and b"ENCRYPTED" in path.read_bytes()

    def require(self) -> None:
        """Raise unless the builder can sign."""
        self._builder()

    def state(self, origins: Origins) -> Envelope:
        """Return where a version comes from, signed by the builder."""
        return self.sign(lambda identity: provenance(origins, identity, self.program))

    def sign(self, payload_of: Callable[[str], bytes]) -> Envelope:
        """Return an in-toto statement signed."""
        key = self._builder()
        return signed(payload_of(key.public.identity), key)

    def signature_of(self, digest: Digest) -> bytes:
        """Return the builder's signature of what has that digest, in DER."""
        return self._builder().sign_digest(digest)

    @property
    def _path(self) -> Path:
        return self.folder / "ring.json"

    def _builder(self) -> PrivateKey:
        identity = self.own().key.identity
        if self._own is None or self._own[0] != identity:
            self._own = identity, self._private(identity)
        return self._own[1]

    def _adopt(self, made: PrivateKey, wanted: Callable[[Ring], bool]) -> KnownKey:
        """Make a key the builder's, where that is still wanted; return the builder's then.

        Its file is written first: a ring that names it can always sign.
        """
        self._make_folder()
        path = self._private_path(made.public.identity)
        write_whole(path, made.pem(self.password))

        def changed(ring: Ring) -> Ring:
            if not wanted(ring):
                return ring
            if (before := ring.named(ring.builder)) and before.standing is Standing.TRUSTED:
                ring = ring.moved(before.name, Standing.RETIRED)
            name = _free_name(ring)
            now = self.clock.now()
            key = KnownKey(name=name, pem=made.public.pem, at=now, who=self.who)
            return ring.added(key).model_copy(update={"builder": name})

        ring = self._change(changed)
        if ring.identified(made.public.identity) is None:  # somebody else was quicker
            path.unlink()
        return ring.required(ring.builder)

    def _private(self, identity: str) -> PrivateKey:
        path = self._private_path(identity)
        try:
            return private_key(path.read_bytes(), self.password)
        except FileNotFoundError as error:
            raise VerificationError(
                "The builder's private key is gone",
                hint="Lay it back from a backup, or make another one: herdbook key rotate",
                where=str(path),
            ) from error

    def _private_path(self, identity: str) -> Path:
        return self.folder / f"{identity[:16]}.key"

    def _change(self, changed: _Changed) -> Ring:
        self._make_folder()
        with alone_in(self.folder):
            before = self.ring()
            after = changed(before)
            if after != before:
                write_whole(self._path, after.model_dump_json(indent=1).encode())
            # What signs no more cannot be stolen either; also where a rotation was cut off here.
            for each in after.keys:
                if each.standing is not Standing.TRUSTED:
                    self._private_path(each.key.identity).unlink(missing_ok=True)
            return after

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)


def _needs_builder(ring: Ring) -> bool:
    known = ring.named(ring.builder)
    return known is None or known.standing is not Standing.TRUSTED


def _free_name(ring: Ring) -> str:
    """Return the builder's next name: builder, builder-2, builder-3 ..."""
    count = 1
    name = _BUILDER
    while ring.named(name):
        count += 1
        name = f"{_BUILDER}-{count}"
    return name
