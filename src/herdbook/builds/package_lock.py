"""Reads npm's package-lock.json, and refuses what cannot be had from a registry by its digest."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from herdbook.builds.locked_node import PATH_PATTERN, LockedNode, LockedNodePackage
from herdbook.builds.node_choice import ROOT, Entry, choose, unfit_for_images
from herdbook.core.errors import InvalidInputError

_MODULES = "node_modules/"
_VERSIONS = (2, 3)
_ALGORITHMS = ("sha512", "sha384", "sha256")
_RENEW = "Make it anew with npm 7 or later: npm install --package-lock-only"
_REGISTRY_ONLY = "Herdbook takes packages from registries only, by their digest: publish it there."
_OWN_CODE = "Herdbook lays out packages of registries. Bring code of your own by `files`."


class _Document(BaseModel):
    version: Any = Field(default=None, alias="lockfileVersion")
    packages: Mapping[str, Entry] = {}


def read_package_lock(text: str, name: str, *, development: bool) -> LockedNode:
    """Return the packages that `npm ci` lays out on Linux on x86-64 with glibc.

    `name` is the file's, for messages; `development` takes devDependencies along. Raises
    InvalidInputError with file and line.
    The format is that of npm's manual, package-lock-json(5).
    """
    file = _File(text, name)
    entries = file.entries()
    wanted = {path: entry for path, entry in entries.items() if development or not entry.dev}
    for path, entry in wanted.items():
        if path != ROOT:
            file.refuse_foreign(path, entry)
    unfit = unfit_for_images(wanted)
    for path, to_blame in unfit.items():
        if not wanted[path].can_be_missed:
            raise file.refusal(
                to_blame,
                "is made for another platform than Linux on x86-64 with glibc, and is needed",
                "Take out of the dependencies what needs it, or make that optional.",
            )
    chosen = choose(wanted, unfit, development=development)
    return LockedNode(packages=tuple(file.locked(path, entries[path]) for path in chosen))


@dataclass(frozen=True)
class _File:
    """A package-lock.json with its name, to say where in it something is wrong."""

    text: str
    name: str

    def entries(self) -> dict[str, Entry]:
        """Return the entries by path, the project's own among them."""
        try:
            document = _Document.model_validate(
                json.loads(self.text, object_pairs_hook=_without_repetition)
            )
        except ValidationError as error:
            raise self._unreadable(_told(error)) from error
        except json.JSONDecodeError as error:
            raise self._unreadable(error.msg, f":{error.lineno}") from error
        except ValueError as error:
            raise self._unreadable(str(error)) from error
        if document.version not in _VERSIONS:
            raise self._unreadable(f"lockfileVersion is {document.version!r}, not 2 or 3")
        return {ROOT: Entry(), **document.packages}

    def _unreadable(self, why: str, line: str = "") -> InvalidInputError:
        return InvalidInputError(
            f"The package lock cannot be read: {why}", hint=_RENEW, where=self.name + line
        )

    def refuse_foreign(self, path: str, entry: Entry) -> None:
        """Refuse what lies elsewhere than in node_modules, or comes from no registry."""
        if entry.link or not re.search(PATH_PATTERN, path):
            raise self.refusal(path, "is a folder (a workspace, or `file:`)", _OWN_CODE)
        source = entry.resolved
        if isinstance(source, str) and not source.startswith(("https://", "http://")):
            kind = "git repository" if source.startswith("git") else "file"
            raise self.refusal(path, f"comes from a {kind}: {source}", _REGISTRY_ONLY)

    def locked(self, path: str, entry: Entry) -> LockedNodePackage:
        """Return an entry as the lock holds it."""
        name = entry.name or path.rpartition(_MODULES)[2]
        try:
            return LockedNodePackage(
                path=path,
                name=name,
                version=entry.version,
                integrity=None if entry.in_bundle else self._integrity(path, entry),
                programs=dict(_programs(name, entry.bin)),
                has_install_script=entry.has_install_script,
            )
        except ValidationError as error:
            raise self.refusal(path, f"cannot be used: {_told(error)}", _RENEW) from error

    def _integrity(self, path: str, entry: Entry) -> str:
        given = entry.integrity.split()
        for algorithm in _ALGORITHMS:
            for each in given:
                if each.startswith(f"{algorithm}-"):
                    return each.partition("?")[0]
        if given:
            weak = ", ".join(each.partition("-")[0] for each in given)
            raise self.refusal(
                path,
                f"has no digest to rely on but {weak}",
                f"Delete its entry from the package lock, then: {_RENEW}",
            )
        raise self.refusal(path, "has no integrity", _REGISTRY_ONLY)

    def refusal(self, path: str, what: str, hint: str) -> InvalidInputError:
        """Return the error for one entry, with its line."""
        key = json.dumps(path, ensure_ascii=False) + ":"
        lines = enumerate(self.text.splitlines(), start=1)
        line = next((f":{number}" for number, text in lines if text.strip().startswith(key)), "")
        shown = "The project" if path == ROOT else f"The package {path.rpartition(_MODULES)[2]}"
        return InvalidInputError(f"{shown} {what}", hint=hint, where=self.name + line)


def _told(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what Python and npm may read in different ways."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"{next(name for name in names if names.count(name) > 1)!r} is there twice"
        )
    return found


def _programs(name: str, written: Mapping[str, str] | str) -> Iterator[tuple[str, str]]:
    """Yield names of programs and their files, neither of which can lead out of its folder."""
    named = {name: written} if isinstance(written, str) else written
    for key, value in named.items():
        program = re.split(r"[/\\:]", key)[-1]
        file = posixpath.normpath("/" + value.replace("\\", "/")).lstrip("/")
        if program.strip(".") and file:
            yield program, file
