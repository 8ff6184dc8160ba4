"""The secrets given to a build: read once, and kept out of all that it makes and says."""

import base64
import json
import shlex
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError

MAXIMUM_BYTES = 64 << 10
"""The size limit of one secret: a key or a token, not a data set."""

_SHORTEST_PART = 8
"""Bytes below which a part of a secret, such as one line of it, occurs in files by chance."""

_SEARCHED_BYTES = 64
"""How much of a secret is looked for: its beginning gives it away, and shorter is quicker."""

_UNRESERVED = (string.ascii_letters + string.digits + "-._~").encode()
_ARMOUR = b"-----"
_REDACTED = "***"


@dataclass(frozen=True)
class GivenSecret:
    """A file with a secret, and what it held when it was read."""

    path: Path
    content: bytes = field(repr=False)

    @cached_property
    def forms(self) -> tuple[bytes, ...]:
        """All that gives the secret away, as it stands and as programs encode it."""
        return tuple(dict.fromkeys(_forms(self.content)))


@dataclass(frozen=True)
class GivenSecrets:
    """The secrets of one build by name; none by default."""

    files: Mapping[str, GivenSecret] = field(default_factory=dict)

    def contents(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of each of these; raises KeyError for one that was not given."""
        return {name: self.files[name].content for name in names}

    def path(self, name: str | None) -> Path | None:
        """Return the file of a secret for a program that reads it itself; None if not given."""
        given = self.files.get(name) if name else None
        return given.path if given else None

    def redacted(self, text: str) -> str:
        """Return a text without any of the secrets; to be called before it is cut to a length."""
        forms = {form for given in self.files.values() for form in given.forms}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form.decode(errors="replace"), _REDACTED)
        return text

    def guarded(self, pieces: Iterable[bytes], what: Callable[[], str]) -> Iterator[bytes]:
        """Yield the pieces as they are, in flat memory; `what` tells what they are of right now.

        Raises VerificationError once one of the secrets occurs in them, also where it begins in
        one piece and ends in another. It costs about 0.2 ms a MiB for every form of a secret.
        """
        wanted = self._searched
        reach = max(map(len, wanted), default=1) - 1
        end = b""
        for piece in pieces:
            seam = end + piece[:reach]
            for form, name in wanted.items():
                if form in seam or form in piece:
                    raise VerificationError(
                        f"{what()} would hold the secret {name!r}",
                        hint="Nothing was kept. Read a secret in the step that needs it, and see "
                        "to it that no file, log or configuration with it is left behind.",
                    )
            end = (end + piece[-reach:])[-reach:] if reach else b""
            yield piece

    @cached_property
    def _searched(self) -> dict[bytes, str]:
        """What is looked for and whose it is; nothing that is found with a part of it anyway."""
        found: dict[bytes, str] = {}
        every = [
            (form[:_SEARCHED_BYTES], name)
            for name, given in self.files.items()
            for form in given.forms
            if len(form) >= _SHORTEST_PART or form == given.content.strip()
        ]
        for form, name in sorted(every, key=lambda pair: len(pair[0])):
            if not any(shorter in form for shorter in found):
                found[form] = name
        return found


def read_secret(name: str, path: Path) -> GivenSecret:
    """Read a secret; raises NotFoundError or InvalidInputError that says what to give."""
    hint = f"Give a file with the secret: --secret {name}=FILE"
    if not path.exists():
        raise NotFoundError(f"There is no file {path} for the secret {name!r}", hint=hint)
    if not path.is_file():
        raise InvalidInputError(f"{path} of the secret {name!r} is not a plain file", hint=hint)
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(
            f"{path} of the secret {name!r} cannot be read: {error.strerror}", hint=hint
        ) from error
    if len(content) > MAXIMUM_BYTES:
        raise InvalidInputError(
            f"{path} is larger than a secret may be ({MAXIMUM_BYTES >> 10} KiB)", hint=hint
        )
    if not content.strip():
        raise InvalidInputError(f"{path} of the secret {name!r} is empty", hint=hint)
    return GivenSecret(path, content)


def _forms(content: bytes) -> Iterator[bytes]:
    """Yield what must appear nowhere: of a netrc file its passwords, else the whole and its lines.

    What opens and closes a PEM block is the same in all of them, and no secret. Base64 is looked
    for of the whole only: a key has many lines, and each form of each takes its time.
    """
    passwords = _netrc_passwords(content.decode(errors="replace"))
    for whole in [content.strip()] if passwords is None else passwords:
        yield from _quoted(whole)
        yield from _within_base64(whole)
    if passwords is None:
        for line in map(bytes.strip, content.splitlines()):
            if len(line) >= _SHORTEST_PART and not line.startswith(_ARMOUR):
                yield from _quoted(line)


def _netrc_passwords(text: str) -> list[bytes] | None:
    """Return the passwords of a netrc file, or None for a text that is none."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # a quote in a password, which netrc files do not have to double
        words = text.split()
    if not words or words[0] not in ("machine", "default") or "password" not in words:
        return None
    return [value.encode() for word, value in pairwise(words) if word == "password" and value]


def _quoted(part: bytes) -> Iterator[bytes]:
    """Yield a part as it is, as addresses hold it, and as JSON does."""
    yield part
    yield _percent_encoded(part, _UNRESERVED)
    yield _percent_encoded(part, _UNRESERVED + b"/")  # a slash is often left as it is
    yield json.dumps(part.decode(errors="surrogateescape"))[1:-1].encode()


def _percent_encoded(part: bytes, plain: bytes) -> bytes:
    """Encode all but `plain` characters as in an address (RFC 3986, 2.1)."""
    return b"".join(bytes([each]) if each in plain else b"%%%02X" % each for each in part)


def _within_base64(part: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of a part, wherever it stands in what is encoded (RFC 4648).

    Three bytes become four characters, so there are three ways, of which the characters that
    depend on neighbours are cut off.
    """
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + part)
        core = encoded[-(-before * 8 // 6) : (before + len(part)) * 8 // 6]
        if len(core) >= _SHORTEST_PART:
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))
