"""What a rule is that explains a difference, and what it can ask of both roots."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from comparing import Aspect, Finding
from roots import Root

from herdbook.layers.owned import merged_path


@dataclass(frozen=True)
class Case:
    """A difference with the roots it was found in, and the day of the suite's release."""

    finding: Finding
    ours: Root
    theirs: Root
    epoch: int


@dataclass(frozen=True)
class Rule:
    """Differences in one aspect of some paths that are all right, if `holds` for them."""

    pattern: str
    aspect: Aspect
    because: str
    holds: Callable[[Case], bool] = lambda _: True

    def explains(self, case: Case) -> bool:
        """Whether this is such a difference."""
        finding = case.finding
        return (
            finding.aspect is self.aspect
            and _matches(finding.path, self.pattern)
            and self.holds(case)
        )


def _matches(path: str, pattern: str) -> bool:
    """Match a path part by part: a star stops at a slash, two of them do not."""
    if pattern.startswith("**"):
        return path.endswith(pattern.removeprefix("**"))
    parts, wanted = path.split("/"), pattern.split("/")
    if wanted[-1] == "**":
        wanted, parts = wanted[:-1], parts[: len(wanted) - 1]
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def same(normalise: Callable[[bytes, Root], object]) -> Callable[[Case], bool]:
    """Say that contents are equal once they are normalised, each by what its root knows."""

    def holds(case: Case) -> bool:
        path = case.finding.path
        return normalise(case.ours.content(path), case.ours) == normalise(
            case.theirs.content(path), case.theirs
        )

    return holds


def made_by_the_build(case: Case) -> bool:
    """The path has the day of the release here, and is not where a package put it."""
    path = case.finding.path
    return case.ours.tree[path].mtime == case.epoch and path not in case.ours.shipped


def made_by_mmdebstrap(case: Case) -> bool:
    """The path was made during the installation there."""
    return case.theirs.tree[case.finding.path].mtime == case.epoch


def same_size(case: Case) -> bool:
    """Contents have the same number of bytes."""
    path = case.finding.path
    return case.ours.tree[path].size == case.theirs.tree[path].size


def same_file_in_usr(case: Case) -> bool:
    """Two links lead to one file, by /lib and by /usr/lib."""
    ours, theirs = (each.removeprefix("/") for each in (case.finding.ours, case.finding.theirs))
    return merged_path(ours) == merged_path(theirs)


def empty_there(case: Case) -> bool:
    """The file that is missing here has nothing in it there."""
    return case.theirs.tree[case.finding.path].size == 0


def rules(aspect: Aspect, because: str, *patterns: str) -> Iterable[Rule]:
    """Several paths for one reason."""
    return (Rule(pattern, aspect, because) for pattern in patterns)
