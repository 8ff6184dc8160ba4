"""Commands about the server's own registry: registry, registry trust."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.errors import EngineError, InvalidInputError

if TYPE_CHECKING:
    from herdbook.api.answering import Answers
    from herdbook.server.settings import Settings

_START = "herdbook serve --listen 127.0.0.1:5000"

registry_commands = typer.Typer(
    name="registry", help="The server's own registry: where it is, and how to use it."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    registry_commands.callback(invoke_without_command=True)(show)
    registry_commands.command()(trust)
    app.add_typer(registry_commands)


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Say whether images are given out as by a registry, at which address, and how to use it."""
    if context.invoked_subcommand:
        return
    from herdbook.api.answering import answers_now
    from herdbook.api.podman_trust import is_trusted
    from herdbook.server.settings import load_settings

    output, settings = Output(as_json=as_json), load_settings()
    found = answers_now(settings)
    trusted = is_trusted(found.port) if found.local and not found.tls else None
    if as_json:
        output.json(_shape(found, trusted=trusted))
        return
    for line in _lines(settings, found, trusted=trusted):
        output.text(line)


def trust(
    remove: Annotated[bool, typer.Option("--remove", help="Take it back.")] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Its port, where no server runs.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Have Podman on this machine accept the server's registry over plain HTTP."""
    from herdbook.api import podman_trust
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)
    number = port or _port(load_settings())
    act = podman_trust.distrust if remove else podman_trust.trust
    changed = act(number)
    path = podman_trust.trust_file(number)
    if as_json:
        output.json({"file": str(path), "trusted": not remove, "changed": changed})
        return
    places = f"localhost:{number} and 127.0.0.1:{number}"
    does = "no longer accepts" if remove else "accepts"
    output.text(f"Podman {does} {places} over HTTP: {path} {'is gone' if remove else 'says so'}")


def _port(settings: "Settings") -> int:
    from herdbook.api.answering import answers_now
    from herdbook.api.listening import listening

    found = answers_now(settings)
    wanted = listening(settings)
    if found.tls or (wanted and wanted.tls):
        raise InvalidInputError(
            "The server speaks TLS: there is nothing to accept over HTTP",
            hint="Lay the certificate's authority into /etc/containers/certs.d/HOST:PORT/ca.crt.",
        )
    port = found.port or (wanted.port if wanted else 0)
    if not port:
        raise EngineError("The server gives out no images", hint=f"Let it: {_START}")
    return port


def _lines(settings: "Settings", found: "Answers", *, trusted: bool | None) -> list[str]:
    if not found.port:
        why = found.trouble or (
            "HERDBOOK_LISTEN is set, but no server runs"
            if settings.listen
            else "nobody asked for it"
        )
        return [f"not served: {why}", f"next: {_START}"]
    place = found.place
    lines = [f"served at {'https' if found.tls else 'http'}://{place}/v2/"]
    if trusted is False:
        lines.append("Podman asks for TLS even here, until: herdbook registry trust")
    if found.login:
        lines.append(f"It asks who reads: podman login {place}")
    elif not found.local:
        lines.append("It asks who reads as soon as anybody was granted a role: herdbook role ls")
    return [
        *lines,
        "",
        f"podman pull {place}/IMAGE:NUMBER      # or :CHANNEL, such as :production",
        f"skopeo list-tags {'' if found.tls else '--tls-verify=false '}docker://{place}/IMAGE",
    ]


def _shape(found: "Answers", *, trusted: bool | None) -> dict[str, Any]:
    return {
        "served": bool(found.port),
        "address": found.place or None,
        "tls": found.tls,
        "trusted": trusted,
        "trouble": found.trouble or None,
        "login": found.login,
    }
