"""The names of applications: the port's promises on top of dnsmasq."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.drivers.claims import claim, claim_path
from herdbook.drivers.dnsmasq import server
from herdbook.drivers.dnsmasq.configuration import Files, hosts, known_machines, settings
from herdbook.drivers.dnsmasq.folders import Folders
from herdbook.fleet.instances import RunningProcess, check_name
from herdbook.fleet.networks import Attachment, NetworkPlan

_CLAIM = "names"
_RESOLVERS = Path("/etc/resolv.conf")


class DnsmasqNames:
    """Runs one dnsmasq for each application, with a folder below `state_directory`.

    Names of elsewhere are asked for at the name servers that `resolvers` lists (resolv.conf(5)).
    """

    def __init__(self, state_directory: Path, clock: Clock, resolvers: Path = _RESOLVERS) -> None:
        self._state_directory = state_directory.resolve()
        self._clock = clock
        self._resolvers = resolvers

    def serve(
        self, application: str, networks: Sequence[NetworkPlan], machines: Collection[Attachment]
    ) -> None:
        """See to it that the networks' gateways answer, and machines get their addresses."""
        with self._folders(application) as folders:
            folders.make()
            folders.write_readable("machines", known_machines(machines))
            running = self._with_settings(folders, networks, with_machines=bool(machines))
            if networks and running is None:
                server.start(folders.settings, self._clock)
            self._tell(folders)

    def publish(self, application: str, names: Mapping[str, Collection[IPv4Address]]) -> None:
        """Have names answered with just these addresses from now on."""
        lines = hosts(names)
        with self._folders(application) as folders:
            folders.make()
            folders.write_readable("hosts", lines)
            self._tell(folders)

    def end(self, application: str) -> None:
        """Answer no more; idempotent."""
        with self._folders(application) as folders:
            running = _running(folders)
            if running is not None:
                server.end(running)
            folders.remove()

    def _with_settings(
        self, folders: Folders, networks: Sequence[NetworkPlan], *, with_machines: bool
    ) -> RunningProcess | None:
        """Write the settings; return the process that has them, ending one that has others."""
        files = Files(
            process_id=folders.process_id,
            hosts=folders.public / "hosts",
            machines=folders.public / "machines",
            resolvers=self._resolvers,
            user=server.user(),
        )
        running = _running(folders)
        present = folders.read(folders.settings) if running else ""
        # Who has answered machines goes on: it costs nothing, and a new start does.
        with_all = settings(networks, files, with_machines=True)
        wanted = settings(networks, files, with_machines=with_machines)
        if networks and present in (wanted, with_all):
            return running
        if running is not None:  # first: else a crash would leave it with what it has not read
            server.end(running)
        folders.write(folders.settings, wanted)
        return None

    def _tell(self, folders: Folders) -> None:
        """Have the process read the files again, unless it has read just these."""
        running = _running(folders)
        if running is None:
            return
        read = [folders.read(folders.public / name) for name in ("hosts", "machines")]
        told = digests.of_bytes(repr((running, read)).encode())
        if folders.read(folders.heard) != told:
            server.read_anew(running)
            folders.write(folders.heard, told)  # after: told twice does no harm, never told does

    @contextmanager
    def _folders(self, application: str) -> Iterator[Folders]:
        check_name(application)
        with claim(claim_path(self._state_directory, _CLAIM, application)):
            yield Folders(self._state_directory / "names" / application)


def _running(folders: Folders) -> RunningProcess | None:
    return server.find(folders.settings, folders.process_id)
