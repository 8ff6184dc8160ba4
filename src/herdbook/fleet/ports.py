"""The port through which instances are started, seen and stopped, whatever runs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from herdbook.fleet.instances import Seen, Wanted


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

    def answers(self, address: str, port: int, path: str, limit_seconds: float = 1.0) -> bool:
        """Tell whether an HTTP GET is answered with 2xx or 3xx within the limit; never raises."""
        ...
