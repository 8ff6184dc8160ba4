"""Builds the example shop for real and leaves it running, as a container and as a VM."""

import sys
from pathlib import Path

from herdbook.actions.build import BuildResult, build
from herdbook.actions.run import Started, Wish, run
from herdbook.actions.stop import stop
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import VariantRecord, shared_bytes
from herdbook.cli.main import failures_shown
from herdbook.cli.output import Output, human_seconds, human_size
from herdbook.cli.session import open_session
from herdbook.core import digests
from herdbook.recipes.reading import read_recipe
from herdbook.server.program import open_network

RECIPE = Path(__file__).parents[1] / "examples" / "shop" / "herdbook.yaml"
NAMES = {"container": "shop-container", "vm": "shop-vm"}
READY_LIMIT_SECONDS = 180.0


def up(workshop: Workshop, output: Output) -> None:
    """Build, start both variants afresh, and show what came of it."""
    result = build(workshop, read_recipe(RECIPE))
    down(workshop)
    network = open_network()
    started = {
        variant.kind: run(
            workshop,
            network,
            result.version,
            variant,
            Wish(name=NAMES[variant.kind]),
            READY_LIMIT_SECONDS,
        )
        for variant in result.version.variants
    }
    output.text(f"\n{result.version.label}  {result.version.digest}\n")
    output.table(
        ["variant", "digest", "#size", "#shared", "#layers", "#built in", "#ready in"],
        [row(result, variant, started[variant.kind]) for variant in result.version.variants],
    )
    output.text("")
    for kind, each in started.items():
        port = each.seen.ports[0]
        output.text(f"{kind:10} http://{port.host_address}:{port.host_port}/")
    output.text("\nBoth run until: make demo-down")


def row(result: BuildResult, variant: VariantRecord, started: Started) -> list[str]:
    """Return one variant's facts; shared are the layers that the other variant has too."""
    others = [each for each in result.version.variants if each is not variant]
    shared = sum(shared_bytes(variant, other) for other in others)
    theirs = {layer.digest for other in others for layer in other.layers}
    count = sum(layer.digest in theirs for layer in variant.layers)
    seconds = result.seconds.get(variant.kind)
    return [
        variant.kind,
        digests.short(variant.manifest),
        human_size(variant.size_bytes),
        human_size(shared),
        f"{count} of {len(variant.layers)}",
        human_seconds(seconds) if seconds is not None else "as before",
        human_seconds(started.ready_seconds or 0),
    ]


def down(workshop: Workshop) -> list[str]:
    """Stop what a demo started, if anything."""
    running = {seen.name for engine in workshop.engines.values() for seen in engine.observe()}
    return stop(workshop, sorted(running & set(NAMES.values())), grace_seconds=10)


if __name__ == "__main__":
    with failures_shown(Output(as_json=False)) as shown:
        session = open_session(shown)
        if sys.argv[1:] == ["down"]:
            shown.text(f"stopped {', '.join(down(session)) or 'nothing'}")
        else:
            up(session, shown)
