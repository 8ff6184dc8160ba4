"""Works out how a recipe's service runs in an image: program, environment, user."""

from herdbook.builds.accounts import Account
from herdbook.builds.placing import resolve
from herdbook.builds.virtual_environment import BIN
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean
from herdbook.images.documents import SERVICE_PATH, Process
from herdbook.layers.tree import Entry, Kind, Tree
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile


def search_path(recipe: Recipe) -> str:
    """Return the PATH of the service and of `run` steps."""
    return f"{BIN}:{SERVICE_PATH}" if recipe.python else SERVICE_PATH


def process(recipe_file: RecipeFile, root: Tree, account: Account) -> Process:
    """Return the service with every path absolute and known to exist in the image.

    Raises InvalidInputError for a program or a folder that is not there.
    """
    recipe = recipe_file.recipe
    service = recipe.service
    if service is None:
        return Process(environment={"PATH": search_path(recipe)})
    environment = {"PATH": search_path(recipe), **service.env}
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
