"""Loads an application's Compose files into one tree: variables, merging, extends, include."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from herdbook.compose.checking import check
from herdbook.compose.environment_files import read_environment
from herdbook.compose.extending import with_extended
from herdbook.compose.finding import checked_name, files_of, normalised_name
from herdbook.compose.interpolation import interpolate
from herdbook.compose.long_forms import Folder, long_form
from herdbook.compose.merging import merge
from herdbook.compose.model import UnsetVariable
from herdbook.compose.tree import Node, mapping, plain, without_resets
from herdbook.compose.yaml_reading import read_tree
from herdbook.core.errors import InvalidInputError

_PROJECT = "COMPOSE_PROJECT_NAME"
_SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "models")
_DEEPEST = 20


@dataclass(frozen=True)
class Loaded:
    """The files of an application as one tree, in long form, and what else it was read with."""

    root: Node
    folder: Path
    name: str
    variables: Mapping[str, str]
    unset: tuple[UnsetVariable, ...]


def load(paths: Sequence[Path], environment: Mapping[str, str], project: str = "") -> Loaded:
    """Load the files, the later ones over the earlier ones.

    Raises NotFoundError or InvalidInputError with file and line.
    """
    files = files_of(paths)
    folder = files[0].parent.resolve()
    variables = {**_default_variables((folder / ".env",), environment), **environment}
    trees = [(path, read_tree(path)) for path in files]
    name = _name([tree for _, tree in trees], variables, folder, project)
    loader = _Loader({**variables, _PROJECT: name})
    root = loader.project(trees, folder, ())
    return Loaded(root, folder, name, loader.variables, tuple(loader.unset))


def _default_variables(files: Sequence[Path], given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in files:
        if path.is_file():
            read = read_environment(path, {**found, **given})
            found |= {key: value for key, value in read.items() if value is not None}
    return found


def _name(trees: Sequence[Node], variables: Mapping[str, str], folder: Path, project: str) -> str:
    if chosen := project or variables.get(_PROJECT, ""):
        return checked_name(chosen)
    for tree in reversed(trees):
        if written := tree.fields.get("name"):
            text = interpolate(written, variables, lambda _where, _name: None).text
            return checked_name(text, written.where)
    return normalised_name(folder.name) or "application"


@dataclass
class _Loader:
    """Loads with one set of variables; what is included has a loader of its own."""

    variables: Mapping[str, str]
    unset: list[UnsetVariable] = field(default_factory=list)
    _opened: dict[Path, Node] = field(default_factory=dict)

    def project(
        self, trees: Sequence[tuple[Path, Node]], folder: Path, within: tuple[Path, ...]
    ) -> Node:
        """Return one project's files merged, with what they include."""
        root: Node | None = None
        for path, tree in trees:
            document = self._document(tree, folder)
            extended = with_extended(document, path.resolve(), self._open)
            root = extended if root is None else merge(root, extended)
        if root is None:
            raise InvalidInputError("No Compose file is named")
        here = (*within, *(path.resolve() for path, _ in trees))
        return self._with_included(without_resets(root), folder, here)

    def _document(self, tree: Node, folder: Path) -> Node:
        filled = interpolate(tree, self.variables, self._note)
        check(filled)
        return long_form(filled, Folder(folder, self.variables.get("HOME", "")))

    def _note(self, where: str, name: str) -> None:
        unset = UnsetVariable(where, name)
        if unset not in self.unset:
            self.unset.append(unset)

    def _open(self, path: Path) -> Node:
        if path not in self._opened:
            self._opened[path] = self._document(read_tree(path), path.parent)
        return self._opened[path]

    def _with_included(self, root: Node, folder: Path, within: tuple[Path, ...]) -> Node:
        written = root.fields.get("include")
        for entry in written.items if written else ():
            root = _together(root, self._included(entry, folder, within), entry)
        return root

    def _included(self, entry: Node, folder: Path, within: tuple[Path, ...]) -> Node:
        paths = [(folder / each).resolve() for each in _texts(entry.fields.get("path") or entry)]
        if not paths:
            raise InvalidInputError("The key 'include.path' is missing", where=entry.where)
        if len(within) > _DEEPEST or any(path in within for path in paths):
            raise InvalidInputError(
                f"{paths[0].name} includes itself", hint="Take one out.", where=entry.where
            )
        place = entry.fields.get("project_directory")
        inner = (folder / place.text).resolve() if place else paths[0].parent
        files = [(folder / each).resolve() for each in _texts(entry.fields.get("env_file"))]
        defaults = _default_variables(files or [inner / ".env"], self.variables)
        loader = _Loader({**defaults, **self.variables}, self.unset)
        return loader.project([(path, read_tree(path)) for path in paths], inner, within)


def _texts(node: Node | None) -> list[str]:
    if node is None or node.fields:
        return []
    return [each.text for each in node.items] if isinstance(node.value, tuple) else [node.text]


def _together(root: Node, included: Node, entry: Node) -> Node:
    """Return both files' resources; those of one name must say the same, for nobody merges them."""
    for section in _SECTIONS:
        theirs = included.fields.get(section)
        if theirs is None or not theirs.fields:
            continue
        ours = root.fields.get(section) or mapping({}, theirs)
        for name, each in theirs.fields.items():
            if name in ours.fields and plain(ours.fields[name]) != plain(each):
                raise InvalidInputError(
                    f"{section}.{name} is already in an included file ({each.where})",
                    hint="Give one of them another name, or merge the files instead.",
                    where=ours.fields[name].where or entry.where,
                )
        root = root.with_field(section, mapping({**theirs.fields, **ours.fields}, ours))
    return root
