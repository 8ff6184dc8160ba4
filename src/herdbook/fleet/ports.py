"""The ports through which instances are run, connected, asked and watched, whatever does it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

from herdbook.fleet.balancing import Door, Member, Traffic
from herdbook.fleet.instances import Plugs, RunningProcess, Seen, Wanted
from herdbook.fleet.networks import Attachment, NetworkPlan
from herdbook.fleet.probes import Answer, ProbeTarget


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do on this machine, found out by trying, never by its name.

    `variant` is the kind of image it runs. `accelerator` is `kvm`, `tcg` or empty. `unusable`
    says why nothing can be started, empty if all is well, and `remedy` what to do about it.
    """

    variant: str
    version: str = ""
    accelerator: str = ""
    unusable: str = ""
    remedy: str = ""


class Engine(Protocol):
    """Runs instances that outlive the command that started them.

    Promises, proven by one contract suite for all drivers: instances are found again by any later
    process; what one engine started under one state directory, another does not see; drivers
    raise only Herdbook's errors.
    """

    @property
    def name(self) -> str:
        """The engine's name, as `ps` shows it."""
        ...

    def capabilities(self) -> Capabilities:
        """Find out what this machine can do; costly findings are remembered per boot."""
        ...

    def start(self, wanted: Wanted) -> Seen:
        """Start an instance and return once its process runs (it need not be ready).

        Raises ConflictError where the name or a port is taken; EngineError where it cannot start,
        leaving nothing behind.
        """
        ...

    def observe(self) -> list[Seen]:
        """Return every instance of this engine, running or not, by name."""
        ...

    def stop(self, name: str, grace_seconds: float = 10.0) -> None:
        """Stop an instance, kindly and after `grace_seconds` by force, and remove what it left.

        Idempotent: an absent instance is not an error.
        """
        ...

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines the service wrote; with `follow`, go on until the instance ends.

        Raises NotFoundError for an absent instance.
        """
        ...


class Network(Protocol):
    """What this machine's own network tells about instances."""

    def free_port(self) -> int:
        """Return a TCP port of this machine that nobody uses now."""
        ...

    def is_taken(self, address: str, port: int) -> bool:
        """Tell whether somebody listens at a TCP port of an address of this machine."""
        ...

    def subnets(self) -> list[IPv4Network]:
        """Return the networks this machine has a way to, but for the way to all others."""
        ...

    def answers(self, address: str, port: int, path: str, limit_seconds: float = 1.0) -> bool:
        """Tell whether an HTTP GET is answered with 2xx or 3xx within the limit; never raises."""
        ...


@dataclass(frozen=True)
class Executed:
    """How a command inside an instance ended, and what it said."""

    status: int
    output: str


class Inside(Protocol):
    """What an engine has, too, whose instances can be entered."""

    def execute(self, name: str, command: Sequence[str], limit_seconds: float = 10.0) -> Executed:
        """Run a command inside an instance to its end; a status other than 0 is no error.

        It is run as the instance's service is: as that user, with that environment and those
        rights; it has nothing to read. Raises NotFoundError for an absent instance, EngineError for
        one that does not run or takes no command, ConflictError where another one has to end first,
        and TimeoutExpiredError at the limit; then nothing of the command is left.
        """
        ...

    def entering(self, name: str, command: Sequence[str], *, terminal: bool) -> list[str]:
        """Return the program and arguments by which a person runs a command inside."""
        ...


class Switch(Protocol):
    """Makes this machine's networks and plugs instances in, containers and machines alike.

    All is found again by any later process, and all is idempotent: what is there as it should be
    stays untouched; what is absent is not an error. One switch does not see what belongs to
    another state directory.
    """

    def choosing(self) -> AbstractContextManager[list[IPv4Network]]:
        """Let nobody else on this machine choose subnets until the block ends.

        Gives those that other state directories have taken, and may not have laid yet.
        """
        ...

    def take(self, networks: Collection[NetworkPlan]) -> None:
        """Keep others on this machine from choosing the subnets of networks that are laid next."""
        ...

    def lay(self, network: NetworkPlan) -> None:
        """See to it that a network is there, and leads out unless it is internal.

        Raises ConflictError where a network of another state directory lies in its subnet.
        """
        ...

    def take_up(self, network: str) -> None:
        """Remove a network; instances that are still plugged in lose it."""
        ...

    def is_laid(self, network: str) -> bool:
        """Tell whether a network is there, or anything is left of it."""
        ...

    def plug(self, instance: str, attachments: Sequence[Attachment], *, machine: bool) -> Plugs:
        """Give an instance its network cards: a machine taps, a container a namespace."""
        ...

    def unplug(self, instance: str) -> None:
        """Remove what `plug` made."""
        ...

    def plugged(self) -> set[str]:
        """Return the instances that have network cards."""
        ...


class Names(Protocol):
    """Answers instances that ask for names, and machines that ask for their address (DHCP).

    It goes on answering where this program ends, and is found again. One for each application.
    """

    def serve(
        self, application: str, networks: Sequence[NetworkPlan], machines: Collection[Attachment]
    ) -> None:
        """See to it that the networks' gateways answer; names of elsewhere are asked for there.

        `machines` are given their addresses when they ask.
        """
        ...

    def publish(self, application: str, names: Mapping[str, Collection[IPv4Address]]) -> None:
        """Have names answered with just these addresses from now on; others are not known.

        A name without a dot stands for itself and for itself in the networks' domain. An answer
        is good for a second.
        """
        ...

    def end(self, application: str) -> None:
        """Answer no more; idempotent."""
        ...


class Balancer(Protocol):
    """Spreads requests over the members behind doors, and counts what becomes of them.

    It goes on where this program ends, and is found again; ended by somebody, it comes back with
    `open`, and knows its members at once. One for each application.
    """

    def open(self, application: str, doors: Sequence[Door]) -> None:
        """See to it that just these doors are open; a change of doors drops no request.

        Raises ConflictError where an address is taken by others.
        """
        ...

    def place(self, application: str, members: Mapping[str, Sequence[Member]]) -> None:
        """See to it that just these members are behind each door, by its name.

        Nothing is reloaded and no request dropped where a member is added, weighed anew, drained
        or, once its sessions are over, taken away. The same wish twice changes nothing.
        """
        ...

    def traffic(self, application: str) -> Mapping[str, Mapping[str, Traffic]]:
        """Return what the members of each door have done, by door and instance."""
        ...

    def close(self, application: str) -> None:
        """Close all doors; idempotent."""
        ...


class Prober(Protocol):
    """Asks instances, side by side, how they are."""

    def follow(self, targets: Sequence[ProbeTarget]) -> None:
        """Ask just these from now on; those that were asked before keep their rhythm."""
        ...

    def answers(self) -> list[Answer]:
        """Return what was answered since this was last asked, the oldest first."""
        ...

    def close(self) -> None:
        """Ask no more."""
        ...


class Deaths(Protocol):
    """Notices at once that a process has ended, whoever started it."""

    def follow(self, processes: Mapping[str, RunningProcess]) -> None:
        """Watch just these from now on, by the names of their instances."""
        ...

    def wait(self, limit_seconds: float) -> set[str]:
        """Return the instances whose processes have ended, once each; wait for the first one.

        Returns the empty set at the limit, or when `wake` was called.
        """
        ...

    def wake(self) -> None:
        """End a `wait` of another thread, or the next one."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...
