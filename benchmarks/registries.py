"""Pushes and pulls one image, against skopeo with an OCI layout of the same compressed layers."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/end_to_end"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/contract"))

from base_registry import registry
from measure import Comparison, compare, timed
from product import Herdbook

RUNS = 3
RECIPE = "image: bench/web\nfrom: debian:bookworm\npackages: [python3]\nvariants: [container]\n"


@dataclass(frozen=True)
class RegistryBench:
    """One image, built and compressed once; each run has a registry or a register of its own."""

    folder: Path

    @property
    def herdbook(self) -> Herdbook:
        """The register that has the image."""
        return Herdbook(self.folder / "state")

    def prepare(self) -> None:
        """Build, and export as skopeo takes it; both sides find compressed layers."""
        recipe = self.folder / "herdbook.yaml"
        recipe.write_text(RECIPE)
        self.herdbook.must("build", recipe)
        layout = self.folder / "layout"
        self.herdbook.must("export", "bench/web", "--to", layout, "--compression", "zstd")

    def rows(self) -> list[Comparison]:
        """Measure sending to an empty registry, sending again, and fetching."""
        with registry(self.folder / "files") as running:
            name = f"{running.host}/bench/web"
            again = compare(
                "push what is there",
                lambda: self._push(f"{name}:1"),
                lambda: self._copy(f"{name}:copy"),
                "skopeo copy",
                RUNS + 1,  # the first of each fills the registry
            )
            again = replace(again, ours=again.ours[1:], theirs=again.theirs[1:])
            fetched = compare(
                "pull into an empty register",
                lambda: self._pull(f"{name}:1"),
                lambda: self._fetch(f"{name}:copy"),
                "skopeo copy",
                RUNS,
            )
        cold = compare(
            "push to an empty registry", self._cold_push, self._cold_copy, "skopeo copy", RUNS
        )
        return [cold, again, fetched]

    def moved(self) -> str:
        """Say how many bytes were sent and fetched, and what the layers come to."""
        with registry(self.folder / "moved") as running:
            sent = self.herdbook.json("push", "bench/web", f"{running.host}/bench/web:1")
            elsewhere = Herdbook(self.folder / "other")
            came = elsewhere.json("pull", f"{running.host}/bench/web:1")
        blobs = (self.folder / "layout/blobs/sha256").iterdir()
        floor = sum(path.stat().st_size for path in blobs)
        return json.dumps(
            {"sent": sent["sent_bytes"], "came": came["pulled_bytes"], "floor": floor}
        )

    def _push(self, name: str) -> float:
        before = time.monotonic()
        self.herdbook.must("push", "bench/web", name)
        return time.monotonic() - before

    def _copy(self, name: str) -> float:
        source, target = f"oci:{self.folder}/layout", f"docker://{name}"
        return timed(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", source, target])

    def _pull(self, name: str) -> float:
        elsewhere = Herdbook(self.folder / "elsewhere")
        shutil.rmtree(elsewhere.state, ignore_errors=True)
        before = time.monotonic()
        elsewhere.must("pull", name)
        return time.monotonic() - before

    def _fetch(self, name: str) -> float:
        target = self.folder / "fetched"
        shutil.rmtree(target, ignore_errors=True)
        source = f"docker://{name}"
        return timed(
            ["skopeo", "copy", "--quiet", "--src-tls-verify=false", source, f"oci:{target}:1"]
        )

    def _cold_push(self) -> float:
        with self._empty() as host:
            return self._push(f"{host}/bench/web:1")

    def _cold_copy(self) -> float:
        with self._empty() as host:
            return self._copy(f"{host}/bench/web:1")

    @contextmanager
    def _empty(self) -> Iterator[str]:
        """Run a registry that has nothing, and give its host."""
        files = Path(tempfile.mkdtemp(dir=self.folder))
        with registry(files) as running:
            yield running.host
        shutil.rmtree(files)


def measure_registries(folder: Path) -> list[Comparison]:
    """Return the rows."""
    bench = RegistryBench(folder)
    bench.prepare()
    print(bench.moved())
    return bench.rows()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as where:
        for row in measure_registries(Path(where)):
            print(row)
