"""The only door to other programs: argument lists, time limits, captured output, our errors."""

import os
import shutil
import signal
import subprocess  # noqa: TID251 - this is the one place
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

from herdbook.core.errors import (
    EngineError,
    MissingToolError,
    NoSpaceError,
    TimeoutExpiredError,
)

DEFAULT_LIMIT_SECONDS = 600.0

_DEBIAN_PACKAGES = {
    "apt-get": "apt",
    "apt-cache": "apt",
    "bwrap": "bubblewrap",
    "dnsmasq": "dnsmasq-base",
    "debugfs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "e2fsck": "e2fsprogs",
    "haproxy": "haproxy",
    "ip": "iproute2",
    "iptables": "iptables",
    "iptables-restore": "iptables",
    "iptables-save": "iptables",
    "mcopy": "mtools",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.fat": "dosfstools",
    "mmd": "mtools",
    "mount": "mount",
    "nsenter": "util-linux",
    "podman": "podman",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}


PIPE = subprocess.PIPE
"""Where a program that `spawn` runs reads from us, or writes to us."""

_UNDER_WAY: set[int] = set()
"""The groups of the programs that run now; single additions and removals need no lock."""

_ENDED = Event()
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Result:
    """How a program ended; the output is text with undecodable bytes replaced."""

    status: int
    output: str
    errors: str

    @property
    def succeeded(self) -> bool:
        """Whether the program ended with status 0."""
        return self.status == 0

    @property
    def last_words(self) -> str:
        """The last lines of what it printed: where programs usually say what went wrong."""
        text = self.errors.strip() or self.output.strip()
        return "\n".join(text.splitlines()[-12:])

    def refuse_full_disk(self) -> None:
        """Raise NoSpaceError where it complained of a full disk, whatever its status is."""
        if "No space left on device" in self.errors:
            raise NoSpaceError(f"The disk is full: {self.last_words}")

    def refuse_failure(self, what: str) -> None:
        """Raise NoSpaceError, or EngineError that begins with `what`, where it failed."""
        if not self.succeeded:
            self.refuse_full_disk()
            raise EngineError(f"{what}: {self.last_words}")


def find(program: str) -> str:
    """Return where a program is; raises MissingToolError that names its Debian package."""
    # Debian keeps mkfs and friends out of an ordinary user's PATH.
    path = os.pathsep.join((os.defpath, "/usr/sbin", "/sbin"))
    found = shutil.which(program, path=os.getenv("PATH")) or shutil.which(program, path=path)
    if found is None:
        package = _DEBIAN_PACKAGES.get(program, program)
        raise MissingToolError(
            f"The program {program!r} is not installed",
            hint=f"Install it with: apt-get install {package}",
        )
    return found


def inherited(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our own environment with settings added, for a program that needs most of it."""
    return {**os.environ, **settings}  # noqa: TID251 - handed on, not read


def run(  # noqa: PLR0913 - all but the first are options, and few callers need more than one
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
    limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    directory: Path | None = None,
    heard: Callable[[str], None] | None = None,
    held: int | None = None,
) -> Result:
    """Run a program to its end and return what it said; a status other than 0 is no exception.

    `environment` takes the place of ours. `heard` is told each line at once, in a thread of its
    own.

    `held` is the descriptor of a claim (drivers/claims.py) that the program holds together with us;
    of its words only the errors are told then, without `heard`. Where we are killed, the kernel
    ends the program a moment later, or much later if it is changing the kernel's own state: until
    then nobody else gets the claim.

    It gets its own session, so that Ctrl-C reaches it only through us, and is killed with all its
    children when the time is over or we are interrupted.
    """
    with spawn(
        arguments,
        environment=environment,
        stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE if held is None else held,
        directory=directory,
    ) as process:
        try:
            if heard:
                output, errors = _listened(process, given, limit_seconds, heard)
            else:
                output, errors = process.communicate(given, timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            program = Path(str(arguments[0])).name
            raise TimeoutExpiredError(f"{program} took longer than {limit_seconds:.0f} s") from None
    return Result(process.returncode, _text(output), _text(errors))


def end_all() -> None:
    """Kill every program under way, in whatever thread, and start none any more.

    For when this whole program is to end: threads that wait for one see it fail, and those that
    would go on with the next raise CancelledError.
    """
    _ENDED.set()
    for number in list(_UNDER_WAY):
        _kill_group(number)


@contextmanager
def spawn(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    directory: Path | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program beside us for as long as the block lasts; nothing of it outlives the block.

    The kernel ends it where we are killed and cannot.
    """
    if _ENDED.is_set():
        raise CancelledError
    command = [find(str(arguments[0])), *map(str, arguments[1:])]
    command = [find("setpriv"), "--pdeathsig", "KILL", "--", *command]
    process = subprocess.Popen(
        command,
        env=dict(environment) if environment is not None else None,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=directory,
        start_new_session=True,
    )
    _UNDER_WAY.add(process.pid)
    if _ENDED.is_set():  # in between
        _kill_group(process.pid)
    try:
        yield process
    finally:
        if process.poll() is None:
            _kill_group(process.pid)
        process.wait()
        _UNDER_WAY.discard(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def start_alone(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    until: Callable[[], bool],
    without: Collection[str] = (),
) -> bool:
    """Start a program that outlives us, and wait until `until` holds.

    It gets our environment, `without` some of it. What it says is added to `log`. Tells whether it
    came to that before it ended.
    """
    command = [find(str(arguments[0])), *map(str, arguments[1:])]
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env={name: value for name, value in inherited({}).items() if name not in without},
        )
    while not until():
        with suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_SECONDS)
            return False
    # It is its own now: nobody here waits for its end, and nobody is to be warned of that.
    child.returncode = 0
    return True


def _listened(
    process: "subprocess.Popen[bytes]",
    given: bytes | None,
    limit_seconds: float,
    heard: Callable[[str], None],
) -> tuple[bytes, bytes]:
    """Do as `communicate` does, and tell each line as it comes."""

    def read(stream: IO[bytes]) -> bytes:
        lines = []
        for line in stream:
            lines.append(line)
            heard(_text(line))
        return b"".join(lines)

    def write(stream: IO[bytes]) -> None:
        with suppress(BrokenPipeError), stream:
            stream.write(given or b"")

    with ThreadPoolExecutor(3) as pool:
        said = [pool.submit(read, each) for each in (process.stdout, process.stderr) if each]
        if process.stdin:
            pool.submit(write, process.stdin)
        try:
            process.wait(limit_seconds)
        finally:  # else the threads would listen on, and the pool would wait for them
            if process.poll() is None:
                _kill_group(process.pid)
    output, errors = (each.result() for each in said)
    return output, errors


def _kill_group(process_id: int) -> None:
    try:
        os.killpg(process_id, signal.SIGKILL)
    except ProcessLookupError:
        return


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")
