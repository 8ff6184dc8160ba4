"""Proves that the audit is as it was written, in the register or in what was exported from it."""

from collections.abc import Iterable, Iterator
from contextlib import closing

from pydantic import ValidationError

from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Head, Record, verify
from herdbook.core.errors import VerificationError


def verify_audit(workshop: Workshop, noted: Head | None = None) -> Head:
    """Return the head of the register's audit; see `verify_export` for what is raised.

    Its end is sealed, so that it is known without `noted`, but for somebody who has an older seal.
    """
    audit = workshop.audit
    head = audit.head()
    with closing(audit.records()) as records:
        last = _verified(records, noted)
    while last.number > head.number and (now := audit.head()).number >= last.number:
        # Others went on meanwhile: what they added is read, too.
        with closing(audit.records(last.number)) as records:
            head, last = now, verify(records, None, last)
    if not head.number and workshop.channels.every():
        raise VerificationError(
            "The audit is empty, and yet channels were moved",
            hint="Somebody has removed it: lay back a backup of the database.",
        )
    return verify((), head, last)


def verify_export(lines: Iterable[str], noted: Head | None = None) -> Head:
    """Return the head of an exported audit.

    Raises VerificationError that names the first record that is wrong, or where the record that
    was noted as the last one is not there as it was.
    """
    return _verified(_records(lines), noted)


def _verified(records: Iterator[Record], noted: Head | None) -> Head:
    if noted is None or not noted.number:
        return verify(records, None)
    before = verify(_first(records, noted.number), noted)
    return verify(records, None, before)


def _first(records: Iterator[Record], number: int) -> Iterator[Record]:
    """Yield records up to a number, and leave the others where they are."""
    for record in records:
        yield record
        if record.number >= number:
            return


def _records(lines: Iterable[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        try:
            yield Record.model_validate_json(line)
        except ValidationError as error:
            raise VerificationError(
                f"Line {number} is no record of an audit",
                hint="Give what was exported: herdbook audit export > FILE",
            ) from error
