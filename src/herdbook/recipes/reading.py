"""Reads a recipe file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from herdbook.core.model_fields import Place
from herdbook.recipes.model import Recipe
from herdbook.recipes.yaml_files import Kind, line_of, read_yaml

_EXAMPLES = {
    "files.mode": 'mode: "0640"',
    "files.owner": "owner: root",
    "files.to": "to: /srv/web",
    "from": "from: debian:bookworm",
    "image": "image: shop/web (lower case)",
    "node.lock": "lock: package-lock.json",
    "packages": "packages: [python3, ca-certificates]",
    "run": "run: [python3 -m compileall /srv/web]",
    "service.command": "command: [python3, -m, web]",
    "service.env": "env: {PORT: 8080}",
    "service.health.http": "health: {http: /healthz}",
    "service.ports": "ports: [8080]",
    "tests": "tests: [{run: test -x /usr/bin/web}]",
    "tests.timeout": "timeout: 30s",
    "user": "user: web",
    "variants": "variants: [container, vm]",
    "vm.disk": "disk: 4G",
    "vm.memory": "memory: 512M",
}
RECIPE = Kind(
    noun="recipe",
    beginning="Make one with: herdbook init",
    more="See: herdbook schema recipe",
    examples=_EXAMPLES,
)


@dataclass(frozen=True)
class RecipeFile:
    """A recipe with where it was read from, and the text it was read as.

    `lines` maps places in it to line numbers from 1. One of a catalogue's matrix has the
    catalogue's path, no text of its own, and says which combination it is: `values` by axis.
    """

    path: Path
    recipe: Recipe
    lines: Mapping[Place, int]
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder that paths in the recipe are relative to."""
        return self.path.parent

    @property
    def home(self) -> str:
        """Where the recipe or its catalogue lies, as a register keeps it."""
        return str(self.path.absolute())

    @property
    def combination(self) -> str:
        """Which combination of a matrix it is, in words; empty for a recipe of its own."""
        return ", ".join(f"{axis}={value}" for axis, value in self.values.items())

    @property
    def written(self) -> str:
        """The text that makes this recipe: its own, or what its combination comes to."""
        return self.text or self.recipe.model_dump_json(by_alias=True, exclude_unset=True) + "\n"

    def where(self, *place: str | int) -> str:
        """Return `file:line` of a place such as `packages`, 2; the nearest line that is known."""
        return line_of(self.path, self.lines, place)


def read_recipe(path: Path) -> RecipeFile:
    """Read and check a recipe; raises NotFoundError or InvalidInputError with file and line."""
    file = read_yaml(path, Recipe, RECIPE)
    return RecipeFile(path, file.content, file.lines, file.text)
