"""Runs the program's commands as forks of a process that has loaded it already.

Loading is most of what a short command takes: of a suite of a thousand commands, a quarter of an
hour. A fork differs from a command that was started in nothing else: it has its own standard
streams, environment, folder and umask, and ends as the command ends. Tests of starting, signals
and being killed start the program itself.
"""

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import Self

_REQUEST_BYTES = 1 << 20
_RUN_BY_OTHERS = "herdbook.store.migrations."
"""What only Alembic can load."""


@dataclass(frozen=True)
class _Request:
    """A command as it is asked for over the line, with its three standard streams."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str

    def send(self, line: socket.socket, streams: list[int]) -> None:
        socket.send_fds(line, [f"{json.dumps(vars(self))}\n".encode()], streams)

    @classmethod
    def received(cls, line: socket.socket) -> tuple[Self, list[int]]:
        content, streams, _flags, _address = socket.recv_fds(line, _REQUEST_BYTES, 3)
        while not content.endswith(b"\n"):
            content += line.recv(_REQUEST_BYTES)
        return cls(**json.loads(content)), streams


def run_forked(
    arguments: list[str], environment: dict[str, str], limit_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; raises TimeoutExpired, having killed it, after the limit."""
    with (
        TemporaryDirectory(prefix="herdbook-command-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line,
        (Path(folder) / "output").open("w+") as output,
        (Path(folder) / "error").open("w+") as error,
        Path(os.devnull).open() as nothing,
    ):
        line.settimeout(limit_seconds)
        line.connect(_address())
        streams = [nothing.fileno(), output.fileno(), error.fileno()]
        _Request(arguments, environment, str(Path.cwd())).send(line, streams)
        with line.makefile() as answers:
            number = int(answers.readline())
            try:
                status = int(answers.readline())
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                raise subprocess.TimeoutExpired(arguments, limit_seconds) from None
        output.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read(), error.read())


@cache
def _address() -> str:
    """Start what is forked from; return where it listens until these tests end."""
    folder = TemporaryDirectory(prefix="herdbook-loaded-")
    address = f"{folder.name}/socket"
    program = subprocess.Popen(
        [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert program.stdout
    assert program.stdout.readline() == b"loaded\n"

    def end() -> None:
        program.kill()
        program.wait()
        folder.cleanup()

    atexit.register(end)
    return address


def _serve(address: str) -> None:
    """Fork for each command that is asked for; returns in the fork, ready to be the command."""
    for module in pkgutil.walk_packages(import_module("herdbook").__path__, "herdbook."):
        if not module.name.startswith((_RUN_BY_OTHERS, "herdbook.__main__")):
            import_module(module.name)
    gc.freeze()  # what looks for garbage in a fork would copy all of it
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(address)
        door.listen()
        sys.stdout.write("loaded\n")
        sys.stdout.flush()
        while sys.stdin not in select([door, sys.stdin], [], [])[0]:  # its end is the tests' end
            line, _ = door.accept()
            with line:
                if os.fork() == 0:
                    door.close()
                    _become_command(line)
                    return
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    sys.exit()


def _become_command(line: socket.socket) -> None:
    """Fork once more: the one is the command, the other tells who it is and how it ended."""
    request, streams = _Request.received(line)
    if number := os.fork():
        line.sendall(f"{number}\n".encode())
        _, status = os.waitpid(number, 0)
        with suppress(BrokenPipeError):  # nobody waits any more
            line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    sys.argv = ["herdbook", *request.arguments]


if __name__ == "__main__":
    _serve(sys.argv[1])
    from herdbook.__main__ import main

    try:
        main()
    except SystemExit as ended:
        # Python's own end, but that what was loaded is not taken apart.
        threading._shutdown()  # type: ignore[attr-defined]  # Python's own, which joins threads
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
