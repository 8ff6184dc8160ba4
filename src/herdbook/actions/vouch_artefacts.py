"""Signs what a machine boots from when it is rendered, and checks that whenever one starts.

A container's image is imported by its engine, which checks every digest; of a machine's kernel,
initrd and disks only these statements tell whether they are as they were rendered.
"""

from collections.abc import Sequence
from pathlib import Path

from herdbook.actions.check_genuine import digest_at
from herdbook.actions.workshop import Workshop
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.core.whole_files import write_whole
from herdbook.signatures.checking import check_signature
from herdbook.signatures.envelopes import parse_envelope
from herdbook.signatures.statements import statement, subjects_of

_RENDERED = "urn:herdbook:rendered:1"
"""The type of a statement that files were rendered from what has that digest."""

_EVERY_IMAGE = "*"
"""Only a key that counts for all images is one that renders here."""


def vouch_for_artefacts(
    workshop: Workshop, source: Digest, record: Path, files: Sequence[Path]
) -> None:
    """Sign files that were just rendered from verified layers: `record` is written last of all."""
    payload = _statement(source, files)
    write_whole(record, workshop.keys.sign(lambda _: payload).render())


def refuse_changed_artefacts(
    workshop: Workshop, source: Digest, record: Path, files: Sequence[Path]
) -> None:
    """Raise VerificationError where a file is not as it was rendered from that source."""
    envelope = parse_envelope(record.read_bytes())
    signature = check_signature(workshop.keys.ring(), _EVERY_IMAGE, envelope)
    if signature.fault:
        raise _changed(record, f"of what it boots from, {signature.fault}")
    try:
        payload = _statement(source, files)
    except FileNotFoundError as error:
        raise NotFoundError(f"{error.filename} is gone", hint=_remedy(record)) from error
    if payload != envelope.payload:
        stated, now = subjects_of(envelope.payload), subjects_of(payload)
        other = [name for name, each in now.items() if stated.get(name) != each]
        raise _changed(record, f"{', '.join(other)}: not as rendered" if other else "of another")


def _statement(source: Digest, files: Sequence[Path]) -> bytes:
    subjects = {each.name: digest_at(each) for each in files}
    return statement(subjects, _RENDERED, {"source": source})


def _changed(record: Path, words: str) -> VerificationError:
    return VerificationError(
        f"What the machine boots from was changed: {words}",
        hint=_remedy(record),
        where=str(record.parent),
    )


def _remedy(record: Path) -> str:
    return f"Find out by whom; it is rendered anew where you remove {record}"
