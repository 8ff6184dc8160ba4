"""Commands about instances: run, ps, logs, stop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_application, complete_instance
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, human_seconds
from herdbook.core.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from herdbook.fleet.instances import Seen
    from herdbook.fleet.records import Instance

_READY_LIMIT_SECONDS = 120.0
_PAIR = 2
_LAST_PORT = 65535


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(run)
    app.command()(ps)
    app.command()(logs)
    app.command()(stop)


def run(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    image: ImageName,
    variant: Annotated[
        str | None, typer.Option(help="container or vm; the first one built by default.")
    ] = None,
    name: Annotated[str, typer.Option(help="The instance's name.")] = "",
    publish: Annotated[
        list[str], typer.Option("--publish", "-p", metavar="HOST:PORT", help="A port to bind.")
    ] = [],  # noqa: B006 - typer copies it
    env: Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="A setting.")] = [],  # noqa: B006
    secret: Annotated[
        list[str], typer.Option(metavar="NAME=FILE", help="A file only the service can read.")
    ] = [],  # noqa: B006
    memory: Annotated[str, typer.Option(help="Memory, such as 512M.")] = "",
    cpus: Annotated[int, typer.Option(help="Processors.", min=0)] = 0,
    disk: Annotated[
        bool, typer.Option("--disk", help="Boot a VM from its whole disk through UEFI.")
    ] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait until it answers; 0 to not wait.", min=0)
    ] = _READY_LIMIT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Start an instance and wait until its service answers."""
    from herdbook.actions.name_version import version_meant
    from herdbook.actions.run import Wish
    from herdbook.actions.run import run as act
    from herdbook.catalogue.names import variant_kind, variant_of
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import instance_shape
    from herdbook.server.parts import host_network

    output = Output(as_json=as_json)
    wish = Wish(
        name=name,
        ports=dict(_ports(text) for text in publish),
        environment=dict(_pair(text, "--env", "NAME=VALUE") for text in env),
        secrets=dict(_secret(text) for text in secret),
        memory_bytes=_memory(memory),
        cpus=cpus,
        whole_disk=disk,
    )
    workshop = open_session(output)
    version = version_meant(workshop, image)
    chosen = variant_of(version, variant_kind(variant))
    started = act(workshop, host_network(), version, chosen, wish, wait)
    if as_json:
        ready = started.ready_seconds is not None
        shape = instance_shape(started.seen, ready or None)
        output.json({**shape, "ready_seconds": started.ready_seconds})
        return
    seen = started.seen
    addresses = ", ".join(f"http://{port.host_address}:{port.host_port}/" for port in seen.ports)
    how = f" on {seen.engine}" + (f" ({seen.accelerator})" if seen.accelerator else "")
    after = f", ready after {human_seconds(started.ready_seconds)}" if started.ready_seconds else ""
    output.text(f"{seen.name} runs {version.label}{how}{after}")
    if addresses:
        output.text(addresses)


def ps(
    application: Annotated[
        str,
        typer.Argument(
            metavar="[APPLICATION]", show_default=False, autocompletion=complete_application
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List instances, running or not: all of them, or those of one application."""
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import instance_shape
    from herdbook.fleet.readiness import ready
    from herdbook.server.parts import host_network

    output = Output(as_json=as_json)
    workshop, network = open_session(output), host_network()
    if application:
        from herdbook.actions.find_application import application_named

        application_named(workshop, application)
    found = [
        (seen, ready(network, seen))
        for engine in workshop.engines.values()
        for seen in engine.observe()
        if application in {"", seen.owner}
    ]
    records = {
        record.name: record
        for owner in sorted({seen.owner for seen, _ in found if seen.owner})
        for record in workshop.fleet.instances(owner)
    }
    if as_json:
        output.json(
            [instance_shape(seen, is_ready, records.get(seen.name)) for seen, is_ready in found]
        )
        return
    if not found:
        output.note("Nothing runs. Start something with: herdbook run IMAGE, or herdbook up")
        return
    output.table(
        ["instance", "image", "engine", "state", "address"],
        [_row(seen, is_ready, records.get(seen.name)) for seen, is_ready in found],
    )


def _row(seen: "Seen", is_ready: bool | None, record: "Instance | None") -> list[str]:
    words = {True: "ready", False: "starting", None: "running"}
    state = seen.state.value
    addresses = [f"{port.host_address}:{port.host_port}" for port in seen.ports]
    if record is not None:
        addresses = [str(address) for address in record.addresses.values()]
    if state == "running":
        state = record.role.value if record else words[is_ready]
    number = f":{seen.origin.number}" if seen.origin.number else ""
    return [
        seen.name,
        f"{seen.origin.image}{number}",
        seen.engine + (f" ({seen.accelerator})" if seen.accelerator else ""),
        state,
        ", ".join(addresses) or seen.reason,
    ]


def logs(
    instance: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An instance, an application, or APPLICATION/SERVICE.",
            autocompletion=complete_instance,
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what the service of an instance wrote, or those of an application."""
    from herdbook.actions.stop import engine_of
    from herdbook.cli.applications.lines import application_lines
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    application, _, service = instance.partition("/")
    if workshop.fleet.find(application) is not None:
        found = application_lines(workshop, application, service, follow=follow)
        if as_json:
            named = [{"instance": name, "line": line} for name, line in found]
            output.json({"application": application, "lines": named})
            return
        for name, line in found:
            typer.echo(f"{name}: {line}")
        return
    lines = engine_of(workshop, instance).logs(instance, follow=follow)
    if as_json:
        output.json({"instance": instance, "lines": list(lines)})
        return
    for line in lines:
        typer.echo(line)


def stop(
    instances: Annotated[
        list[str], typer.Argument(metavar="INSTANCE...", autocompletion=complete_instance)
    ] = [],  # noqa: B006 - typer copies it
    everything: Annotated[bool, typer.Option("--all", help="Every instance.")] = False,
    grace: Annotated[float, typer.Option(help="Seconds before force is used.", min=0)] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Stop instances and remove what they left."""
    from herdbook.actions.stop import stop as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    if not instances and not everything:
        raise InvalidInputError("Nothing was named", hint="Name instances, or say --all.")
    stopped = act(open_session(output), None if everything else instances, grace)
    if as_json:
        output.json({"stopped": stopped})
    else:
        output.text(f"stopped {', '.join(stopped)}" if stopped else "nothing ran")


def _ports(text: str) -> tuple[int, int]:
    host, _, inside = text.partition(":")
    if not all(port.isdecimal() and 0 < int(port) <= _LAST_PORT for port in (host, inside)):
        raise InvalidInputError(
            f"--publish {text!r} is not understood", hint="Write HOST:PORT, such as 8080:80."
        )
    return int(inside), int(host)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    parts = text.split("=", 1)
    if len(parts) != _PAIR or not parts[0]:
        raise InvalidInputError(f"{option} {text!r} is not understood", hint=f"Write {form}.")
    return parts[0], parts[1]


def _secret(text: str) -> tuple[str, bytes]:
    name, path = _pair(text, "--secret", "NAME=FILE")
    try:
        return name, Path(path).read_bytes()
    except OSError as error:
        raise NotFoundError(f"The secret {name} cannot be read: {error.strerror}") from error


def _memory(text: str) -> int:
    from herdbook.recipes.model import size_in_bytes

    size = size_in_bytes(text) if text else 0
    if not isinstance(size, int):
        raise InvalidInputError(f"--memory {text!r} is not a size", hint="Write 512M or 4G.")
    return size
