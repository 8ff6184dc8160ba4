"""Everything a verb may work with, as ports; who runs the program decides what stands behind."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from herdbook.builds.ports import Sandbox, WheelHouse
from herdbook.catalogue.model import Variant
from herdbook.catalogue.ports import Cache, Layers, Versions
from herdbook.catalogue.stamps import Stamps
from herdbook.core.clock import Clock
from herdbook.core.progress import Progress
from herdbook.disks.rendering import Renderer
from herdbook.fleet.ports import Engine
from herdbook.packages.ports import Archive


@dataclass(frozen=True)
class Workshop:
    """The ports of one running program.

    `roots` is where installed roots are kept; `staging` gives a folder for the duration of one
    piece of work, which disappears whatever happens.
    """

    archive: Archive
    wheels: WheelHouse
    sandbox: Sandbox
    versions: Versions
    layers: Layers
    cache: Cache
    stamps: Stamps
    engines: Mapping[Variant, Engine]
    renderer: Callable[[], Renderer]
    clock: Clock
    progress: Progress
    roots: Path
    artefacts: Path
    staging: Callable[[], AbstractContextManager[Path]]
