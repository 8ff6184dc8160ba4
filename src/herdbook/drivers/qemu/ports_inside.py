"""Gives a machine the ports by which its host runs commands in it; disks/init.sh looks for them.

Each is a pair of pipes in the machine's folder, which QEMU holds open on both sides: so neither a
host that comes and goes nor one that is killed ever looks to the machine like an end of file.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path


class Lane(Enum):
    """Who runs commands in a machine by ports of their own, and so never waits for the other.

    The value is what their files here and their units there are called.
    """

    PEOPLE = "inside"
    PROGRAMS = "asking"


COMMANDS = "commands"
"""Requests and input go in there, output comes out."""

ERRORS = "errors"
END = "end"
"""A name that goes in there ends whatever runs, and comes out again."""

_PORTS = (COMMANDS, ERRORS, END)
PORT_NAMES = {Lane.PEOPLE: "herdbook", Lane.PROGRAMS: "herdbook.asking"}
"""How the ports' names begin, by which init.sh finds them."""


@dataclass(frozen=True)
class Pipe:
    """A port's two pipes, named from the machine's point of view."""

    path: Path

    @property
    def into(self) -> Path:
        """What is written there, the machine reads."""
        return self.path.with_suffix(".in")

    @property
    def out(self) -> Path:
        """What the machine wrote."""
        return self.path.with_suffix(".out")


def pipe_of(directory: Path, lane: Lane, port: str) -> Pipe:
    """Return the pipes of a port of the machine that has its files in `directory`."""
    return Pipe(directory / f"{lane.value}-{port}")


def make_pipes(directory: Path) -> None:
    """Make all of them, for nobody but this user."""
    for lane, port in product(Lane, _PORTS):
        pipe = pipe_of(directory, lane, port)
        os.mkfifo(pipe.into, 0o600)
        os.mkfifo(pipe.out, 0o600)


def port_devices(directory: Path) -> Iterator[str]:
    """Yield what of QEMU's command line plugs the ports in."""
    yield from ("-device", f"virtio-serial-pci,max_ports={len(Lane) * len(_PORTS) + 1}")
    for lane, port in product(Lane, _PORTS):
        path = str(pipe_of(directory, lane, port).path).replace(",", ",,")
        name = f"{lane.value}-{port}"
        yield from ("-chardev", f"pipe,id={name},path={path}")
        yield from ("-device", f"virtserialport,chardev={name},name={PORT_NAMES[lane]}.{port}")
