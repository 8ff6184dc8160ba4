"""Commands about the audit: ls, verify, export."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.digests import parse, short
from herdbook.core.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from herdbook.audit.chain import Head, Record

_EXPORT = "Give what was exported: herdbook audit export > FILE"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[\d:.]*(Z|\+00:00)")
_HEAD = re.compile(r"([0-9]{1,9}):(sha256:[0-9a-f]{64})")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    audit = typer.Typer(help="See who did what, and prove it.", no_args_is_help=True)
    audit.command()(ls)
    audit.command()(verify)
    audit.command()(export)
    app.add_typer(audit, name="audit")


def ls(
    newest: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was done last, and by whom."""
    from herdbook.cli.channels.shapes import record_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = list(open_session(output).audit.records(newest=newest))
    if as_json:
        output.json([record_shape(each) for each in found])
        return
    if not found:
        output.note("Nothing was done yet that is written down.")
        return
    output.table(
        ["#", "when", "who", "did", "to", "details"],
        [
            [
                str(each.number),
                f"{each.at:%Y-%m-%d %H:%M}",
                each.who,
                each.verb,
                each.subject,
                _details(each),
            ]
            for each in found
        ],
    )


def _details(record: "Record") -> str:
    told = ((name, _told(each)) for name, each in record.details.items() if name != "digest")
    return "; ".join(f"{name} {words}" for name, words in told if words)


def _told(detail: object) -> str:
    """Return a detail as people read it: a date without its seconds, a digest's beginning."""
    if isinstance(detail, bool):
        return "yes" if detail else "no"
    if isinstance(detail, Mapping):
        told = ((name, _told(each)) for name, each in detail.items())
        return ", ".join(f"{name} {words}" for name, words in told if words)
    if isinstance(detail, list):
        return ", ".join(map(_told, detail))
    text = str(detail or "")
    if (digest := parse(text)) is not None:
        return short(digest)
    return f"{text[:10]} {text[11:16]}" if _TIME.fullmatch(text) else text


def verify(
    file: Annotated[
        Path | None, typer.Option(help="What was exported, in place of the register.")
    ] = None,
    head: Annotated[
        str, typer.Option(help="The end that was noted when it was verified last.", metavar="HEAD")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Prove that nothing in the audit was changed, cut out or moved."""
    from herdbook.actions.verify_audit import verify_audit, verify_export
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    noted = head_of(head) if head else None
    if file is not None:
        found = verify_export(_lines(file), noted)
    else:
        found = verify_audit(open_session(output), noted)
    if as_json:
        output.json({"records": found.number, "head": str(found)})
        return
    output.text(f"{found.number} records are as they were written")
    output.text(f"head {found}")
    output.note("Note the head elsewhere: with --head, it proves next time that nothing is cut off")


def head_of(text: str) -> "Head":
    """Return a head as people note it; raises InvalidInputError."""
    from herdbook.audit.chain import Head
    from herdbook.core.digests import Digest

    match = _HEAD.fullmatch(text)
    if match is None:
        raise InvalidInputError(
            f"{text!r} is no head of an audit", hint="It is what `herdbook audit verify` prints."
        )
    return Head(number=int(match[1]), digest=Digest(match[2]))


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8") as stream:
            yield from stream
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}", hint=_EXPORT) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file} is no text", hint=_EXPORT, where=str(file)) from error


def export(as_json: AsJson = False) -> None:
    """Print all records, one JSON document on each line, for keeping elsewhere."""
    del as_json  # it is JSON in any case
    from herdbook.cli.channels.shapes import record_shape
    from herdbook.cli.session import open_session

    for record in open_session(Output(as_json=True)).audit.records():
        sys.stdout.write(json.dumps(record_shape(record), sort_keys=True) + "\n")
