"""Finds out which registries this machine's npm is set up with, and where packages lie there."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from urllib.parse import quote, urlsplit

from herdbook.core.errors import InvalidInputError
from herdbook.drivers import process

_NAMES = ("registry", "cafile", "proxy", "https-proxy")
_GLOBAL_FILES = (Path("/etc/npmrc"), Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"))


@dataclass(frozen=True)
class Registries:
    """npm's settings as far as they matter here; see npm's manual, config(7)."""

    settings: Mapping[str, str]

    def tarball(self, name: str, version: str) -> str:
        """Return the address at which registries keep a version, by npm's convention."""
        file = f"{name.rpartition('/')[2]}-{version}.tgz"
        return f"{self._of(name)}/{quote(name, safe='@/')}/-/{quote(file)}"

    def description(self, name: str) -> str:
        """Return the address at which a registry describes all versions of a package."""
        return f"{self._of(name)}/{quote(name, safe='@')}"

    @property
    def proxies(self) -> dict[str, str]:
        """The proxies npm is told to use, by the scheme they are for."""
        names = {"http": "proxy", "https": "https-proxy"}
        return {
            scheme: self.settings[name] for scheme, name in names.items() if name in self.settings
        }

    @property
    def certificates(self) -> str | None:
        """The file with the authorities that npm trusts, if it is told to trust other ones."""
        return self.settings.get("cafile")

    def _of(self, name: str) -> str:
        scope = name.partition("/")[0]
        address = self.settings.get(f"{scope}:registry") or self.settings.get("registry")
        if not address:
            raise InvalidInputError(
                f"Nothing on this machine says from which registry {name} is to be had",
                hint="Install npm, or name the registry in npm_config_registry.",
            )
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or parts.username is not None:
            raise InvalidInputError(
                f"npm is set up with a registry for {name} whose address is no plain HTTP address",
                hint="Set it: npm config set registry https://HOST/. Who one is stands in a secret "
                "that the recipe names as `credentials`.",
            )
        return address.rstrip("/")


def configured_registries(directory: Path) -> Registries:
    """Ask npm for its settings, or read them as it does where there is no npm.

    `directory` is where it is asked: a folder without an .npmrc of a project.
    """
    return Registries(_asked(directory) if which("npm") else _read())


def _asked(directory: Path) -> dict[str, str]:
    result = process.run(["npm", "config", "list", "--json"], directory=directory)
    try:
        answer = json.loads(result.output)
    except ValueError:
        raise InvalidInputError(
            f"npm does not tell its settings:\n{result.last_words}",
            hint="Try it: npm config list --json",
        ) from None
    return {name: value for name, value in answer.items() if isinstance(value, str) and value}


def _read() -> dict[str, str]:
    settings: dict[str, str] = {}
    for file in (*_GLOBAL_FILES, Path(_environment("userconfig") or "~/.npmrc").expanduser()):
        if file.is_file():
            settings |= _lines(file.read_text(encoding="utf-8", errors="replace"))
    return settings | {name: value for name in _NAMES if (value := _environment(name))}


def _environment(name: str) -> str:
    # These are npm's settings and not Herdbook's: server.settings has no part in them.
    variable = f"npm_config_{name.replace('-', '_')}"
    return os.getenv(variable) or os.getenv(variable.upper()) or ""


def _lines(text: str) -> dict[str, str]:
    """Return what an .npmrc says of registries, and nothing else of it: tokens stand there, too."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    found = {name.strip(): _plain(value) for name, value in pairs}
    return {
        name: value
        for name, value in found.items()
        if name in _NAMES or (name.startswith("@") and name.endswith(":registry"))
    }


def _plain(value: str) -> str:
    """Return a value without quotes, its `${NAME}` replaced by what the environment says."""
    return re.sub(r"\$\{(\w+)\}", lambda found: os.getenv(found[1], ""), value.strip().strip("\"'"))
