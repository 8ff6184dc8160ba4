"""What an engine starts is rendered once, however many instances of it start at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

from channel_images import add_version
from fleet_workshop import fleet_workshop

from herdbook.actions.render import container_artefact
from herdbook.actions.workshop import Workshop
from herdbook.core.turns import Turns
from herdbook.fleet.instances import ContainerArtefact

_AT_ONCE = 8


def test_instances_that_start_at_once_share_one_layout(tmp_path: Path) -> None:
    """Those of one program take turns; those of several find what another one has put there."""
    for apart in (False, True):
        workshop = fleet_workshop(tmp_path / f"state-{apart}")
        version = add_version(workshop)
        (variant,) = version.variants
        ready = Barrier(_AT_ONCE)

        def render(program: Workshop) -> ContainerArtefact:
            ready.wait()  # noqa: B023 - all of them end before the next one is made
            return container_artefact(program, version, variant)  # noqa: B023

        turns = (Turns() if apart else workshop.turns for _ in range(_AT_ONCE))
        programs = [replace(workshop, turns=each) for each in turns]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            (found,) = set(pool.map(render, programs))
        assert (found.layout / "index.json").exists()
