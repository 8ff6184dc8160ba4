"""Resolves `extends`: a service that takes over what another one says."""

from collections.abc import Callable
from pathlib import Path

from herdbook.compose.merging import merge
from herdbook.compose.tree import Node, mapping
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean

_LONGEST = 50
Opening = Callable[[Path], Node]
Step = tuple[Path, str]


def with_extended(document: Node, path: Path, opened: Opening) -> Node:
    """Return a document in long form whose services extend nothing any more.

    `opened` gives another file in long form. Raises InvalidInputError for cycles and for services
    that are not there, NotFoundError for files.
    """
    services = document.fields.get("services")
    if services is None or not any("extends" in each.fields for each in services.fields.values()):
        return document
    resolved = {name: _resolved(document, (path, name), (), opened) for name in services.fields}
    return document.with_field("services", mapping(resolved, services))


def _resolved(document: Node, step: Step, before: tuple[Step, ...], opened: Opening) -> Node:
    path, name = step
    service = document.fields["services"].fields[name]
    extends = service.fields.get("extends")
    if extends is None or not extends.fields:
        return service
    chain = (*before, step)
    base_path, base_document = path, document
    if file := extends.fields.get("file"):
        base_path = Path(file.text).resolve()
        if base_path != path:
            base_document = opened(base_path)
    base_name = _base_name(extends, base_document, base_path)
    if (base_path, base_name) in chain or len(chain) > _LONGEST:
        names = " → ".join(each for _, each in (*chain, (base_path, base_name)))
        raise InvalidInputError(
            f"The service {base_name!r} extends itself: {names}",
            hint="Take one `extends` out.",
            where=extends.where,
        )
    base = _resolved(base_document, (base_path, base_name), chain, opened)
    return merge(_without_extends(base), _without_extends(service), ("services", name))


def _base_name(extends: Node, document: Node, path: Path) -> str:
    written = extends.fields.get("service")
    if written is None:
        raise InvalidInputError("The key 'extends.service' is missing", where=extends.where)
    services = document.fields["services"].fields if "services" in document.fields else {}
    if written.text not in services:
        raise InvalidInputError(
            f"There is no service {written.text!r} to extend in {path.name}",
            hint=did_you_mean(written.text, services),
            where=written.where,
        )
    return written.text


def _without_extends(service: Node) -> Node:
    return service.changed({key: each for key, each in service.fields.items() if key != "extends"})
