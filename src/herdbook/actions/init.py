"""Writes a recipe and a small service to start from."""

from importlib import resources
from pathlib import Path

from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.recipes.reading import read_recipe

_FILES = {"herdbook.yaml": "herdbook.yaml", "service.py": "app/service.py"}


def init(folder: Path, image: str) -> list[Path]:
    """Write the files of a new image into a folder and return their paths, the recipe first.

    Raises ConflictError where one of them exists, before anything is written, and
    InvalidInputError for a name that no image can have.
    """
    targets = {name: folder / target for name, target in _FILES.items()}
    for target in targets.values():
        if target.exists():
            raise ConflictError(f"{target} exists already", hint="Choose another folder.")
    shipped = resources.files("herdbook.actions") / "skeleton"
    for name, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((shipped / name).read_text().replace("IMAGE_NAME", image))
    written = list(targets.values())
    try:
        read_recipe(written[0])
    except InvalidInputError:
        for target in written:
            target.unlink()
        raise InvalidInputError(
            f"{image!r} is not a name for an image",
            hint="Use lower-case letters, digits, '.', '_', '-' and '/', such as shop/web.",
        ) from None
    return written
