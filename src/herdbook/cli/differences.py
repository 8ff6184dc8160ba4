"""The command that compares versions: diff."""

from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_image
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, human_size

if TYPE_CHECKING:
    from herdbook.actions.compare_versions import Comparison, VariantComparison
    from herdbook.catalogue.differences import LayerChanges, PackageChanges, SettingChange
    from herdbook.catalogue.file_differences import FileChange
    from herdbook.images.documents import LayerReference

_SHOWN_FILES = 10
_SHOWN_LINES = 20
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "mode-only": "m", "time-only": "t"}


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(diff)


def diff(
    before: ImageName,
    after: Annotated[
        str,
        typer.Argument(
            metavar="[OTHER[:NUMBER]]",
            help="What to compare it with; without it, with the version before it.",
            autocompletion=complete_image,
            show_default=False,
        ),
    ] = "",
    files: Annotated[bool, typer.Option("--files", help="List every file that differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: packages, files, settings, layers."""
    from herdbook.actions.compare_versions import compare, versions_to_compare
    from herdbook.cli.difference_shapes import comparison_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    comparison = compare(workshop, *versions_to_compare(workshop, before, after))
    if as_json:
        output.json(comparison_shape(comparison, None if files else _SHOWN_FILES))
        return
    output.text(f"{comparison.before.label} -> {comparison.after.label}")
    show_comparison(output, comparison, every_file=files)


def show_comparison(output: Output, comparison: "Comparison", *, every_file: bool = False) -> None:
    """Print what differs between two versions, of files the first ones unless all are wanted."""
    if comparison.same:
        output.text("the same to the last byte")
        return
    _show_recipe(output, comparison.recipe, None if every_file else _SHOWN_LINES)
    for kind in comparison.only_before:
        output.text(f"{kind}: only {comparison.before.label} has one")
    for kind in comparison.only_after:
        output.text(f"{kind}: only {comparison.after.label} has one")
    for variant in comparison.variants:
        _show(output, variant, every_file=every_file)


def _show_recipe(output: Output, changes: tuple[str, ...], limit: int | None) -> None:
    if not changes:
        return
    output.text("recipe:")
    for line in changes[:limit]:
        output.text(f"  {line}")
    if limit and len(changes) > limit:
        output.text(f"  {len(changes) - limit} more lines: herdbook diff --files shows them all")


def _show(output: Output, variant: "VariantComparison", *, every_file: bool) -> None:
    grown = variant.after_bytes - variant.before_bytes
    output.text(
        f"\n{variant.kind}  {human_size(variant.before_bytes)} -> "
        f"{human_size(variant.after_bytes)} ({_signed(grown)})"
    )
    _show_packages(output, variant.packages)
    _show_settings(output, variant.settings)
    _show_files(output, variant, None if every_file else _SHOWN_FILES)
    _show_layers(output, variant.layers)


def _show_packages(output: Output, packages: "PackageChanges") -> None:
    counts = _counts([change.kind for change in packages.changes], ("added", "removed", "changed"))
    unknown = "" if packages.complete else "; more may differ, not every layer was scanned"
    output.text(f"  packages: {counts}{unknown}")
    for change in packages.changes:
        versions = [", ".join(side) for side in (change.before, change.after) if side]
        output.text(
            f"    {_SIGNS[change.kind]} {change.name} {' -> '.join(versions)}  ({change.ecosystem})"
        )
    for side, layers in (
        ("before", packages.not_scanned_before),
        ("after", packages.not_scanned_after),
    ):
        for layer in layers:
            output.text(f"    ? {_layer(layer)} ({side}) was not scanned: it may hold any")


def _show_settings(output: Output, settings: "tuple[SettingChange, ...]") -> None:
    output.text(f"  settings: {f'{len(settings)} changed' if settings else 'no change'}")
    for change in settings:
        before, after = _value(change.name, change.before), _value(change.name, change.after)
        output.text(f"    ~ {change.name}: {before} -> {after}")


def _show_files(output: Output, variant: "VariantComparison", limit: int | None) -> None:
    if variant.files is None:
        output.text(f"  files: cannot be compared: {variant.files_unknown_because}")
        return
    output.text(f"  files: {_file_counts(variant.files)}")
    for change in variant.files[:limit]:
        output.text(f"    {_file(change)}")
    left = len(variant.files) - limit if limit else 0
    if left > 0:
        output.text(f"    {left} more: --files lists them all")


def _file_counts(files: "tuple[FileChange, ...]") -> str:
    from herdbook.catalogue.file_differences import counted

    found = [
        f"{each.count} {kind}" + (f" ({_signed(each.size_bytes)})" if each.size_bytes else "")
        for kind, each in counted(files).items()
        if each.count
    ]
    return ", ".join(found) or "no change"


def _file(change: "FileChange") -> str:
    grown = change.after_bytes - change.before_bytes
    size = f"  {_signed(grown)}" if grown else ""
    path = f"/{change.path}" + ("/" if change.is_folder else "")
    return f"{_SIGNS[change.kind]} {path}{size}  ({_title(change.layer)})"


def _show_layers(output: Output, layers: "LayerChanges") -> None:
    kept = human_size(sum(layer.size for layer in layers.kept))
    output.text(
        f"  layers: {len(layers.kept)} kept ({kept}), {len(layers.added)} added, "
        f"{len(layers.removed)} removed; {human_size(layers.pulled_bytes)} to pull"
    )
    for sign, changed in (("+", layers.added), ("-", layers.removed)):
        for layer in changed:
            output.text(f"    {sign} {_layer(layer)}  {human_size(layer.size)}")


def _layer(layer: "LayerReference") -> str:
    return f"{_title(layer.title)}  {layer.digest.partition(':')[2][:12]}"


def _title(title: str) -> str:
    return title.partition("@")[0]


def _counts(found: list[str], kinds: tuple[str, ...]) -> str:
    counted = [f"{found.count(kind)} {kind}" for kind in kinds if kind in found]
    return ", ".join(counted) or "no change"


def _signed(size_bytes: int) -> str:
    return f"{'-' if size_bytes < 0 else '+'}{human_size(abs(size_bytes))}"


def _value(name: str, value: object) -> str:
    if value in (None, "", []):
        return "none"
    if isinstance(value, int) and name.endswith("_bytes"):
        return human_size(value) if value else "none"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
