"""What is measured of campaigns: a patched library carried through 1,000 images and more.

The images are on real layers of the example catalogue, in a register with clones of them. Beside
it, what the same patch costs per image by rebuilding with buildah, and by merely copying one.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import HERDBOOK
from campaign_herd import SOURCE, SUITE, Herd, copy_register
from measure import timed
from postgresql import new_database, running
from scale_bench import _settled
from sqlalchemy import create_engine, text

from herdbook.actions.plan_campaign import plan_campaign

SIZES = (1_000, 5_000)
RUNS = 3
"""Of those without a check, the one with the least seconds counts: others use this machine, too."""

REBUILDS = 20
CHECKED = "sample"
PARTS = ("asking the archive", "judging", "new layers", "checking", "re-pointing")

_FOLDER = Path(__file__).parent
_DIGEST_BYTES = 32
_GOAL_SECONDS, _GOAL_REPOINTING, _GOAL_IMAGES = 10.0, 5.0, 5_000
_GOAL_MEGABYTES, _GOAL_RATIO = 1000, 2000


@dataclass(frozen=True)
class Carried:
    """One campaign, or its plan, with what its process said of itself; bytes are per image.

    `floor` are those that cannot but change: the digests of its documents and of its build.
    """

    images: int
    database: str
    what: str
    answer: dict[str, float]
    grown: float = 0
    floor: float = 0
    layers: int = 0
    layer_bytes: int = 0


@dataclass(frozen=True)
class Cost:
    """What something took of each image: medians of seconds of CPU, and on the clock."""

    what: str
    images: int
    cpu: float
    seconds: float


@dataclass(frozen=True)
class CampaignResults:
    """All that is measured of campaigns."""

    versions: tuple[str, str]
    carried: tuple[Carried, ...]
    costs: tuple[Cost, ...]


class CampaignBench:
    """A herd in a folder that is thrown away; it grows from size to size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.herd = Herd(folder / "herd")
        self.url = f"sqlite:///{self.herd.state}/herdbook.db"
        plan = plan_campaign(self.herd.workshop(), [SOURCE])  # fetches the new packages
        self.targets = [each for target in plan.targets for each in target.packages]

    def results(self) -> CampaignResults:
        """Measure every size on both databases, then what the others take."""
        given = os.environ.get("HERDBOOK_BENCH_CAMPAIGN", "")
        sizes = [int(each) for each in given.split(",") if each] or list(SIZES)
        carried: list[Carried] = []
        with running() as server:
            for images in sorted(sizes):
                self.herd.fill(images)
                _settled(self.url)
                carried += self._measure(images, "SQLite", self._copy_of_file)
                template = new_database(server, f"herd-{images}")
                copy_register(self.url, template)
                copy = _copies(server, f"herd-{images}")
                carried += self._measure(images, "PostgreSQL", copy)
        ours = [each for each in carried if each.what == "none" and each.database == "SQLite"]
        costs = [
            Cost(f"campaign of {each.images:,}", each.images, *_each_of(each)) for each in ours
        ]
        costs += [*self._rebuilds(), self._copying()]
        return CampaignResults((self.herd.old, self.herd.new), tuple(carried), tuple(costs))

    def close(self) -> None:
        """Leave nothing mounted."""
        self.herd.close()

    def _measure(self, images: int, database: str, url: Callable[[Path], str]) -> Iterator[Carried]:
        checked = [(CHECKED, 1)] if database == "SQLite" else []  # it hardly asks the database
        for what, runs in (("plan", RUNS), ("none", RUNS), *checked):
            made = [self._once(images, database, what, url) for _ in range(runs)]
            yield min(made, key=lambda each: each.answer["whole"])

    def _once(self, images: int, database: str, what: str, url: Callable[[Path], str]) -> Carried:
        """Measure one campaign on a copy of the herd's state."""
        with self._state() as state:
            address = url(state)
            before, blobs = _settled(address), _blobs(state)
            program = [sys.executable, _FOLDER / "campaign_work.py", what, address, state, SOURCE]
            result = subprocess.run(
                list(map(str, program)), stdout=subprocess.PIPE, text=True, check=True
            )
            answer: dict[str, float] = json.loads(result.stdout)
            made = {name: size for name, size in _blobs(state).items() if name not in blobs}
            grown = (_settled(address) - before) * 1e6 / images
        self.herd.put_locks_back()
        carried = Carried(
            *(images, database, what, answer, grown, self._floor() / images),
            *(len(made), sum(made.values())),
        )
        print(f"  {carried}")
        return carried

    @contextmanager
    def _state(self) -> Iterator[Path]:
        """Give a copy of the herd's state whose files are the same ones, but for the database."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            state = Path(name) / "state"
            timed(["cp", "-al", self.herd.state, state])
            for path in state.glob("herdbook.db*"):
                path.unlink()
            yield state

    def _copy_of_file(self, state: Path) -> str:
        shutil.copyfile(self.herd.state / "herdbook.db", state / "herdbook.db")
        return f"sqlite:///{state}/herdbook.db"

    def _floor(self) -> int:
        """Return the bytes of the new digests: of index, manifests, configurations and build."""
        images = self.herd.workshop().versions.images()
        return sum((2 * len(each.variants) + 2) * _DIGEST_BYTES for each in images)

    def _rebuilds(self) -> Iterator[Cost]:
        """Rebuild images by buildah, first as if each were the first, then with all layers at hand.

        Every package is at hand, and dpkg skips its fsync. The second is the least that a builder
        that has all layers of all images can come down to: it makes the topmost alone.
        """
        self.herd.prepare_buildah(self.targets)
        recipes = [self.herd.stranger(number) for number in range(REBUILDS)]
        for what in ("buildah bud, its packages changed", "buildah bud, its own file changed"):
            spent = []
            for each in recipes:
                (self.herd.context(each) / "team").write_text(f"{what}\n")
                spent.append(spending(partial(self.herd.rebuild, each)))
                print(f"  {what}: {spent[-1]}")
            yield _cost(what, spent)

    def _copying(self) -> Cost:
        """Copy a patched image, which is what a push into an empty registry at least does."""
        with self._state() as state:
            url = self._copy_of_file(state)
            timed([sys.executable, _FOLDER / "campaign_work.py", "none", url, state, SOURCE])
            self.herd.put_locks_back()
            layout, image = self.folder / "layout", self.herd.recipes[0].recipe.image
            environment = {**os.environ, "HERDBOOK_STATE": str(state)}
            timed([HERDBOOK, "export", image, "--to", layout], env=environment)

            as_they_are = "--dest-oci-accept-uncompressed-layers"
            copy = ["skopeo", "copy", "-q", as_they_are, f"oci:{layout}"]
            spent = [
                spending(partial(timed, [*copy, f"oci:{layout}-{number}"]))
                for number in range(RUNS)
            ]
        return _cost("skopeo copy, layout to layout", spent)


def spending(action: Callable[[], object]) -> tuple[float, float]:
    """Do something by other programs; return their seconds of CPU, and those on the clock."""
    before, began = _cpu_of_children(), time.perf_counter()
    action()
    return _cpu_of_children() - before, time.perf_counter() - began


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cost(what: str, spent: list[tuple[float, float]]) -> Cost:
    cpu, seconds = (statistics.median(each[place] for each in spent) for place in (0, 1))
    return Cost(what, len(spent), cpu, seconds)


def _each_of(carried: Carried) -> tuple[float, float]:
    answer = carried.answer
    return answer["cpu"] / carried.images, answer["whole"] / carried.images


def _blobs(state: Path) -> dict[str, int]:
    return {each.name: each.stat().st_size for each in (state / "blobs/sha256").iterdir()}


def _copies(server: str, template: str) -> Callable[[Path], str]:
    """Return what copies a PostgreSQL database, under another name each time."""

    def copy(state: Path) -> str:
        name = f"{template}-{state.parent.name}"
        address = server.format(name="postgres").replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        engine.dispose()
        return server.format(name=name)

    return copy


def campaign_table(results: CampaignResults) -> list[str]:
    """Render the tables for people."""
    old, new = results.versions
    columns = ["images", "database", "verify", "whole", *PARTS, "CPU", "memory"]
    columns += ["bytes", "least", "written"]
    loads = [each.answer["load"] for each in results.carried]
    lines = [
        "",
        "## Campaigns",
        "",
        f"`{SOURCE}` {old} to {new} on {SUITE}: twelve images of the example,",
        "four of them virtual machines, too, and clones of them with a layer, documents and a key",
        "of their own.",
        f"Seconds of the fastest of {RUNS} runs (`sample`: of one), in a process that has its",
        "modules loaded and the packages at hand; the archive is asked as ever. The machine's load",
        f"was {min(loads):.1f} to {max(loads):.1f} as they began. PostgreSQL runs without fsync.",
        "`sample` builds one image of each class the long way. Bytes are per image, what the",
        "database grew by; the least that must change are 32 for each new digest, of index,",
        "manifests, configurations and build. Written is what the process had written to disks,",
        "apt's index, layers and journals included. CPU is that of the process and of what it ran.",
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
    ]
    lines += [_row(each) for each in results.carried]
    lines.append(
        f"| {_GOAL_IMAGES:,}, goal | | none | {_GOAL_SECONDS:g} |  |  |  |  | {_GOAL_REPOINTING:g}"
        f" |  | {_GOAL_MEGABYTES} MB | | | |"
    )
    lines += [
        "",
        *_growth(results),
        "",
        "| one image | CPU | clock | times ours |",
        "|---|---|---|---|",
    ]
    ours = [each for each in results.costs if each.what.startswith("campaign")][-1]
    lines += [
        f"| {each.what} | {_time(each.cpu)} | {_time(each.seconds)} | {each.cpu / ours.cpu:,.1f} |"
        for each in results.costs
    ]
    return [*lines, "", f"Goal: {_GOAL_RATIO:,} times less CPU than a rebuild. {_LEFT_OUT}"]


_LEFT_OUT = (
    "`crane rebase` was not measured: neither Debian 12 nor PyPI has crane, and Go's modules are "
    "out of reach here."
)


def _row(carried: Carried) -> str:
    answer = carried.answer
    parts = [f"{answer.get(part, 0):.2f}" for part in PARTS]
    cells = [
        *(
            f"{carried.images:,}",
            carried.database,
            _what(carried),
            f"{answer['whole']:.2f}",
            *parts,
        ),
        *(f"{answer['cpu']:.2f}", f"{answer['peak_bytes'] / 1e6:.0f} MB"),
    ]
    if carried.what == "plan":
        return f"| {' | '.join(cells)} |  |  |  |"
    written = f"{answer['written_bytes'] / 1e6:.1f} MB"
    return f"| {' | '.join(cells)} | {carried.grown:,.0f} | {carried.floor:.0f} | {written} |"


def _what(carried: Carried) -> str:
    return "(the plan)" if carried.what == "plan" else carried.what


def _growth(results: CampaignResults) -> list[str]:
    """Say what a thousand images more cost, and what is the same for any number."""
    found = [each for each in results.carried if each.what == "none"]
    lines = []
    for database in dict.fromkeys(each.database for each in found):
        rows = [each for each in found if each.database == database]
        first, last = rows[0], rows[-1]
        more = (last.images - first.images) / 1000
        if more:
            took = {
                part: (last.answer[part] - first.answer[part]) / more
                for part in ("whole", "re-pointing")
            }
            lines.append(
                f"On {database}, each 1,000 images more take {took['whole']:.2f} s, of which "
                f"{took['re-pointing']:.2f} s re-pointing."
            )
    layers = found[0]
    lines.append(
        f"New layers, whatever the number of images: {layers.layers} of together "
        f"{layers.layer_bytes / 1e6:.1f} MB, one of packages and one of dpkg's database for each "
        "set of packages."
    )
    return lines


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def measure_campaigns(folder: Path) -> CampaignResults:
    """Measure campaigns in a folder that is thrown away."""
    bench = CampaignBench(folder)
    try:
        return bench.results()
    finally:
        bench.close()


def main() -> None:
    """Run this alone, in the folder that is named."""
    results = measure_campaigns(Path(sys.argv[1]))
    print("\n".join(campaign_table(results)))


if __name__ == "__main__":
    main()
