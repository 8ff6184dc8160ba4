"""Reads an application: its Compose files in, a plain and fully resolved model out."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from herdbook.compose.loading import Loaded, load
from herdbook.compose.model import DEFAULT_NETWORK, Application, Reading, Service
from herdbook.compose.references import check_references, with_dependencies
from herdbook.compose.resources import (
    read_networks,
    read_sources,
    read_volumes,
    with_default_network,
)
from herdbook.compose.selecting import enabled
from herdbook.compose.services import read_service
from herdbook.compose.unsupported import find_unsupported
from herdbook.compose.values import Value
from herdbook.compose.wish_reading import read_wishes
from herdbook.compose.wishes import ApplicationWishes


def read_application(
    paths: Sequence[Path],
    *,
    environment: Mapping[str, str],
    profiles: Collection[str] = (),
    services: Collection[str] = (),
    project: str = "",
) -> Reading:
    """Read an application from Compose files, later ones over earlier ones, or from a folder.

    `environment` is what variables are taken from, before `.env` beside the first file. Services
    are enabled by `profiles` (`*` for all), or by being named in `services`, which leaves nothing
    out. `project` is the application's name, before COMPOSE_PROJECT_NAME, `name:` and the folder.

    Raises NotFoundError for files and InvalidInputError with file, line and what was meant.
    """
    loaded = load(paths, environment, project)
    root = Value(loaded.root, "")
    wishes = read_wishes(root, ApplicationWishes)
    if root.get("services") is None:
        raise root.refusal("No service is declared", "Begin with `services:`.")
    written = root.part("services").node.fields
    chosen = enabled(written, profiles, services, loaded.variables)
    read = {
        name: read_service(name, value, loaded.variables, wishes)
        for name, value in root.part("services").fields()
        if name in chosen and not value.get("provider")
    }
    application = _application(loaded, root, with_dependencies(read, written), wishes)
    check_references(application, written)
    return Reading(application, find_unsupported(root, chosen), loaded.unset)


def _application(
    loaded: Loaded, root: Value, services: Mapping[str, Service], wishes: ApplicationWishes
) -> Application:
    used = any(DEFAULT_NETWORK in service.networks for service in services.values())
    whole = with_default_network(root, used)
    return Application(
        name=loaded.name,
        folder=loaded.folder,
        services=services,
        networks=read_networks(whole, loaded.name),
        volumes=read_volumes(whole, loaded.name),
        secrets=read_sources(whole, "secrets", loaded.name, loaded.variables),
        configs=read_sources(whole, "configs", loaded.name, loaded.variables),
        herdbook=wishes,
    )
