"""Writes a machine that is a Debian with systemd, and what a VM's own layer adds to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import engine_service
from engine_container import USER_ID
from engine_machine import fetch_kernel, fetch_package
from engine_whole_machine import modules_of

from herdbook.disks.initrd import make_initrd
from herdbook.disks.machine import MachineFile, Service, machine_files
from herdbook.drivers import process
from herdbook.fleet.instances import MachineArtefact
from herdbook.layers.tree import Kind

PROCESS_NUMBER = "/tmp/service"

_SCRIPT = f'echo "arguments: $*"; echo $$ >{PROCESS_NUMBER}; exec sleep infinity'
_SERVICE = ("/bin/sh", "-c", _SCRIPT, "service")
_PACKAGES = "systemd-sysv,busybox-static"
_LEFT_OUT = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache", "var/lib/apt")


def write_systemd_machine(
    directory: Path, cache: Path, suite: str, identity: tuple[str, str] = ("service", "")
) -> MachineArtefact:
    """The kernel is this machine's Debian's; `cache` keeps what is fetched for the next session.

    `identity` is the user and the group that the image's unit names.
    """
    directory.mkdir(parents=True, exist_ok=True)
    kernel, _ = fetch_kernel(cache)
    initrd, root = directory / "initrd", directory / "root.erofs"
    initrd.write_bytes(make_initrd(engine_service.BUSYBOX.read_bytes(), modules_of(cache)))
    program = fetch_package("erofs-utils", cache, "erofs-utils") / "usr" / "bin" / "mkfs.erofs"
    with _tree(directory / "tree", _fetch_suite(suite, cache), *identity) as tree:
        made = process.run([program, root, tree])
    assert made.succeeded, made.errors
    return MachineArtefact(kernel, initrd, root)


def _fetch_suite(suite: str, cache: Path) -> Path:
    archive = cache / f"{suite}.tar"
    if not archive.exists():
        partial = cache / f"{suite}.partial.tar"
        options = ("--quiet", "--variant=essential", f"--include={_PACKAGES}")
        process.run(["mmdebstrap", *options, suite, partial]).refuse_failure("mmdebstrap failed")
        partial.rename(archive)
    return archive


@contextmanager
def _tree(tree: Path, archive: Path, user: str, group: str) -> Iterator[Path]:
    tree.mkdir()
    options = ("--exclude=./dev/*", *(f"--exclude=./{path}" for path in _LEFT_OUT))
    process.run(["tar", "-x", "-f", archive, "-C", tree, *options]).refuse_failure("tar failed")
    with (tree / "etc" / "passwd").open("a") as users:
        users.write(f"service:x:{USER_ID}:{USER_ID}::/nonexistent:/usr/sbin/nologin\n")
    environment = {"GREETING": "overridden", "OWN": 'it\'s "100 %"'}
    service = Service(_SERVICE, environment, user, "/srv", group=group)
    for each in machine_files(service):
        _write(tree, each)
    yield tree
    process.run(["rm", "-r", tree]).refuse_failure("rm failed")


def _write(tree: Path, file: MachineFile) -> None:
    path = tree / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if file.kind is Kind.SYMLINK:
        path.symlink_to(file.target)
    else:
        path.write_bytes(file.content)
        path.chmod(file.mode)
