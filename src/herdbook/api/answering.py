"""Answers over HTTP beside the server's loops: begins before them, and ends promptly with them."""

import json
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from socket import socket
from threading import Thread
from time import monotonic, sleep

import uvicorn

from herdbook.actions.workshop import Workshop
from herdbook.api.listening import LOCAL_HOSTS, Listening, listening, opened, port_of
from herdbook.api.login import Login
from herdbook.api.patience import PatientProtocol
from herdbook.api.registry_view import registry_app
from herdbook.core.errors import EngineError, HerdbookError, InvalidInputError
from herdbook.core.whole_files import write_whole
from herdbook.server.serve import ACTOR, server_lives, server_runs
from herdbook.server.settings import Settings

_MOST_CONNECTIONS = 64
_MOST_REQUEST_BYTES = 16 << 10
_IDLE_SECONDS = 30
_GRACE_SECONDS = 1
"""So long may downloads under way go on once the server is to end."""

_START_SECONDS = 10.0
_END_SECONDS = 10.0
_NOTE = "registry.json"


@dataclass(frozen=True)
class Answers:
    """At which address the server answers; or, where it was to and does not, why not.

    With `login`, everybody has to say who they are.
    """

    host: str = ""
    port: int = 0
    tls: bool = False
    local: bool = False
    trouble: str = ""
    login: bool = False

    @property
    def place(self) -> str:
        """What names of images begin with there; empty where it does not answer."""
        host = "localhost" if self.host in LOCAL_HOSTS else self.host
        return f"{_bracketed(host)}:{self.port}" if self.port else ""


@contextmanager
def answering(
    settings: Settings, workshop: Workshop, say: Callable[[str], None], *, must: bool
) -> Iterator[None]:
    """Answer until the block ends, where the settings want that.

    Raises ConflictError or InvalidInputError where that cannot be; unless it `must` be so, that is
    said instead, and the block goes on without.
    """
    duty = workshop.duty
    note = settings.state_directory / (_note_of(duty.mine.mark) if duty.shared else _NOTE)
    for each in _notes_beside(settings, living=False):
        each.unlink(missing_ok=True)  # of one that was killed
    try:
        with _answering(settings, workshop, say, note, must=must):
            yield
    finally:
        note.unlink(missing_ok=True)


def answers_now(settings: Settings) -> Answers:
    """Return what the server that runs has said of its answers; none where none runs."""
    if not server_runs(settings):
        return Answers()
    living = _notes_beside(settings, living=True)
    found = [_read(path) for path in (settings.state_directory / _NOTE, *living)]
    return next((each for each in found if each.place), None) or next(
        (each for each in found if each.trouble), Answers()
    )


def _note_of(mark: str) -> str:
    return f"registry-{mark}.json"


def _notes_beside(settings: Settings, *, living: bool) -> Iterator[Path]:
    """Yield the notes of those of several servers that live, or do not."""
    for path in sorted(settings.state_directory.glob(_note_of("*"))):
        if server_lives(settings, path.stem.partition("-")[2]) is living:
            yield path


def _read(note: Path) -> Answers:
    try:
        return Answers(**json.loads(note.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Answers()


@contextmanager
def _answering(
    settings: Settings, workshop: Workshop, say: Callable[[str], None], note: Path, *, must: bool
) -> Iterator[None]:
    try:
        where, required = listening(settings), settings.require_login
        running = _Running(where, workshop, say, required=required) if where else None
    except HerdbookError as error:
        if must:
            raise
        say(f"registry view: {error.message}")
        _write(note, Answers(trouble=error.message))
        running = None
    if running is None:
        yield
        return
    try:
        _write(note, running.answers)
        say(f"registry view: {running.address}")
        yield
    finally:
        running.end()


class _Running:
    """A server for HTTP in a thread of its own; signals are the program's affair, not its."""

    def __init__(
        self, where: Listening, workshop: Workshop, say: Callable[[str], None], *, required: bool
    ) -> None:
        local = where.is_local()
        login = Login(replace(workshop, actor=ACTOR), required=required, local=local)
        app = registry_app(workshop, say, {*LOCAL_HOSTS, where.host} if local else (), login)
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            interface="asgi3",
            access_log=False,
            log_config=None,
            log_level=logging.CRITICAL,  # faults are told by the application itself
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=_MOST_REQUEST_BYTES,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=where.certificate,
            ssl_keyfile=where.key,
        )
        _load(config)
        sockets = opened(where)
        self.answers = Answers(where.host, port_of(sockets), where.tls, local, login=required)
        self._say = say
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._run, args=(sockets,), name="answers", daemon=True)
        self._thread.start()
        self._wait_until_started()

    @property
    def address(self) -> str:
        """Where it is, as people write it."""
        host = _bracketed(self.answers.host)
        return f"{'https' if self.answers.tls else 'http'}://{host}:{self.answers.port}/v2/"

    def end(self) -> None:
        """End it; what is not fetched soon is cut off."""
        self._server.should_exit = True
        self._thread.join(_END_SECONDS)

    def _run(self, sockets: list[socket]) -> None:
        try:
            self._server.run(sockets)
        except Exception as error:  # noqa: BLE001 - it must not end what tends the fleet
            self._say(f"registry view: a fault in Herdbook: {type(error).__name__}: {error}")

    def _wait_until_started(self) -> None:
        deadline = monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or monotonic() > deadline:
                raise EngineError("The registry view did not start")
            sleep(0.01)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _load(config: uvicorn.Config) -> None:
    """Read what the configuration names; raises InvalidInputError for a bad certificate."""
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InvalidInputError(
            f"The certificate or its key cannot be used: {error.strerror or error}",
            hint="Give --certificate and --key in PEM, the key without a password.",
        ) from error


def _write(note: Path, answers: Answers) -> None:
    write_whole(note, json.dumps(asdict(answers)).encode(), synced=False)
