"""Keeps the first root and the server's key in files beside the register, not in it."""

from dataclasses import dataclass, field
from pathlib import Path

from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.core.whole_files import kept_whole
from herdbook.signatures.keys import PrivateKey, new_private_key, private_key


@dataclass
class FileTrustAnchor:
    """Files in `folder`; the server's key is encrypted there where there is a password."""

    folder: Path
    password: bytes = field(default=b"", repr=False)

    def pinned(self) -> bytes | None:
        """Return the first root; None before there is one."""
        try:
            return self._root.read_bytes()
        except FileNotFoundError:
            return None

    def pin(self, root: bytes) -> None:
        """Keep the first root; raises ConflictError where there is another one."""
        if kept_whole(self._root, lambda: root) != root:
            raise ConflictError("There is another first root already", where=str(self._root))

    def online(self, *, make: bool = False) -> PrivateKey:
        """Return the server's key, which is made where there is none if that is wanted."""
        path = self.folder / "online.key"
        if not (make or path.exists()):
            raise NotFoundError(
                "The server's key for signed metadata is gone",
                hint="Lay it back from a backup, or have the holders name a new one: herdbook "
                "metadata holders",
                where=str(path),
            )
        made = kept_whole(path, lambda: new_private_key().pem(self.password))
        return private_key(made, self.password)

    @property
    def _root(self) -> Path:
        return self.folder / "root.json"
