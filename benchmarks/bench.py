"""What is compared: the example shop, built and started by Herdbook and by other tools."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from apt_files import lay_out_debs, sources
from measure import Comparison, compare, timed

REPOSITORY = Path(__file__).parents[1]
HERDBOOK = REPOSITORY / ".venv/bin/herdbook"
PODMAN_LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]
COLD_RUNS = 3
RUNS = 5
COMMAND_RUNS = 15
READY_LIMIT_SECONDS = 120


class Bench:
    """A copy of the example with a state of its own, below a folder that is thrown away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.shop = folder / "shop"
        shutil.copytree(REPOSITORY / "examples/shop/web", self.shop, ignore=_no_locks)
        self.recipe = self.shop / "herdbook.yaml"
        print("Locking and fetching, which is not measured")
        self.herdbook("build", self.recipe)
        self.lock = json.loads((self.shop / "herdbook.lock").read_text())
        self.version = self.herdbook_json("show", "shop/web")
        self._changes = 0

    def herdbook(self, *arguments: str | Path) -> float:
        """Run Herdbook on the bench's state and return its seconds."""
        return timed([HERDBOOK, *arguments], env=self._environment())

    def herdbook_json(self, *arguments: str | Path) -> Any:  # noqa: ANN401 - JSON
        """Run Herdbook and return what it prints for scripts."""
        result = subprocess.run(
            [HERDBOOK, *arguments, "--json"],
            env=self._environment(),
            capture_output=True,
            check=True,
        )
        return json.loads(result.stdout)

    def cold_build(self) -> Comparison:
        """Both variants from an empty store, against mmdebstrap making one root of the VM's set.

        Both have every .deb at hand, skip the initramfs and dpkg's fsync. mmdebstrap reads the
        archive's index, as it always does; Herdbook has its lock.
        """
        debs = self._debs_for_apt()

        def ours() -> float:
            for name in ("blobs", "roots", "herdbook.db", "stamps", "artefacts"):
                path = self.state / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            for path in self.state.glob("herdbook.db-*"):
                path.unlink()
            return self.herdbook("build", self.recipe)

        def theirs() -> float:
            names = [each["name"] for part in ("packages", "machine") for each in self.lock[part]]
            cache = "$1/var/cache/apt/archives"
            copy = f'mkdir -p "{cache}" && cp {debs}/*.deb "{cache}/"'
            return timed(
                [
                    *("mmdebstrap", "--variant=essential", "--mode=root", "--format=tar"),
                    *("--dpkgopt=force-unsafe-io", f"--include={','.join(names)}"),
                    *(f"--setup-hook={copy}", "--skip=download/empty", "--quiet"),
                    *(
                        "bookworm",
                        str(self.folder / "mmdebstrap.tar"),
                        *sources(self.state, "bookworm"),
                    ),
                ],
                env={**os.environ, "INITRD": "No"},
            )

        return compare("both variants, cold store", ours, theirs, "mmdebstrap, one root", COLD_RUNS)

    def unchanged(self) -> Comparison:
        """A build with nothing to do, against `buildah bud --layers` with every layer cached."""
        self._buildah()
        return compare(
            "nothing changed",
            lambda: self.herdbook("build", self.recipe),
            self._buildah,
            "buildah bud --layers",
            RUNS,
        )

    def listing(self) -> Comparison:
        """What is there: a command that reads, most of whose time is its start."""
        return compare(
            "images listed",
            lambda: self.herdbook("images"),
            lambda: timed(["podman", "images"]),
            "podman images",
            COMMAND_RUNS,
        )

    def one_file(self) -> Comparison:
        """A build after one line of the application changed: both variants, against one image."""

        def changed(build: Any) -> float:  # noqa: ANN401 - either tool's function
            self._changes += 1
            with (self.shop / "web/application.py").open("a") as file:
                file.write(f"# change {self._changes}\n")
            return float(build())

        return compare(
            "one file changed",
            lambda: changed(lambda: self.herdbook("build", self.recipe)),
            lambda: changed(self._buildah),
            "buildah bud --layers, container only",
            RUNS,
        )

    def container_ready(self) -> Comparison:
        """Seconds until the container answers, against a bare `podman run` of the same image."""
        self._run("container")
        layout = next((self.state / "artefacts").glob("*/layout"))
        timed(["podman", "pull", "-q", f"oci:{layout}"])
        image = subprocess.run(
            ["podman", "pull", "-q", f"oci:{layout}"], capture_output=True, text=True, check=True
        ).stdout.strip()

        def bare() -> float:
            command = ["podman", "--runtime", "runc", "run", "-d", "--name", "herdbook-bench"]
            before = time.monotonic()
            timed([*command, *PODMAN_LIMITS, "-p", "127.0.0.1:18080:8080", image])
            seconds = _await_http(18080, before)
            timed(["podman", "rm", "-f", "-t", "0", "herdbook-bench"])
            return seconds

        ours = lambda: self._run("container")  # noqa: E731 - a name for the pair
        return compare("container ready", ours, bare, "podman run", RUNS)

    def machine_ready(self) -> Comparison:
        """Seconds until the VM answers, against a bare QEMU with the same kernel and root."""
        self._run("vm")
        root = next((self.state / "artefacts").glob("*/root.erofs"))

        def bare() -> float:
            command = [
                *("qemu-system-x86_64", "-machine", "q35", "-cpu", "qemu64", "-m", "512"),
                *("-nodefaults", "-display", "none", "-no-reboot", "-serial", "null"),
                *("-kernel", str(root.parent / "kernel"), "-initrd", str(root.parent / "initrd")),
                *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
                *("-drive", f"if=none,id=root,format=raw,readonly=on,file={root}"),
                *("-device", "virtio-blk-pci,drive=root,serial=herdbook-root"),
                *("-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:18081-:8080"),
                *("-device", "virtio-net-pci,netdev=net,romfile="),
            ]
            before = time.monotonic()
            machine = subprocess.Popen(command)
            try:
                return _await_http(18081, before)
            finally:
                machine.kill()
                machine.wait()

        return compare("VM ready, emulated", lambda: self._run("vm"), bare, "bare QEMU", RUNS)

    def close(self) -> None:
        """Stop whatever still runs."""
        self.herdbook("stop", "--all")
        timed(["buildah", "--root", self.folder / "buildah", "rm", "--all"])
        subprocess.run(["umount", "-q", "-l", self.folder / "buildah/overlay"], check=False)

    def _run(self, variant: str) -> float:
        """Start a variant, and stop it again; return the seconds it took to answer."""
        started = self.herdbook_json("run", "shop/web", "--variant", variant)
        self.herdbook("stop", started["name"], "--grace", "0")
        return float(started["ready_seconds"])

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HERDBOOK_STATE": str(self.state)}

    def _debs_for_apt(self) -> Path:
        """Return a folder of the kept packages under the names apt gives them."""
        folder = self.folder / "debs"
        folder.mkdir()
        lay_out_debs(self.state, (*self.lock["packages"], *self.lock["machine"]), folder)
        return folder

    def _buildah(self) -> float:
        """Build the same application files on a base that holds everything below them."""
        storage = ["--root", str(self.folder / "buildah"), "--storage-driver", "overlay"]
        if not (self.folder / "Containerfile").exists():
            layout = self.folder / "base"
            self.herdbook("export", "shop/web", "--to", layout)
            timed(["buildah", *storage, "pull", f"oci:{layout}"])
            base = subprocess.run(
                ["buildah", *storage, "images", "-q"], capture_output=True, text=True, check=True
            ).stdout.split()[0]
            (self.folder / "Containerfile").write_text(
                f"FROM {base}\nUSER 0\nCOPY web/ /srv/shop/web\n"
                "RUN python3 -m compileall -q --invalidation-mode unchecked-hash /srv/shop/web\n"
                "USER 10000\n"
            )
        return timed(
            [
                *("buildah", *storage, "bud", "--layers", "--isolation", "chroot", "-q"),
                *("--pull-never", "-f", self.folder / "Containerfile", "-t", "bench", self.shop),
            ]
        )


def _await_http(port: int, before: float) -> float:
    """Wait until a port answers and return the seconds since `before`."""
    while time.monotonic() - before < READY_LIMIT_SECONDS:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=0.5):
                return time.monotonic() - before
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"port {port} never answered")


def _no_locks(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".lock")]
