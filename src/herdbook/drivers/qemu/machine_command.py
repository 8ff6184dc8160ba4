"""Writes the QEMU command line of a machine: nothing on it is secret."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import InvalidInputError
from herdbook.disks import rendering, secrets, volumes
from herdbook.drivers.qemu.acceleration import PROCESSOR, QEMU, TCG
from herdbook.drivers.qemu.ports_inside import port_devices
from herdbook.drivers.qemu.storage import Storage
from herdbook.fleet.instances import MachineArtefact, Plugs, PublishedPort, VolumeDisk, Wanted

CONSOLE_LOG = "console.log"
"""What the kernel and the init system write: the first serial port."""

SERVICE_LOG = "service.log"
"""What the service writes: the second serial port."""

_MEBIBYTE = 1 << 20

_CONFINEMENT = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True)
class Machine:
    """All that a QEMU command line is made of."""

    wanted: Wanted
    artefact: MachineArtefact
    accelerator: str
    directory: Path
    monitor: Path
    storage: Storage
    credentials: Path | None


def command_line(machine: Machine) -> list[str]:
    """Return the program and its arguments: a q35 board with nothing on it but what follows."""
    wanted = machine.wanted
    return [
        *(QEMU, "-name", wanted.name, "-nodefaults", "-no-user-config", "-display", "none"),
        *("-no-reboot", "-sandbox", _CONFINEMENT),
        *("-machine", _board(machine), "-cpu", PROCESSOR[machine.accelerator]),
        *("-smp", str(math.ceil(wanted.cpus)), "-m", f"{-(-wanted.memory_bytes // _MEBIBYTE)}M"),
        *_monitor(machine.monitor),
        *_serial_port("console", machine.directory / CONSOLE_LOG),
        *_serial_port("service", machine.directory / SERVICE_LOG),
        *(_network(wanted.ports) if wanted.plugs is None else _taps(wanted.plugs)),
        *("-device", "virtio-rng-pci"),
        *port_devices(machine.directory),
        *_boot(machine),
        *_writable_disk(machine.storage),
        *_credentials_disk(machine.credentials),
        *(word for number, each in enumerate(wanted.volumes) for word in _volume(number, each)),
    ]


def volume_node(number: int) -> str:
    """Return QEMU's name for the disk of a volume, by its place in `Wanted.volumes`."""
    return f"volume-{number}"


def kernel_command_line(machine: Machine) -> str:
    """Return what the kernel of a directly booted machine is told; it ends on a panic."""
    words = [rendering.command_line(machine.wanted.name, emulated=machine.accelerator == TCG)]
    if machine.storage.writable is not None:
        words.append("herdbook.rw=required")  # rather no machine than one that forgets
    return " ".join([*words, machine.artefact.command_line]).strip()


def _board(machine: Machine) -> str:
    board = f"q35,accel={machine.accelerator}"
    return board if machine.storage.firmware is None else f"{board},pflash0=code,pflash1=variables"


def _monitor(socket: Path) -> tuple[str, ...]:
    channel = f"socket,id=monitor,path={_escaped(socket)},server=on,wait=off"
    return ("-chardev", channel, "-mon", "chardev=monitor,mode=control")


def _serial_port(name: str, log: Path) -> tuple[str, ...]:
    file = f"file,id={name},path={_escaped(log)},append=on"
    return ("-chardev", file, "-serial", f"chardev:{name}")


def _network(ports: tuple[PublishedPort, ...]) -> tuple[str, ...]:
    forwards = ",".join(f"hostfwd={_forward(port)}" for port in ports)
    backend = f"user,id=net,{forwards}".rstrip(",")
    # Without its ROM, no time is spent on booting from the network.
    return ("-netdev", backend, "-device", "virtio-net-pci,netdev=net,romfile=")


def _taps(plugs: Plugs) -> Iterator[str]:
    """Yield a card for each tap; in the machine they are eth0, eth1 and so on."""
    for number, tap in enumerate(plugs.taps):
        # The tap is there and on its bridge: QEMU is to do nothing with it but use it.
        backend = f"tap,id=net{number},ifname={tap.device},script=no,downscript=no"
        card = f"virtio-net-pci,netdev=net{number},mac={tap.hardware_address},romfile="
        yield from ("-netdev", backend, "-device", card)


def _forward(port: PublishedPort) -> str:
    if ":" in port.host_address:
        raise InvalidInputError(
            f"A machine's port cannot be published at {port.host_address}",
            hint="QEMU's user network knows IPv4 addresses only.",
        )
    return f"tcp:{port.host_address}:{port.host_port}-:{port.instance_port}"


def _boot(machine: Machine) -> list[str]:
    storage = machine.storage
    if storage.overlay is not None and storage.firmware is not None:
        return [
            *_block("code", storage.firmware.code, "raw", read_only=True),
            *_block("variables", storage.firmware.variables, "raw", read_only=False),
            *_block("disk", storage.overlay, "qcow2", read_only=False),
            *("-device", "virtio-blk-pci,drive=disk,serial=herdbook-disk,bootindex=0"),
        ]
    artefact = machine.artefact
    return [
        *("-kernel", str(artefact.kernel), "-initrd", str(artefact.initrd)),
        *("-append", kernel_command_line(machine)),
        *_block("root", artefact.root.resolve(), "raw", read_only=True),
        *("-device", "virtio-blk-pci,drive=root,serial=herdbook-root"),
    ]


def _writable_disk(storage: Storage) -> list[str]:
    if storage.writable is None:
        return []
    block = _block("writable", storage.writable, "raw", read_only=False)
    return [*block, "-device", "virtio-blk-pci,drive=writable,serial=herdbook-rw"]


def _block(node: str, path: Path, block_format: str, *, read_only: bool) -> list[str]:
    file = {"driver": "file", "filename": str(path), "discard": "unmap"}
    description = {
        "driver": block_format,
        "node-name": node,
        "read-only": read_only,
        "discard": "unmap",  # what a guest deletes takes no room here
        "file": file,
    }
    return ["-blockdev", json.dumps(description)]


def _credentials_disk(path: Path | None) -> list[str]:
    if path is None:
        return []
    # By file: a listing of processes shows everybody the arguments.
    block = _block("secrets", path, "raw", read_only=True)
    return [*block, "-device", f"virtio-blk-pci,drive=secrets,serial={secrets.SERIAL}"]


def _volume(number: int, volume: VolumeDisk) -> tuple[str, ...]:
    node = volume_node(number)
    block = _block(node, volume.path.resolve(), "raw", read_only=volume.read_only)
    return (*block, "-device", f"virtio-blk-pci,drive={node},serial={volumes.serial(number)}")


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")
