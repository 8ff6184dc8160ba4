"""The engine that runs virtual machines: the port's promises on top of QEMU."""

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import (
    ConflictError,
    EngineError,
    InvalidInputError,
    MissingToolError,
    NotFoundError,
)
from herdbook.drivers import findings
from herdbook.drivers.claims import claim, claim_path, is_claimed
from herdbook.drivers.handover import check_handover
from herdbook.drivers.host_ports import refuse_taken_ports
from herdbook.drivers.line_files import follow_lines
from herdbook.drivers.qemu import guardian, insides, monitor
from herdbook.drivers.qemu.acceleration import find_accelerator, qemu_version
from herdbook.drivers.qemu.console import console_lines
from herdbook.drivers.qemu.credentials import remove_credentials, write_credentials
from herdbook.drivers.qemu.directories import Directories
from herdbook.drivers.qemu.endings import start_error
from herdbook.drivers.qemu.kept_logs import limit_log
from herdbook.drivers.qemu.machine_command import CONSOLE_LOG, SERVICE_LOG, Machine, command_line
from herdbook.drivers.qemu.network_cards import refuse_missing_taps
from herdbook.drivers.qemu.ports_inside import make_pipes
from herdbook.drivers.qemu.record import Record
from herdbook.drivers.qemu.shutdown import shut_down
from herdbook.drivers.qemu.sightings import ending, living_process
from herdbook.drivers.qemu.storage import make_storage
from herdbook.drivers.qemu.volumes import ready
from herdbook.fleet.instances import MachineArtefact, Seen, State, Wanted, check_name
from herdbook.fleet.ports import Capabilities, Executed

NAME = "qemu"

_START_LIMIT_SECONDS = 30.0
_PAUSE_SECONDS = 0.02
_CONSOLE_LINES = 40


