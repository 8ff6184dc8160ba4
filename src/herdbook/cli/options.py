"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from herdbook.cli.completion import complete_image, complete_instance

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
RecipePath = Annotated[Path, typer.Argument(metavar="[RECIPE]", help="The recipe file.")]
ImageName = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE[:NUMBER]",
        help="An image's newest or a numbered version.",
        autocompletion=complete_image,
    ),
]
InstanceName = Annotated[str, typer.Argument(metavar="INSTANCE", autocompletion=complete_instance)]

DEFAULT_RECIPE = Path("herdbook.yaml")
