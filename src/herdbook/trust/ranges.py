"""Decides for one version whether a range of affected versions holds it."""

from enum import StrEnum

from herdbook.trust.advisories import BEGINNING, AffectedRange, RangeStatus
from herdbook.trust.version_order import compare_versions, is_version


class State(StrEnum):
    """What is known of one version and one vulnerability.

    `fixed` is at or above the version with the fix. `undetermined` is what nobody can say: its
    publisher has not decided, or versions cannot be compared. It is never to be taken for clean.
    """

    AFFECTED = "affected"
    UNDETERMINED = "undetermined"
    FIXED = "fixed"
    NOT_AFFECTED = "not-affected"


WORST_FIRST = (State.AFFECTED, State.UNDETERMINED, State.FIXED, State.NOT_AFFECTED)
"""Where several ranges of an advisory speak of a package, the first of these holds."""


def state_in(affected: AffectedRange, version: str) -> State:
    """Return what a range says of a version of its package (and suite)."""
    if affected.status is RangeStatus.NOT_AFFECTED:
        return State.NOT_AFFECTED
    if affected.status is RangeStatus.UNDETERMINED:
        return State.UNDETERMINED
    if affected.versions:
        return _in_list(affected, version)
    return _within(affected, version)


def _in_list(affected: AffectedRange, version: str) -> State:
    if version in affected.versions:
        return State.AFFECTED
    if not is_version(affected.ecosystem, version):
        return State.UNDETERMINED
    orders = (compare_versions(affected.ecosystem, version, each) for each in affected.versions)
    return State.AFFECTED if 0 in orders else State.NOT_AFFECTED  # 1.0 is 1.0.0 for Python


def _within(affected: AffectedRange, version: str) -> State:
    if affected.introduced != BEGINNING:
        order = compare_versions(affected.ecosystem, version, affected.introduced)
        if order is None or order < 0:
            return State.UNDETERMINED if order is None else State.NOT_AFFECTED
    if affected.fixed:
        order = compare_versions(affected.ecosystem, version, affected.fixed)
        return _beyond(order, State.FIXED, reached=0)
    if affected.last_affected:
        order = compare_versions(affected.ecosystem, version, affected.last_affected)
        return _beyond(order, State.NOT_AFFECTED, reached=1)
    return State.AFFECTED


def _beyond(order: int | None, state: State, reached: int) -> State:
    """Return `state` where a version's order to the end of its range has reached a number."""
    if order is None:
        return State.UNDETERMINED
    return state if order >= reached else State.AFFECTED
