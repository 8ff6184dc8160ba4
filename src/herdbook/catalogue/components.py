"""Components: what layers are made of, as scanners and advisories name it."""

from dataclasses import dataclass
from enum import StrEnum

from packageurl import PackageURL

from herdbook.core.digests import Digest


class Ecosystem(StrEnum):
    """Where a component comes from; the values are types of package URLs."""

    DEBIAN = "deb"
    PYTHON = "pypi"
    NODE = "npm"


@dataclass(frozen=True)
class Component:
    """One package in one version, whoever holds it.

    `name` is canonical for its ecosystem; that of npm holds its scope. `suite`, `architecture`,
    `source` and `source_version` are Debian's alone: advisories speak of source packages.
    `licence` is an SPDX expression, empty where it is not known. `digest` is that of the file it
    was installed from (`sha256:` or `sha512:` and hexadecimal digits), empty where nobody knows.
    """

    ecosystem: Ecosystem
    name: str
    version: str
    suite: str = ""
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    licence: str = ""
    digest: str = ""

    @property
    def purl(self) -> str:
        """The package URL, which names it everywhere (https://github.com/package-url/purl-spec)."""
        if self.ecosystem is Ecosystem.DEBIAN:
            qualifiers = {"arch": self.architecture, "distro": self.suite}
            if self.source and (self.source, self.source_version) != (self.name, self.version):
                qualifiers["upstream"] = f"{self.source}@{self.source_version}"
            given = {name: value for name, value in qualifiers.items() if value}
            return PackageURL("deb", "debian", self.name, self.version, given).to_string()
        scope, _, name = self.name.rpartition("/")
        return PackageURL(self.ecosystem.value, scope or None, name, self.version).to_string()


class Origin(StrEnum):
    """How the components of a layer became known."""

    DECLARED = "declared"
    SCANNED = "scanned"
    NOT_SCANNED = "not-scanned"


@dataclass(frozen=True)
class LayerBill:
    """What one layer holds; made once, however many images have it.

    Components are declared where the layer was made of them alone, and scanned where they were
    read from its files. One that was not scanned may hold anything.
    """

    layer: Digest
    components: tuple[Component, ...]
    origin: Origin
