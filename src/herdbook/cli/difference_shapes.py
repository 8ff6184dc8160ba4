"""The JSON shape of a comparison, as docs/json.md promises it."""

from typing import Any

from herdbook.actions.compare_versions import Comparison, VariantComparison
from herdbook.catalogue.file_differences import FileChange, counted
from herdbook.images.documents import LayerReference


def comparison_shape(comparison: Comparison, most_files: int | None) -> dict[str, Any]:
    """Return a comparison as docs/json.md promises it; at most so many paths of files."""
    before, after = (
        {"image": each.image, "number": each.number, "digest": each.digest}
        for each in (comparison.before, comparison.after)
    )
    return {
        "before": before,
        "after": after,
        "same": comparison.same,
        "recipe": list(comparison.recipe),
        "only_before": [kind.value for kind in comparison.only_before],
        "only_after": [kind.value for kind in comparison.only_after],
        "variants": [_variant_shape(each, most_files) for each in comparison.variants],
    }


def _variant_shape(variant: VariantComparison, most_files: int | None) -> dict[str, Any]:
    packages, layers = variant.packages, variant.layers
    return {
        "kind": variant.kind.value,
        "before_bytes": variant.before_bytes,
        "after_bytes": variant.after_bytes,
        "packages": {
            "complete": packages.complete,
            "not_scanned_before": _layers_shape(packages.not_scanned_before),
            "not_scanned_after": _layers_shape(packages.not_scanned_after),
            "changes": [
                {
                    "kind": each.kind,
                    "ecosystem": each.ecosystem.value,
                    "name": each.name,
                    "before": list(each.before),
                    "after": list(each.after),
                }
                for each in packages.changes
            ],
        },
        "settings": [
            {"name": each.name, "before": each.before, "after": each.after}
            for each in variant.settings
        ],
        "files": None if variant.files is None else _files_shape(variant.files, most_files),
        "files_unknown_because": variant.files_unknown_because or None,
        "layers": {
            "kept": _layers_shape(layers.kept),
            "added": _layers_shape(layers.added),
            "removed": _layers_shape(layers.removed),
            "pulled_bytes": layers.pulled_bytes,
        },
    }


def _files_shape(files: tuple[FileChange, ...], most_files: int | None) -> dict[str, Any]:
    return {
        "counts": {
            kind.value: {"count": each.count, "size_bytes": each.size_bytes}
            for kind, each in counted(files).items()
        },
        "changes": [
            {
                "path": f"/{each.path}",
                "kind": each.kind.value,
                "before_bytes": each.before_bytes,
                "after_bytes": each.after_bytes,
                "layer": each.layer,
            }
            for each in files[:most_files]
        ],
    }


def _layers_shape(layers: tuple[LayerReference, ...]) -> list[dict[str, Any]]:
    return [
        {"title": layer.title, "digest": layer.digest, "size_bytes": layer.size} for layer in layers
    ]
