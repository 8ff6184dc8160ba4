"""Writes a machine that starts as shipped ones do, up to systemd: our initrd, an EROFS root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import engine_service
from engine_machine import fetch_kernel, fetch_package
from engine_support import start_elsewhere

from herdbook.disks.initrd import load_order, make_initrd
from herdbook.drivers import process
from herdbook.drivers.qemu import QemuEngine
from herdbook.fleet.instances import MachineArtefact, Wanted

OWNER, MODE = 1000, 0o750
"""Of the directory /data in the image."""

_APPLETS = ("cut", "head", "seq", "sort", "stat", "sync", "touch", "wc")

_INIT = """\
#!/bin/sh
export PATH=/bin
echo 0 >/proc/sys/kernel/ctrl-alt-del
ip link set lo up
for card in eth0 eth1; do
    [ ! -e /sys/class/net/$card ] || UDHCPC &
done
service >/dev/ttyS1 2>&1 &
service=$!
trap 'kill -TERM $service' INT
while kill -0 $service; do wait $service; done
sync
poweroff -f
"""

_SERVICE = """\
#!/bin/sh
trap 'echo "stopped kindly"; exit 0' TERM
for directory in /data /data/below /srv/new; do
    echo "$directory $(stat -c '%u %a' $directory) $(ls -A $directory | tr '\\n' ' ')"
done
touch /srv/new/read-only && echo "wrote where nothing is to be written"
echo "started" >>/data/starts
sync
echo "the service is ready"
tries=0
while [ "$(ip -4 address show | grep -c 'inet 10.')" != 2 ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
ip -4 address show | grep 'inet 10.'
ip route
cat /etc/resolv.conf
echo "the service is connected"
while :; do
    sleep 1 &
    wait $!
done
"""

_NETWORK = """\
ip link set lo up
for number in 1 2; do
    ip link add bridge$number type bridge
    ip address add 10.99.$number.1/24 dev bridge$number
    ip link set bridge$number up
    ip tuntap add tap$number mode tap
    ip link set tap$number master bridge$number up
done
echo ready
exec dnsmasq --conf-file=/dev/null --keep-in-foreground --user=root --pid-file= --port=0 \
    --no-resolv --no-hosts --leasefile-ro --log-facility=- --domain=shop.internal \
    --dhcp-option=option:dns-server,0.0.0.0 --dhcp-option=option:domain-search,shop.internal \
    --dhcp-range=10.99.1.0,static --dhcp-host=02:48:0a:63:01:05,10.99.1.5 \
    --dhcp-range=10.99.2.0,static --dhcp-host=02:48:0a:63:02:05,10.99.2.5
"""


def write_whole_machine(directory: Path, cache: Path) -> MachineArtefact:
    """The kernel is Debian's; `cache` keeps what is fetched for the next session."""
    kernel, _ = fetch_kernel(cache)
    first = modules_of(cache)
    initrd, root = directory / "initrd", directory / "root.erofs"
    initrd.write_bytes(make_initrd(engine_service.BUSYBOX.read_bytes(), first))
    tree = directory / "tree"
    _write_tree(tree)
    program = fetch_package("erofs-utils", cache, "erofs-utils") / "usr" / "bin" / "mkfs.erofs"
    made = process.run([program, root, tree])
    assert made.succeeded, made.errors
    return MachineArtefact(kernel, initrd, root)


def modules_of(cache: Path) -> list[tuple[str, bytes]]:
    """The modules of that kernel that our initrd loads, in their order."""
    _, modules = fetch_kernel(cache)
    order = load_order(
        _dependencies(modules), (modules / "modules.builtin").read_text(encoding="utf-8")
    )
    return [(path, (modules / path).read_bytes()) for path in order.first]


@contextmanager
def two_networks() -> Iterator[int]:
    """A network namespace with tap1 and tap2, each on a bridge that gives addresses by DHCP.

    All of it is gone when the last process in it has ended.
    """
    with process.spawn(["unshare", "--net", "sh", "-c", _NETWORK]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        yield holder.pid


def start_in_namespace_of(holder: int, state_directory: Path, wanted: Wanted) -> None:
    """Start a machine whose taps are in the network namespace of a process."""
    entering = ("nsenter", f"--net=/proc/{holder}/ns/net")
    start_elsewhere(QemuEngine, state_directory, wanted, *entering)


def _write_tree(tree: Path) -> None:
    for name in (*engine_service.directories(), "data", "sbin", "usr", "srv"):
        (tree / name).mkdir(parents=True)
    os.chown(tree / "data", OWNER, OWNER)
    (tree / "data").chmod(MODE)
    for name in (*engine_service.APPLETS, *_APPLETS):
        (tree / "bin" / name).symlink_to("busybox")
    (tree / "link").symlink_to("/run")
    files = resources.files("herdbook.disks") / "machine_files"
    unit = (files / "herdbook-network@.service").read_text("utf-8")
    (command,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    command = command.removeprefix("ExecStart=").replace("%i", "$card")
    init = _INIT.replace("UDHCPC", command)
    _write_program(tree / "bin" / "busybox", engine_service.BUSYBOX.read_bytes())
    _write_program(tree / "bin" / "service", _SERVICE.encode())
    _write_program(tree / "sbin" / "init", init.encode())
    changed = (files / "network-changed").read_bytes()
    _write_program(tree / "usr" / "lib" / "herdbook" / "network-changed", changed)


def _write_program(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)


def _dependencies(modules: Path) -> str:
    """What depmod finds out: in a package that was only unpacked it has not been run."""
    dependencies = modules / "modules.dep"
    if not dependencies.exists():
        made = process.run(["busybox", "depmod", "-b", modules.parents[2], modules.name])
        assert made.succeeded, made.errors
    return dependencies.read_text(encoding="utf-8")
