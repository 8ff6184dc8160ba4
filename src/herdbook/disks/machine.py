"""The files that turn a container's tree into a machine that starts one service quickly."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources

from herdbook.core.errors import InvalidInputError
from herdbook.disks import quoting
from herdbook.disks.secrets import ENVIRONMENT_NAME
from herdbook.disks.service_changes import STOP_LIMIT_SECONDS
from herdbook.layers.tree import Kind

_UNITS = "usr/lib/systemd/system"
_GENERATORS = "etc/systemd/system-generators"
_PROGRAMS = "usr/lib/herdbook"

_SHIPPED = (
    (f"{_UNITS}/herdbook.target", "herdbook.target", 0o644),
    (f"{_UNITS}/herdbook-files.service", "herdbook-files.service", 0o644),
    (f"{_UNITS}/herdbook-hardware.service", "herdbook-hardware.service", 0o644),
    (f"{_UNITS}/herdbook-network@.service", "herdbook-network@.service", 0o644),
    (f"{_UNITS}/herdbook-power.service", "herdbook-power.service", 0o644),
    (f"{_GENERATORS}/herdbook", "generator", 0o755),
    (f"{_PROGRAMS}/load-drivers", "load-drivers", 0o755),
    (f"{_PROGRAMS}/network-changed", "network-changed", 0o755),
    # The path below the directory is how busybox acpid names the button.
    (f"{_PROGRAMS}/acpi/PWRF/00000080", "power-button", 0o755),
)

_MASKED_GENERATORS = (
    "systemd-bless-boot-generator",
    "systemd-cryptsetup-generator",
    "systemd-debug-generator",
    "systemd-fstab-generator",
    "systemd-getty-generator",
    "systemd-gpt-auto-generator",
    "systemd-hibernate-resume-generator",
    "systemd-integritysetup-generator",
    "systemd-rc-local-generator",
    "systemd-run-generator",
    "systemd-ssh-generator",
    "systemd-system-update-generator",
    "systemd-sysv-generator",
    "systemd-tpm2-generator",
    "systemd-veritysetup-generator",
)
"""Each costs a process at every start and none has a say in what herdbook.target starts."""

_HOSTS = b"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


@dataclass(frozen=True)
class Service:
    """What the machine is for.

    `command` is absolute: there is no shell and no search path. `user` is a name in the image or
    a number, which the initrd makes known where the image does not list it; so is `group`, empty
    for the user's own. `stop_limit_seconds` is how long the service may take to end after SIGTERM.
    """

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    directory: str = "/"
    stop_limit_seconds: int = STOP_LIMIT_SECONDS
    group: str = ""


@dataclass(frozen=True)
class MachineFile:
    """A file or symlink of root's; `path` is relative, as in `layers.tree.Entry`."""

    path: str
    kind: Kind
    content: bytes = b""
    mode: int = 0o644
    target: str = ""


def machine_files(service: Service) -> list[MachineFile]:
    """Return everything to lay over a Debian tree with a kernel and systemd, sorted by path.

    Directories above the paths are not listed. Raises InvalidInputError where the service cannot
    be written as a systemd unit.
    """
    files = [*_settings(), *_shipped(), *_links()]
    unit = service_unit(service).encode()
    files.append(MachineFile(f"{_UNITS}/herdbook-service.service", Kind.FILE, unit))
    return sorted(files, key=lambda each: each.path)


def service_unit(service: Service) -> str:
    """Render the unit of the image's service (systemd.service(5))."""
    environment = "".join(
        f"Environment={quoting.assignment(name, value)}\n"
        for name, value in sorted(service.environment.items())
    )
    group = f"Group={_user(service.group)}\n" if service.group else ""
    return f"""\
# Written by Herdbook from the image's recipe.
[Unit]
Description=The image's service
DefaultDependencies=no
After=herdbook-files.service tmp.mount
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Service]
ExecStart={quoting.command(list(service.command))}
User={_user(service.user)}
{group}WorkingDirectory={quoting.path(service.directory)}
{environment}EnvironmentFile=-/run/credentials/@system/{ENVIRONMENT_NAME}
EnvironmentFile=-/run/herdbook/{ENVIRONMENT_NAME}
Restart=on-failure
RestartSec=1
TimeoutStopSec={service.stop_limit_seconds}
# Where a cloud shows it; an engine of ours names a serial port instead (see the generator).
StandardOutput=journal+console
StandardError=journal+console
"""


def _settings() -> Iterator[MachineFile]:
    # Empty, not absent and not "uninitialized": both mean a first boot, which takes 8 s more.
    yield MachineFile("etc/machine-id", Kind.FILE, mode=0o444)
    yield MachineFile("etc/fstab", Kind.FILE)
    # Empty means no name server, which fails at once: one left from the build would time out.
    yield MachineFile("etc/resolv.conf", Kind.FILE)
    yield MachineFile("etc/hosts", Kind.FILE, _HOSTS)


def _shipped() -> Iterator[MachineFile]:
    folder = resources.files("herdbook.disks") / "machine_files"
    for path, name, mode in _SHIPPED:
        yield MachineFile(path, Kind.FILE, (folder / name).read_bytes(), mode)


def _links() -> Iterator[MachineFile]:
    for name in _MASKED_GENERATORS:
        yield _link(f"{_GENERATORS}/{name}", "/dev/null")
    yield _link("etc/systemd/system/default.target", f"/{_UNITS}/herdbook.target")


def _link(path: str, target: str) -> MachineFile:
    return MachineFile(path, Kind.SYMLINK, mode=0o777, target=target)


def _user(name: str) -> str:
    """Return the name if systemd takes it (systemd.exec(5), "User="), for it cannot be quoted."""
    if not name or not all(letter.isalnum() or letter in "_.-" for letter in name):
        raise InvalidInputError(f"{name!r} is not a name for a user")
    return name
