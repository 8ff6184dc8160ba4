"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from herdbook.cli.completion import complete_application, complete_image

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
RecipePath = Annotated[Path, typer.Argument(metavar="[RECIPE]", help="The recipe file.")]
ImageName = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE[:NUMBER|@CHANNEL]",
        help="An image's newest version, a numbered one, or a channel's.",
        autocompletion=complete_image,
    ),
]
ApplicationName = Annotated[
    str,
    typer.Argument(metavar="APPLICATION", show_default=False, autocompletion=complete_application),
]

DEFAULT_RECIPE = Path("herdbook.yaml")