class QemuEngine:
    """Runs each machine as a QEMU process of its own, with a directory below `state_directory`."""

    def __init__(self, state_directory: Path, clock: Clock) -> None:
        self._state_directory = state_directory.resolve()
        self._clock = clock
        self._directories = Directories(self._state_directory)

    @property
    def name(self) -> str:
        """The engine's name, as `ps` shows it."""
        return NAME

    def capabilities(self) -> Capabilities:
        """Find out what speeds machines up here; the first time, by booting a tiny one."""
        if platform.machine() != "x86_64":
            return Capabilities("vm", unusable=f"No machine runs on {platform.machine()} yet")
        try:
            version = qemu_version()
        except MissingToolError as error:
            return Capabilities("vm", unusable=error.message, remedy=error.hint)
        return Capabilities("vm", version, self._accelerator())

    def start(self, wanted: Wanted) -> Seen:
        """Start a machine of `wanted` and return once its processor runs."""
        check_name(wanted.name)
        check_handover(wanted)
        if not isinstance(wanted.artefact, MachineArtefact):
            raise InvalidInputError("QEMU runs machines, not containers")
        if wanted.mounts:
            raise InvalidInputError(
                f"The machine {wanted.name!r} cannot see {wanted.mounts[0].source} of this machine",
                hint="Put it into the image, hand it over as a secret, or use a volume.",
            )
        self._refuse_taken_name(wanted.name)  # before a claim hides the one that has it
        with claim(self._claim(wanted.name)) as claimed:
            self._refuse_taken_name(wanted.name)
            refuse_taken_ports(wanted.published)
            refuse_missing_taps(wanted)
            record = self._record(wanted)
            try:
                with ready(wanted.volumes):
                    self._start(record, wanted, wanted.artefact, claimed)
            except BaseException:
                self._remove(wanted.name, grace_seconds=0)
                raise
        process = guardian.identity(self._directories.of(wanted.name))
        return record.seen(NAME, State.RUNNING, "", process)

    def observe(self) -> list[Seen]:
        """Return every machine of this state directory, running or not, by name."""
        seen = (self._seen(record) for record in self._directories.records())
        return [one for one in seen if one is not None]

    def stop(self, name: str, grace_seconds: float = 10.0) -> None:
        """Stop a machine, after `grace_seconds` by force, and remove what it left."""
        check_name(name)
        with claim(self._claim(name)):
            self._remove(name, grace_seconds)

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines the service wrote; the console's last if it failed before any."""
        check_name(name)
        record = self._directories.read(name)
        if record is None:
            raise NotFoundError(f"There is no instance named {name!r}")
        return self._log_lines(record, follow=follow)

    def execute(self, name: str, command: Sequence[str], limit_seconds: float = 10.0) -> Executed:
        """Run a command inside a machine as its service runs; what it leaves running is ended."""
        record = self._enterable(name)
        directory = self._directories.of(name)
        return insides.execute(directory, record, command, limit_seconds, self._clock)

    def entering(self, name: str, command: Sequence[str], *, terminal: bool) -> list[str]:
        """Return the program and arguments by which a person runs a command inside."""
        self._enterable(name)
        return insides.entering(self._directories.of(name), command, terminal=terminal)

    def _enterable(self, name: str) -> Record:
        """Return the record of a machine that runs and can be entered."""
        check_name(name)
        record = self._directories.read(name)
        if record is None:
            raise NotFoundError(f"There is no instance named {name!r}")
        if living_process(record, self._directories.of(name)) is None:
            raise EngineError(f"{name!r} does not run")
        insides.refuse_closed(record)
        return record

    def _refuse_taken_name(self, name: str) -> None:
        if self._directories.read(name) is not None:
            raise ConflictError(
                f"There is an instance named {name!r} already",
                hint="Stop it first, or take another name.",
            )

    def _record(self, wanted: Wanted) -> Record:
        return Record(
            name=wanted.name,
            origin=wanted.origin,
            ports=wanted.published,
            health_path=wanted.health_path,
            accelerator=self._accelerator(),
            started_at=self._clock.now(),
            boot_id=findings.boot_id(),
            monitor=self._directories.monitor_of(wanted.name),
            owner=wanted.owner,
            volumes=tuple(volume.path.resolve() for volume in wanted.volumes),
            inside=True,
            asking=True,
        )

    def _start(
        self, record: Record, wanted: Wanted, artefact: MachineArtefact, claimed: int
    ) -> None:
        directory = self._directories.make(record.name)
        secrets = self._directories.secrets_of(record.name)
        self._directories.write(record)
        make_pipes(directory)
        machine = Machine(
            wanted=wanted,
            artefact=artefact,
            accelerator=record.accelerator,
            directory=directory,
            monitor=record.monitor,
            storage=make_storage(wanted, artefact, directory),
            credentials=write_credentials(wanted, secrets),
        )
        try:
            guardian.launch(command_line(machine), directory, claimed)
            self._wait_until_it_runs(record, directory)
        finally:
            remove_credentials(secrets)

    def _wait_until_it_runs(self, record: Record, directory: Path) -> None:
        deadline = self._clock.monotonic_seconds() + _START_LIMIT_SECONDS
        # On a busy machine QEMU may answer before it is noted who it is: nobody could end it.
        while guardian.identity(directory) is None or not self._answers(record):
            # On a busy machine the socket is there a moment before anybody listens to it.
            if guardian.exit_status(directory) is not None:
                raise start_error(directory)
            if self._clock.monotonic_seconds() >= deadline:
                raise EngineError(f"QEMU did not start {record.name!r} in time")
            self._clock.sleep(_PAUSE_SECONDS)

    def _answers(self, record: Record) -> bool:
        if not record.monitor.exists():
            return False
        try:
            monitor.execute(record.monitor, [monitor.QUERY_STATUS])
        except EngineError:
            return False
        return True

    def _seen(self, record: Record) -> Seen | None:
        """Return what is known of a machine; None while it is being started or removed."""
        directory = self._directories.of(record.name)
        process = living_process(record, directory)
        if process is not None:
            for log in (CONSOLE_LOG, SERVICE_LOG):
                limit_log(directory / log)
            return record.seen(NAME, State.RUNNING, "", process)
        if is_claimed(self._claim(record.name)):
            return None
        return record.seen(NAME, *ending(record, directory, self._clock))

    def _log_lines(self, record: Record, *, follow: bool) -> Iterator[str]:
        directory = self._directories.of(record.name)
        wrote_any = False
        for line in follow_lines(
            directory / SERVICE_LOG,
            lambda: follow and living_process(record, directory) is not None,
            self._clock,
        ):
            wrote_any = True
            yield line
        seen = None if wrote_any else self._seen(record)
        if seen is not None and seen.state is State.FAILED:
            yield from console_lines(directory / CONSOLE_LOG, _CONSOLE_LINES)

    def _remove(self, name: str, grace_seconds: float) -> None:
        record = self._directories.read(name)
        if record is not None:
            process = living_process(record, self._directories.of(name))
            if process is not None:
                shut_down(record, process, grace_seconds)
        self._directories.remove(name)

    def _accelerator(self) -> str:
        return find_accelerator(self._state_directory / "engines" / "qemu.json")

    def _claim(self, name: str) -> Path:
        return claim_path(self._state_directory, NAME, name)
