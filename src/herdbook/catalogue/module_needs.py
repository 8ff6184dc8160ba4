"""What the Python and npm packages of an image need of each other, as their own files say."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from herdbook.catalogue.reasons import Need

_WISHES = ("dependencies", "optionalDependencies", "peerDependencies")


@dataclass(frozen=True)
class Distribution:
    """An installed Python package: its canonical name, what it requires, and its extras.

    `requires` and `extras` are what `Requires-Dist` and `Provides-Extra` say.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeModule:
    """An installed npm package by path, such as `node_modules/a/node_modules/b`.

    `wishes` are (field, name, range) of all that its package.json asks for.
    """

    path: str
    name: str
    version: str
    wishes: tuple[tuple[str, str, str], ...] = ()


def distribution_of(metadata: bytes) -> Distribution:
    """Return what a METADATA file says (core metadata specifications)."""
    fields, _ = parse_email(metadata.decode(errors="replace"))
    return Distribution(
        canonicalize_name(fields.get("name", "")),
        fields.get("version", ""),
        tuple(fields.get("requires_dist", ())),
        tuple(fields.get("provides_extra", ())),
    )


def node_wishes_of(described: bytes) -> tuple[tuple[str, str, str], ...]:
    """Return what a package.json asks for; nothing where it is broken: Node does without it."""
    try:
        content = json.loads(described)
    except (ValueError, RecursionError):
        return ()
    fields = content if isinstance(content, dict) else {}
    found = {field: fields.get(field) for field in _WISHES}
    return tuple(
        (field, str(name), str(wish))
        for field, wishes in found.items()
        if isinstance(wishes, dict)
        for name, wish in wishes.items()
    )


def marker_environment(python: str) -> dict[str, str]:
    """Return what markers are held against (PEP 508): Debian's CPython, such as `3.11.2`."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
    }


def python_needs(
    distributions: Sequence[Distribution], environment: Mapping[str, str]
) -> list[Need]:
    """Return what packages need of each other; an extra counts once another package asks for it."""
    named = {each.name: each for each in distributions}
    extras: dict[str, set[str]] = {name: {""} for name in named}
    while True:
        found = [
            (each.name, wish)
            for each in distributions
            for wish in _wishes(each, environment, extras[each.name])
            if canonicalize_name(wish.name) in named
        ]
        before = sum(map(len, extras.values()))
        for _, wish in found:
            extras[canonicalize_name(wish.name)].update(wish.extras)
        if sum(map(len, extras.values())) == before:
            return list(dict.fromkeys(_python_need(name, wish) for name, wish in found))


def extras_that_bring(
    name: str, distributions: Iterable[Distribution], environment: Mapping[str, str]
) -> list[str]:
    """Return by which extras, such as `uvicorn[standard]`, a package may have been asked for."""
    found = []
    for each in distributions:
        plain = {str(wish) for wish in _wishes(each, environment, {""})}
        for extra in each.extras:
            wishes = _wishes(each, environment, {extra})
            if any(canonicalize_name(w.name) == name and str(w) not in plain for w in wishes):
                found.append(f"{each.name}[{extra}]")
    return found


def _wishes(
    distribution: Distribution, environment: Mapping[str, str], extras: Iterable[str]
) -> Iterator[Requirement]:
    for wish in _read(distribution.requires):
        if wish.marker is None or any(_holds(wish, environment, extra) for extra in extras):
            yield wish


def _holds(wish: Requirement, environment: Mapping[str, str], extra: str) -> bool:
    try:
        return wish.marker is None or wish.marker.evaluate({**environment, "extra": extra})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return False


def _read(lines: Iterable[str]) -> Iterator[Requirement]:
    """Read requirements; a line that is none was not heeded by the installer either."""
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _python_need(source: str, wish: Requirement) -> Need:
    target = canonicalize_name(wish.name)
    extras = f"[{','.join(sorted(wish.extras))}]" if wish.extras else ""
    text = f"{target}{extras}{wish.specifier}"
    return Need(source, target, "requires", "" if text == target else text)


def node_needs(modules: Iterable[NodeModule]) -> list[Need]:
    """Return by path what packages need of each other, each found where Node would find it."""
    everything = {each.path: each for each in modules}
    needs = [
        Need(path, found, kind, wish)
        for path, module in everything.items()
        for kind, name, wish in module.wishes
        if (found := _found(path, name, everything)) not in ("", path)
    ]
    needed = {need.target for need in needs}
    for path in sorted(everything.keys() - needed):
        above = path.rpartition("/node_modules/")[0]
        if above in everything:
            needs.append(Need(above, path, "bundles"))
    return needs


def _found(path: str, name: str, everything: Mapping[str, NodeModule]) -> str:
    """Return where the package at `path` finds another one, looking from the inside out."""
    folder = path
    while True:
        place = f"{folder}/node_modules/{name}".lstrip("/")
        if place in everything:
            return place
        if not folder:
            return ""
        folder = folder.rpartition("node_modules/")[0].rstrip("/")
