"""Where the sources of the `files` step land in an image, links inside the image followed."""

from collections.abc import Sequence

from herdbook.builds.accounts import Account
from herdbook.builds.sources import Source
from herdbook.core.errors import InvalidInputError
from herdbook.layers.factoring import with_new_folders, with_parents
from herdbook.layers.tree import Entry, Kind, Tree, parents

_MAXIMUM_LINKS = 40
_DPKG_DATABASE = "var/lib/dpkg"


def layer_tree(
    sources: Sequence[Source], root: Tree, account: Account, mtime: int
) -> dict[str, Entry]:
    """Return the layer that puts sources into an image with this root.

    Links among an image's own folders (such as /bin) are followed, inside the image. Raises
    InvalidInputError where a target goes through a link that the same step brings along, or
    into dpkg's database, where it lies below a file, or a file would take a folder's place.
    """
    brought = {source.target for source in sources if source.kind is Kind.SYMLINK}
    entries: dict[str, Entry] = {}
    for source in sources:
        if not brought.isdisjoint(parents(source.target)):
            raise InvalidInputError(
                f"/{source.target} would be written through a link that `files` itself brings"
            )
        path = _place(root, source)
        _require_free(path, source, root)
        there = root.get(path)
        both_folders = there is not None and there.kind is source.kind is Kind.DIRECTORY
        entries[path] = there if there and both_folders else _entry(path, source, account, mtime)
    _require_folders_above(entries, root)
    return with_parents(entries.values(), with_new_folders(entries.values(), root))


def _require_free(path: str, source: Source, root: Tree) -> None:
    if path == _DPKG_DATABASE or path.startswith(_DPKG_DATABASE + "/"):
        raise InvalidInputError(f"/{path} belongs to dpkg; `files` cannot write there")
    there = root.get(resolve(root, path))
    if source.kind is not Kind.DIRECTORY and there and there.kind is Kind.DIRECTORY:
        raise InvalidInputError(
            f"/{path} is a folder in the image; a file cannot take its place",
            hint=f"Name the file in it, such as /{path}/{source.path.name}.",
        )


def _require_folders_above(entries: Tree, root: Tree) -> None:
    for path in entries:
        for above in parents(path):
            there = entries.get(above) or root.get(above)
            if there and there.kind is not Kind.DIRECTORY:
                what = "a link that `files` brings" if there.kind is Kind.SYMLINK else "no folder"
                raise InvalidInputError(f"/{path} cannot be written: /{above} is {what}")


def _place(root: Tree, source: Source) -> str:
    """Return a source's path: the links on the way followed, and at its end only for a folder."""
    if source.kind is Kind.DIRECTORY:
        return resolve(root, source.target)
    parent, _, name = source.target.rpartition("/")
    real = resolve(root, parent)
    return f"{real}/{name}" if real else name


def _entry(path: str, source: Source, account: Account, mtime: int) -> Entry:
    owned = source.owner == account.name
    return Entry(
        path,
        source.kind,
        mode=source.mode,
        uid=account.user_id if owned else 0,
        gid=account.group_id if owned else 0,
        mtime=0 if source.kind is Kind.DIRECTORY else mtime,
        size=source.size,
        digest=source.digest,
        target=source.link,
    )


def resolve(root: Tree, path: str) -> str:
    """Return where a path really lies in an image; its links are followed inside the image only.

    Raises InvalidInputError where links go round in a circle.
    """
    todo = path.split("/")[::-1]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        entry = root.get("/".join([*done, part]))
        if entry is None or entry.kind is not Kind.SYMLINK:
            done.append(part)
            continue
        links += 1
        if links > _MAXIMUM_LINKS:
            raise InvalidInputError(f"/{path} goes round in a circle of links")
        done = [] if entry.target.startswith("/") else done
        todo += entry.target.split("/")[::-1]
    return "/".join(done)
