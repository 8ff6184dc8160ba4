"""Why something is in an image: the shortest ways to it from what was asked for."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from herdbook.packages.control import Control


@dataclass(frozen=True)
class Need:
    """One thing needs another; `kind` is the field that says so.

    `wish` is what the field asks for, where that is more or other than the name of `target`:
    alternatives, a name that the target provides, or a range of versions.
    """

    source: str
    target: str
    kind: str
    wish: str = ""


@dataclass(frozen=True)
class Chain:
    """A way to a thing: what was asked for, who asked, and the needs that lead on from there."""

    asked: str
    by: tuple[str, ...]
    needs: tuple[Need, ...] = ()


Asked = Mapping[str, Sequence[str]]
"""What was asked for, by name, and who or what asked; the most telling ones first."""


def chains(needs: Iterable[Need], asked: Asked, target: str) -> tuple[Chain, ...]:
    """Return a shortest chain from everything asked for that leads to `target`, the shortest first.

    None leads through something else that was asked for: the chain from there says the same.
    """
    onwards = _onwards(needs, asked, target)
    found = [
        Chain(name, tuple(by), tuple(_followed(onwards, name, target)))
        for name, by in asked.items()
        if name in onwards or name == target
    ]
    return tuple(sorted(found, key=lambda chain: len(chain.needs)))


def _onwards(needs: Iterable[Need], asked: Asked, target: str) -> dict[str, Need]:
    """Return by name the next need on a shortest way to the target."""
    towards: dict[str, list[Need]] = {}
    for need in needs:
        towards.setdefault(need.target, []).append(need)
    onwards: dict[str, Need] = {}
    todo = deque([target])
    while todo:
        for need in towards.get(todo.popleft(), ()):
            if need.source in onwards or need.source == target:
                continue
            onwards[need.source] = need
            if need.source not in asked:
                todo.append(need.source)
    return onwards


def _followed(onwards: Mapping[str, Need], name: str, target: str) -> Iterator[Need]:
    while name != target:
        yield onwards[name]
        name = onwards[name].target


def asked_for(names: Iterable[str], needs: Iterable[Need]) -> list[str]:
    """Return the names that must have been asked for, as nothing else there accounts for them.

    These are those that no other needs, and those that need each other in a circle which nothing
    outside of it needs.
    """
    everything = list(names)
    needed: dict[str, set[str]] = {name: set() for name in everything}
    onwards: dict[str, set[str]] = {name: set() for name in everything}
    for need in needs:
        if need.source != need.target:
            needed[need.target].add(need.source)
            onwards[need.source].add(need.target)
    first = [name for name in everything if not needed[name]]
    left = set(everything) - _reached(first, onwards)
    circles = [
        name
        for name in everything
        if name in left and _reached([name], needed) <= _reached([name], onwards)
    ]
    return [*first, *circles]


def _reached(names: Iterable[str], onwards: Mapping[str, Iterable[str]]) -> set[str]:
    reached, todo = set[str](), list(names)
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += onwards[name]
    return reached


def debian_needs(controls: Iterable[Control]) -> list[Need]:
    """Return what installed packages need of each other (Debian Policy, chapter 7).

    Every installed package that fulfils a wish counts, be it one of its alternatives or a provider
    of one: dpkg would let none of them go that is the last.
    """
    installed = list(controls)
    providers = providers_of(installed)
    return [
        need
        for control in installed
        for kind, wishes in (("pre-depends", control.pre_depends), ("depends", control.depends))
        for wish in wishes
        for need in _fulfilled(control.name, kind, wish, providers)
    ]


def providers_of(controls: Iterable[Control]) -> dict[str, list[str]]:
    """Return by name the packages that answer to it, one of that very name first."""
    found: dict[str, list[str]] = {}
    for control in controls:
        found.setdefault(control.name, []).insert(0, control.name)
        for name in control.provides:
            if name != control.name:
                found.setdefault(name, []).append(control.name)
    return found


def _fulfilled(
    source: str, kind: str, wish: Sequence[str], providers: Mapping[str, Sequence[str]]
) -> Iterator[Need]:
    text = " | ".join(wish)
    targets = dict.fromkeys(name for each in wish for name in providers.get(each, ()))
    for target in targets:
        if target != source:
            yield Need(source, target, kind, "" if text == target else text)
