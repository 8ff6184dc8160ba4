"""What is compared: images of examples/catalogue, by Herdbook and one after another by buildah."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pip
import yaml
from apt_files import lay_out_debs, sources
from bench import HERDBOOK, REPOSITORY
from measure import Comparison, timed

from herdbook.recipes.catalogue import recipes_in
from herdbook.recipes.reading import RecipeFile

SAMPLE = (
    *(
        f"catalogue/{name}-{suite}"
        for name in ("flask", "django", "fastapi")
        for suite in ("bookworm", "trixie")
    ),
    *("catalogue/express-trixie", "catalogue/koa-trixie", "catalogue/symfony-trixie"),
    *("catalogue/rack-bookworm", "catalogue/sinatra-bookworm", "catalogue/jetty-bookworm"),
)
"""Twelve of them; HERDBOOK_BENCH_EXAMPLE=all takes all of bookworm and trixie."""

_BUILDAH_NAME = "localhost/bench-example"
_PIP = "import sys; sys.path.insert(0, '/pip'); from pip import main; sys.exit(main(sys.argv[1:]))"


class ExampleBench:
    """The catalogue in a folder that is thrown away, with a state of its own; containers only.

    Both have every package at hand, read no network, and skip dpkg's fsync. buildah's side is
    given more: a base image of each suite, apt's index as it was read, npm's packages laid out.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.catalogue = folder / "catalogue"
        shutil.copytree(REPOSITORY / "examples/catalogue", self.catalogue)
        self.file = self.catalogue / "catalogue.yaml"
        self.recipes = self._restrict()
        print(f"Fetching the packages of {len(self.recipes)} images, which is not measured")
        self._herdbook("catalogue", "build", self.file)
        self.locks = {each.recipe.image: self._lock(each) for each in self.recipes}

    def cold(self) -> Comparison:
        """All images from what a fresh clone holds, locks too, with all packages at hand."""
        for name in ("blobs", "roots", "stamps"):
            shutil.rmtree(self.state / name)
        for path in self.state.glob("herdbook.db*"):
            path.unlink()
        ours = self._herdbook("catalogue", "build", self.file)
        self._bases()
        theirs = sum(self._buildah(each) for each in self.recipes)
        title = f"{len(self.recipes)} images of the example, cold, lock to layers"
        return Comparison(title, (ours,), (theirs,), "buildah bud, one by one", goal=0.25)

    def unchanged(self) -> Comparison:
        """The same again, with nothing changed."""
        ours = self._herdbook("catalogue", "build", self.file)
        theirs = sum(self._buildah(each) for each in self.recipes)
        title = f"{len(self.recipes)} images of the example, no change"
        return Comparison(title, (ours,), (theirs,), "buildah bud --layers", goal=0.1)

    def close(self) -> None:
        """Leave nothing mounted."""
        subprocess.run(["umount", "-q", "-l", self.folder / "buildah/overlay"], check=False)

    def _herdbook(self, *arguments: str | Path) -> float:
        environment = {**os.environ, "HERDBOOK_STATE": str(self.state)}
        return timed([HERDBOOK, *arguments], env=environment)

    def _restrict(self) -> list[RecipeFile]:
        """Leave the wanted images in the catalogue, as containers alone."""
        everything = os.environ.get("HERDBOOK_BENCH_EXAMPLE") == "all"
        content: dict[str, Any] = yaml.safe_load(self.file.read_text())
        for suite in content["axes"]["suite"]:
            content["axes"]["suite"][suite] = {}
        content["exclude"].append({"suite": "bullseye"})
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))
        recipes = recipes_in([self.file])
        if everything:
            return recipes
        wanted = [each for each in recipes if each.recipe.image in SAMPLE]
        content["exclude"] = [{"suite": list(content["axes"]["suite"])}]
        content["include"] = [dict(each.values) for each in wanted]
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))
        return wanted

    def _lock(self, recipe_file: RecipeFile) -> dict[str, Any]:
        """Return the lock of an image; those that share one have the same packages."""
        own = set(recipe_file.recipe.packages)
        suite = recipe_file.recipe.suite
        for path in sorted((self.catalogue / "locks").glob(f"{suite}-*.lock")):
            lock: dict[str, Any] = json.loads(path.read_text())
            held = {each["name"] for each in lock["packages"]}
            python = bool(recipe_file.recipe.python) == bool(lock.get("python"))
            if own <= held and python:
                return lock
        raise SystemExit(f"{recipe_file.recipe.image} has no lock")

    def _storage(self) -> list[str]:
        return ["--root", str(self.folder / "buildah"), "--storage-driver", "overlay"]

    def _bases(self) -> None:
        """Give buildah a base image of each suite, with apt set up for the packages at hand."""
        self.debs = self.folder / "debs"
        self.debs.mkdir()
        for lock in self.locks.values():
            lay_out_debs(self.state, lock["packages"], self.debs)
        for suite in sorted({str(each.recipe.suite) for each in self.recipes}):
            tar = self.folder / f"{suite}.tar"
            unsafe = "--customize-hook=echo force-unsafe-io >$1/etc/dpkg/dpkg.cfg.d/bench"
            made = ["mmdebstrap", "--variant=minbase", "--skip=cleanup/apt/lists", unsafe]
            timed([*made, suite, tar, *sources(self.state, suite)])
            folder = self.folder / f"base-{suite}"
            folder.mkdir()
            (folder / "Containerfile").write_text(f"FROM scratch\nADD {tar.name} /\n")
            tar.rename(folder / tar.name)
            build = ["buildah", *self._storage(), "bud", "--isolation", "chroot", "-q"]
            timed([*build, "-t", f"{_BUILDAH_NAME}-{suite}", folder])

    def _buildah(self, recipe_file: RecipeFile) -> float:
        """Build the same contents as their author would write them."""
        recipe = recipe_file.recipe
        context = self.folder / "contexts" / recipe.image
        if not context.exists():
            context.mkdir(parents=True)
            self._write_context(recipe_file, context)
        mounts = {
            self.debs: "/var/cache/apt/archives:rw",
            Path(pip.__file__).parent: "/pip/pip:ro",
            context / "wheels": "/wheels:ro",
        }
        volumes = [f"--volume={here}:{there}" for here, there in mounts.items() if here.exists()]
        build = ["buildah", *self._storage(), "bud", "--layers", "--isolation", "chroot", "-q"]
        name = f"{_BUILDAH_NAME}-{recipe.image}"
        return timed([*build, "--pull-never", *volumes, "-t", name, context])

    def _write_context(self, recipe_file: RecipeFile, context: Path) -> None:
        recipe = recipe_file.recipe
        packages = " ".join(recipe.packages)
        lines = [
            f"FROM {_BUILDAH_NAME}-{recipe.suite}",
            f"RUN apt-get install -qq -y --no-install-recommends {packages}",
        ]
        lock = self.locks[recipe.image]
        if lock.get("python"):
            (context / "wheels").mkdir()
            pinned = []
            for each in lock["python"]["wheels"]:
                kept = self.state / "wheels" / each["sha256"].partition(":")[2] / each["file"]
                shutil.copyfile(kept, context / "wheels" / each["file"])
                pinned.append(f"{each['name']}=={each['version']}")
            (context / "requirements.txt").write_text("\n".join(pinned) + "\n")
            install = (
                "install --no-index --find-links /wheels --prefix /opt/venv -r /requirements.txt"
            )
            lines += ["COPY requirements.txt /", f'RUN python3 -c "{_PIP}" {install}']
        if recipe.node:
            folder = (recipe_file.folder / recipe.node.lock).parent
            shutil.copytree(folder, context / "node")
            timed(["npm", "ci", "--ignore-scripts", "--prefix", context / "node"])
            lines.append("COPY node/node_modules /node_modules")
        for number, step in enumerate(recipe.files):
            source, target = recipe_file.folder / step.from_, context / f"files{number}"
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
            lines.append(f"COPY files{number} {step.to}")
        (context / "Containerfile").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Run this comparison alone, in the folder that is named."""
    bench = ExampleBench(Path(sys.argv[1]))
    try:
        print(bench.cold())
        print(bench.unchanged())
    finally:
        bench.close()


if __name__ == "__main__":
    main()
