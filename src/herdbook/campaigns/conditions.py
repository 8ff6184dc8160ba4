"""The conditions under which a rebase is safe, and what has to be done where one does not hold."""

from collections.abc import Iterable
from enum import StrEnum

from herdbook.packages.model import Frozen


class Way(StrEnum):
    """How an image follows a patch; each does all that the one before it does, and more.

    A rebase puts new layers under unchanged ones. A rebuild builds the image from its own lock, in
    which nothing but the patched packages is replaced. What is locked anew has its packages chosen
    by the solver as for any new build, so others may come along. One that cannot follow waits for
    what others have to do: somebody else's image below, for instance.
    """

    REBASE = "rebase"
    REBUILD = "rebuild"
    RELOCK = "lock anew"
    WAIT = "wait"


class Condition(StrEnum):
    """What must hold for a rebase; the values name it in proofs and reports."""

    SAME_SOURCE = "same source"
    NEWER = "newer version"
    RELATIONS = "relations"
    PATHS = "paths"
    LIBRARIES = "libraries"
    SYMBOLS = "symbols"
    SCRIPTS = "maintainer scripts"
    CONFFILES = "conffiles"
    TRIGGERS = "triggers"
    DATABASE = "database entry"
    BYTECODE = "bytecode"
    CONFIGURED = "configured files"
    EMBEDDED = "embedded copies"
    OPAQUE = "opaque layers"
    ALLOWED = "allowed by the recipe"
    LANGUAGE = "Python packages"
    PARENT = "the image below"
    LONG_WAY = "built the long way"


class Finding(Frozen):
    """What was found of one condition, in words for people.

    `way` is the mildest way that is left; it is REBASE where the condition holds.
    """

    condition: Condition
    way: Way
    words: str

    @property
    def holds(self) -> bool:
        """Whether the condition holds."""
        return self.way is Way.REBASE


def way_of(findings: Iterable[Finding]) -> Way:
    """Return the mildest way that all findings leave."""
    return max((each.way for each in findings), key=list(Way).index, default=Way.REBASE)
