"""Reads OpenVEX documents (https://github.com/openvex/spec): which findings matter, and why."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from herdbook.core.errors import InvalidInputError
from herdbook.trust.advisories import Product, Statement, VexStatus
from herdbook.trust.foreign_json import AGAIN, ForeignModel, Name, Several, checked, one_line


def _in_utc(text: str) -> str:
    """Return a time (RFC 3339) so that sorting it as text sorts it by time."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return f"{aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    except OverflowError as error:
        raise ValueError(str(error)) from error


_Time = Annotated[Name, AfterValidator(_in_utc)]


class _Identifiers(ForeignModel):
    purl: Name | None = None


class _Component(ForeignModel):
    id: Name | None = Field(default=None, alias="@id")
    identifiers: _Identifiers | None = None
    subcomponents: "Several[Name | _Component]" = ()


class _Vulnerability(ForeignModel):
    name: Name | None = None
    id: Name | None = Field(default=None, alias="@id")
    aliases: Several[Name] = ()


class _Statement(ForeignModel):
    vulnerability: Name | _Vulnerability
    products: Several[Name | _Component] = ()
    subcomponents: Several[Name | _Component] = ()
    status: Literal["not_affected", "affected", "fixed", "under_investigation"]
    justification: Name | None = None
    impact_statement: str | None = None
    action_statement: str | None = None
    status_notes: str | None = None
    timestamp: _Time | None = None
    last_updated: _Time | None = None


class _Document(ForeignModel):
    author: Name
    timestamp: _Time | None = None
    statements: list[_Statement]


def looks_like_vex(document: object) -> bool:
    """Whether a document bears the marks of OpenVEX."""
    return (
        isinstance(document, dict)
        and "statements" in document
        and "openvex" in str(document.get("@context", "")).lower()
    )


def read_vex(document: object, skipped: Counter[str], where: str) -> tuple[Statement, ...]:
    """Return a document's statements; one that names no product counts as skipped.

    Raises InvalidInputError for what is no such document, and for a statement that says neither
    when it was made nor, where nothing is affected, why.
    """
    read = checked(_Document, document, "OpenVEX document", where)
    statements = []
    for number, said in enumerate(read.statements):
        statement = _statement(said, read, f"{where}: statement {number + 1}")
        if statement.products:
            statements.append(statement)
        else:
            skipped["statement without a product"] += 1
    return tuple(statements)


def _statement(said: _Statement, document: _Document, where: str) -> Statement:
    timestamp = said.last_updated or said.timestamp or document.timestamp
    if timestamp is None:
        raise InvalidInputError(
            "This statement does not say when it was made", hint=AGAIN, where=where
        )
    explanation = said.impact_statement or said.action_statement or said.status_notes or ""
    if said.status == "not_affected" and not (said.justification or explanation):
        raise InvalidInputError(
            "This statement says `not_affected`, but not why",
            hint="Give it a justification or an impact_statement.",
            where=where,
        )
    outer = tuple(filter(None, map(_identifier, said.subcomponents)))
    return Statement(
        vulnerabilities=_vulnerabilities(said.vulnerability, where),
        products=tuple(filter(None, (_product(each, outer) for each in said.products))),
        status=VexStatus(said.status),
        timestamp=timestamp,
        author=one_line(document.author),
        justification=said.justification or "",
        explanation=one_line(explanation),
    )


def _vulnerabilities(said: str | _Vulnerability, where: str) -> tuple[str, ...]:
    if isinstance(said, str):
        return (said,)
    name = said.name or (said.id or "").rpartition("/")[2]
    if not name:
        raise InvalidInputError("This statement names no vulnerability", hint=AGAIN, where=where)
    return tuple(dict.fromkeys((name, *said.aliases)))


def _product(said: str | _Component, outer: tuple[str, ...]) -> Product | None:
    """Return a product; `outer` are subcomponents as the first draft of OpenVEX gave them."""
    identifier = _identifier(said)
    if not identifier:
        return None
    own = () if isinstance(said, str) else tuple(filter(None, map(_identifier, said.subcomponents)))
    return Product(identifier, own or outer)


def _identifier(said: str | _Component) -> str:
    if isinstance(said, str):
        return said
    purl = said.identifiers.purl if said.identifiers else None
    return purl or said.id or ""
