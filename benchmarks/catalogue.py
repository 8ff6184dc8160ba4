"""What is compared: a catalogue of twelve images, by Herdbook and one by one by mmdebstrap."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from apt_files import sources
from bench import HERDBOOK
from measure import MEBIBYTE, Comparison, timed

SUITE = "bookworm"
SETS = {
    "postgresql": "postgresql",
    "nginx": "nginx, ssl-cert",
    "java": "default-jre-headless, ca-certificates-java",
    "nodejs": "nodejs",
    "php": "php-fpm",
    "ruby": "ruby",
    "diversions": "zutils, molly-guard, vim, vim-tiny",
    "alternatives": "ed, gawk, mawk, nano, vim-nox, vim-tiny",
    "privileges": "dbus, fuse3, iputils-ping, passwd, sudo, util-linux",
    "services": "cron, logrotate, openssh-server, rsyslog",
    "debconf": "exim4-daemon-light, locales, tzdata",
    "users": "dbus, openssh-server, redis-server",
}
"""Image to packages: twelve sets of the fidelity tests."""

EXTENDED = "services"
EXTENSIONS = ("rsync", "curl", "tmux")
"""What the thirteenth image holds besides the packages of a known one: another in each run."""

PATCHED = ("libssl3", "openssl")
PATCHED_IMAGE = "users"


class CatalogueBench:
    """The catalogue in a folder that is thrown away, with a state of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        for name, packages in SETS.items():
            self._write(name, packages)
        self.file = folder / "catalogue.yaml"
        self.file.write_text("recipes: [images/*.yaml]\n")
        print("Fetching the packages of the catalogue, which is not measured")
        self.herdbook("build", self.file)
        self.tars: dict[str, Path] = {}

    def herdbook(self, *arguments: str | Path) -> float:
        """Run Herdbook on the bench's state and return its seconds."""
        return timed([HERDBOOK, *arguments], env=self._environment())

    def cold(self) -> list[Comparison]:
        """Twelve images from recipes: lock, plan and build, against twelve times mmdebstrap.

        Both have every .deb at hand and read the archive's index; dpkg skips its fsync in both.
        The bytes are those of the layers, and of the tars, as they are stored: uncompressed.
        """
        for name in ("blobs", "roots", "herdbook.db", "herdbook.db-wal", "herdbook.db-shm"):
            path = self.state / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.rmtree(self.state / "stamps", ignore_errors=True)
        for path in [*self.folder.rglob("*.lock")]:
            path.unlink()
        ours = self.herdbook("build", self.file)
        stored = sum(path.stat().st_size for path in (self.state / "blobs/sha256").iterdir())
        theirs, tars = 0.0, 0
        for name in SETS:
            seconds, size = self._mmdebstrap(name)
            print(f"  mmdebstrap {name}: {seconds:.1f} s")
            theirs, tars = theirs + seconds, tars + size
        title = "12 images, cold, lock to layers"
        other = "mmdebstrap, 12 times"
        return [
            Comparison(title, (ours,), (theirs,), other, goal=0.35),
            Comparison(
                "12 images, bytes stored",
                (stored / MEBIBYTE,),
                (tars / MEBIBYTE,),
                f"{other}, tars",
                goal=0.4,
                unit="MiB",
            ),
        ]

    def thirteenth(self) -> Comparison:
        """One more image that extends a set the catalogue knows: lock, plan and build."""
        pairs = []
        for number, package in enumerate(EXTENSIONS):
            name = f"extended-{number}"
            recipe = self._write(name, f"{SETS[EXTENDED]}, {package}")
            ours = self._with_packages_at_hand(name, recipe)
            pairs.append((ours, self._mmdebstrap(name)[0]))
            print(f"  a 13th image: {pairs[-1][0]:.1f} s, {pairs[-1][1]:.1f} s")
        return Comparison(
            "a 13th image that extends a known set",
            tuple(pair[0] for pair in pairs),
            tuple(pair[1] for pair in pairs),
            "mmdebstrap",
            goal=0.3,
        )

    def patched(self) -> list[Comparison]:
        """What a machine with the old libssl3 pulls for the new one: layers it does not have.

        Against the patched .debs themselves, and against the same image built again by buildah.
        """
        recipe = self._write("patched", SETS[PATCHED_IMAGE])
        self.herdbook("lock", recipe)
        lock_file = recipe.with_suffix(".lock")
        lock = json.loads(lock_file.read_text())
        new = {each["name"]: each for each in lock["packages"] if each["name"] in PATCHED}
        old = self._versions_of_main(new)
        debs = sum(new[name]["size"] for name in old)
        lock["packages"] = [old.get(each["name"], each) for each in lock["packages"]]
        fresh = lock_file.read_text()
        lock_file.write_text(json.dumps(lock))
        before = self._exported(recipe, "before")
        lock_file.write_text(fresh)
        after = self._exported(recipe, "after")
        pulled = sum(size for digest, size in after.items() if digest not in before)
        rebuilt = self._rebuilt_by_buildah()
        versions = ", ".join(
            f"{name} {old[name]['version']} to {new[name]['version']}" for name in sorted(old)
        )
        title = f"bytes to pull for {versions}"
        return [
            Comparison(
                title, (pulled / MEBIBYTE,), (debs / MEBIBYTE,), "the .debs", goal=1.2, unit="MiB"
            ),
            Comparison(
                "the same bytes to pull",
                (pulled / MEBIBYTE,),
                (rebuilt / MEBIBYTE,),
                "the image built again by buildah, gzip",
                unit="MiB",
            ),
        ]

    def _write(self, name: str, packages: str) -> Path:
        recipe = self.folder / "images" / f"{name}.yaml"
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(
            f"image: bench/{name}\nfrom: debian:{SUITE}\npackages: [{packages}]\n"
            "variants: [container]\n"
        )
        return recipe

    def _with_packages_at_hand(self, name: str, recipe: Path) -> float:
        """Build an image whose packages were fetched before, in a state and folder that lack it."""
        elsewhere = self.folder / f"fetching-{name}"
        shutil.copytree(self.folder / "images", elsewhere / "images")
        shutil.copy(self.folder / "layers.lock", elsewhere)
        (elsewhere / "catalogue.yaml").write_text(self.file.read_text())
        environment = self._environment() | {"HERDBOOK_STATE": str(elsewhere / "state")}
        (elsewhere / "state").mkdir()
        (elsewhere / "state/archive").symlink_to(self.state / "archive")
        timed([HERDBOOK, "build", elsewhere / "images" / recipe.name], env=environment)
        shutil.rmtree(elsewhere)
        return self.herdbook("build", recipe)

    def _exported(self, recipe: Path, name: str) -> dict[str, int]:
        """Return the compressed layers of an image as a registry would have them."""
        self.herdbook("build", recipe)
        target = self.folder / f"layout-{name}"
        self.herdbook(
            *("export", "bench/patched", "--format", "oci", "--compression", "zstd"),
            *("--to", target),
        )
        index = json.loads((target / "index.json").read_text())
        digest = index["manifests"][0]["digest"].partition(":")[2]
        manifest = json.loads((target / "blobs/sha256" / digest).read_text())
        return {layer["digest"]: layer["size"] for layer in manifest["layers"]}

    def _versions_of_main(self, packages: dict[str, Any]) -> dict[str, Any]:
        """Return these packages as the suite's main pocket has them, where it has other ones."""
        (index,) = (self.state / "archive/apt/bookworm/lists").glob(
            "*_dists_bookworm_main_binary-amd64_Packages"
        )
        found = {}
        for stanza in index.read_text().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
            known = packages.get(fields.get("Package", ""))
            if known and fields["Version"] != known["version"]:
                found[known["name"]] = known | {
                    "version": fields["Version"],
                    "source_version": fields["Version"],
                    "pocket": "bookworm",
                    "path": fields["Filename"],
                    "size": int(fields["Size"]),
                    "sha256": f"sha256:{fields['SHA256']}",
                }
        return found

    def _rebuilt_by_buildah(self) -> int:
        """Return the bytes of the image that `buildah` makes of the set's files, compressed."""
        storage = ["--root", str(self.folder / "buildah"), "--storage-driver", "vfs"]
        (self.folder / "Containerfile").write_text(f"FROM scratch\nADD {PATCHED_IMAGE}.tar /\n")
        timed(["buildah", *storage, "bud", "-t", "rebuilt", self.folder])
        target = self.folder / "rebuilt"
        timed(["buildah", *storage, "push", "rebuilt", f"oci:{target}"])
        return sum(path.stat().st_size for path in (target / "blobs/sha256").iterdir())

    def _mmdebstrap(self, name: str) -> tuple[float, int]:
        """Return the seconds and bytes of the same packages by mmdebstrap, every .deb at hand."""
        lock = json.loads((self.folder / "images" / f"{name}.lock").read_text())
        debs = self.folder / f"debs-{name}"
        debs.mkdir(exist_ok=True)
        for each in lock["packages"]:
            kept = self.state / "archive/debs" / f"{each['sha256'].partition(':')[2]}.deb"
            version = each["version"].replace(":", "%3a")
            target = debs / f"{each['name']}_{version}_{each['architecture']}.deb"
            target.unlink(missing_ok=True)
            os.link(kept, target)
        cache = "$1/var/cache/apt/archives"
        tar = self.folder / f"{name}.tar"
        seconds = timed(
            [
                *("mmdebstrap", "--variant=essential", "--mode=root", "--format=tar", "--quiet"),
                "--dpkgopt=force-unsafe-io",
                f"--include={','.join(each['name'] for each in lock['packages'])}",
                f'--setup-hook=mkdir -p "{cache}" && cp {debs}/*.deb "{cache}/"',
                *("--skip=download/empty", lock["suite"], str(tar)),
                *sources(self.state, lock["suite"]),
            ]
        )
        size = tar.stat().st_size
        if name != PATCHED_IMAGE:  # which buildah takes later
            tar.unlink()
        return seconds, size

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HERDBOOK_STATE": str(self.state)}

    def close(self) -> None:
        """Take down what buildah mounted."""
        subprocess.run(["umount", "-q", "-l", self.folder / "buildah/vfs"], check=False)
