"""Works out how a recipe's service runs in an image: program, environment, user."""

from dataclasses import replace

from herdbook.builds import node_modules
from herdbook.builds.accounts import Account
from herdbook.builds.placing import resolve
from herdbook.builds.virtual_environment import BIN
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean
from herdbook.images.documents import SERVICE_PATH, Process
from herdbook.layers.tree import Entry, Kind, Tree
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile


def search_path(recipe: Recipe, below: str = SERVICE_PATH) -> str:
    """Return the PATH of the service and of `run` steps, given that of the image below."""
    before = [BIN] if recipe.python else []
    before += [node_modules.BIN] if recipe.node else []
    there = below.split(":")
    return ":".join([*(each for each in before if each not in there), *there])


def process(recipe_file: RecipeFile, root: Tree, account: Account, below: Process) -> Process:
    """Return the service with every path absolute and known to exist in the image.

    `below` is the process of the image this one is made from: it runs if the recipe has no
    service, and its environment holds where the recipe does not say otherwise. Raises
    InvalidInputError for a program or a folder that is not there.
    """
    recipe = recipe_file.recipe
    service = recipe.service
    path = search_path(recipe, below.environment.get("PATH", SERVICE_PATH))
    environment = {**below.environment, "PATH": path}
    if service is None:
        ids = (account.user_id, account.group_id)
        return replace(below, environment=environment, user_id=ids[0], group_id=ids[1])
    environment |= service.env
    program = _program(service.command[0], environment["PATH"], root, recipe_file)
    folder = resolve(root, service.directory.lstrip("/"))
    if folder and (folder not in root or root[folder].kind is not Kind.DIRECTORY):
        raise InvalidInputError(
            f"There is no folder {service.directory!r} in the image to start in",
            where=recipe_file.where("service", "directory"),
        )
    return Process(
        command=(program, *service.command[1:]),
        environment=environment,
        ports=service.ports,
        user_id=account.user_id,
        group_id=account.group_id,
        directory=service.directory,
        health_path=service.health.http if service.health else "",
    )


def _program(name: str, path: str, root: Tree, recipe_file: RecipeFile) -> str:
    where = recipe_file.where("service", "command", 0)
    folders = [""] if name.startswith("/") else path.split(":")
    for folder in folders:
        full = f"{folder}/{name.lstrip('/')}"
        entry = root.get(resolve(root, full.lstrip("/")))
        if entry is not None and _is_program(entry):
            return full
    known = [
        entry.path.rpartition("/")[2]
        for entry in root.values()
        if f"/{entry.path.rpartition('/')[0]}" in folders
    ]
    raise InvalidInputError(
        f"There is no program {name!r} in the image",
        hint=did_you_mean(name, known, "Add the package that holds it to `packages`."),
        where=where,
    )


def _is_program(entry: Entry) -> bool:
    return entry.kind is Kind.HARDLINK or (entry.kind is Kind.FILE and bool(entry.mode & 0o111))
