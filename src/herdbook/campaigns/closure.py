"""The packages of an image as its dpkg database has them, and as they are after a change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from herdbook.campaigns.inside import Inside
from herdbook.campaigns.relations import Alternatives, Relation, parse_relations

NEEDS = ("Pre-Depends", "Depends")
"""The fields that name what must be there."""

REFUSES = ("Breaks", "Conflicts")
"""The fields that name what must not."""

COPIES = ("Built-Using", "Static-Built-Using")
"""The fields that name the sources of which a package holds a copy."""

_KEPT = frozenset(
    {"Package", "Version", "Architecture", "Status", "Multi-Arch", "Provides"}.union(
        NEEDS, REFUSES, COPIES
    )
)


@dataclass(frozen=True)
class Change:
    """A package and what comes in its place."""

    old: Inside
    new: Inside


@dataclass(frozen=True)
class Package:
    """One installed package: the fields of its entry that bind it to others."""

    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.fields["Package"]

    @property
    def version(self) -> str:
        """Its version."""
        return self.fields["Version"]

    @property
    def architecture(self) -> str:
        """The architecture it is for, or `all`."""
        return self.fields["Architecture"]

    @cached_property
    def provides(self) -> tuple[Relation, ...]:
        """The names it answers to besides its own, with versions where it says so."""
        found = parse_relations(self.fields.get("Provides", ""))
        return tuple(each for alternatives in found for each in alternatives)

    def asks(self, names: Sequence[str]) -> Iterable[tuple[str, Alternatives]]:
        """Yield, of what it needs or refuses, all that speaks of one of some packages."""
        for field in (*NEEDS, *REFUSES):
            value = self.fields.get(field, "")
            if not any(name in value for name in names):  # quicker than to read it
                continue
            for alternatives in parse_relations(value):
                if any(each.name in names for each in alternatives):
                    yield field, alternatives


@dataclass(frozen=True)
class Installed:
    """The packages of an image, by name; one name may be there for several architectures."""

    packages: Mapping[str, tuple[Package, ...]]

    @cached_property
    def providers(self) -> Mapping[str, list[tuple[Package, Relation]]]:
        """Who answers to a name that is not its own, and how."""
        found: dict[str, list[tuple[Package, Relation]]] = {}
        for package in self.all():
            for provided in package.provides:
                found.setdefault(provided.name, []).append((package, provided))
        return found

    @cached_property
    def native(self) -> str:
        """The architecture of dpkg itself, which packages for `all` count as."""
        return next((each.architecture for each in self.packages.get("dpkg", ())), "")

    def all(self) -> Iterable[Package]:
        """Every package."""
        return (package for found in self.packages.values() for package in found)

    def holds(self, package: Inside) -> bool:
        """Whether this very version of a package is there."""
        there = self.packages.get(package.name, ())
        return any(
            (each.version, each.architecture) == (package.version, package.architecture)
            for each in there
        )

    def after(self, changes: Sequence[Change]) -> "Installed":
        """Return what is there when every change is made."""
        packages = dict(self.packages)
        for change in changes:
            packages[change.old.name] = tuple(
                Package(change.new.fields) if each.architecture == change.old.architecture else each
                for each in packages[change.old.name]
            )
        return replace(self, packages=packages)

    def candidates(self, relation: Relation, asking: Package) -> list[Package]:
        """Return what satisfies one alternative of what a package needs."""
        return [each for each in self._named(relation) if self._fits(each, relation, asking)]

    def hit(self, relation: Relation, asking: Package) -> list[Package]:
        """Return what a package refuses, of any architecture; it never refuses itself."""
        return [each for each in self._named(relation) if each.name != asking.name]

    def _named(self, relation: Relation) -> Iterator[Package]:
        for package in self.packages.get(relation.name, ()):
            if relation.met_by(package.version):
                yield package
        for package, provided in self.providers.get(relation.name, ()):
            # A versioned relation is met by what is provided with a version alone (Policy 7.5).
            if not relation.operator or (provided.operator and relation.met_by(provided.version)):
                yield package

    def _fits(self, package: Package, relation: Relation, asking: Package) -> bool:
        """Whether a package's architecture is one that is asked for (dpkg's `archsatisfied`)."""
        shared = package.fields.get("Multi-Arch")
        if relation.qualifier == "any":
            return shared in ("allowed", "foreign")
        if shared == "foreign" and not relation.qualifier:
            return True
        wanted = relation.qualifier or self._real(asking.architecture)
        return self._real(package.architecture) == wanted

    def _real(self, architecture: str) -> str:
        return self.native if architecture == "all" else architecture


def installed_in(status: str) -> Installed:
    """Return the packages that a dpkg status file says are installed."""
    packages: dict[str, tuple[Package, ...]] = {}
    for stanza in status.split("\n\n"):
        fields: dict[str, str] = {}
        for line in stanza.split("\n"):
            name, colon, value = line.partition(":")
            if colon and name in _KEPT:  # continuation lines begin with a blank
                fields[name] = value.strip()
        if fields.get("Status", "").endswith(" installed") and "Version" in fields:
            package = Package(fields)
            packages[package.name] = (*packages.get(package.name, ()), package)
    return Installed(packages)
