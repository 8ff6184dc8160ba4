"""Keeps the login of a user of this machine in a file that nobody else can read."""

import errno
import json
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from herdbook.core.errors import VerificationError
from herdbook.core.whole_files import alone_in, write_whole
from herdbook.people.logins import Session

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileSessions:
    """The session in one file, in a folder of its user's own.

    `home` is that of whoever runs this, whatever HOME says; as this machine knows it, if not said.
    """

    def __init__(self, file: Path, home: Path | None = None) -> None:
        self._file = file
        self._home = home

    def load(self) -> Session | None:
        """Return the session, or None; raises VerificationError where others can reach it.

        So it does where we may not look into our own home: nobody becomes somebody else by that.
        """
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.EACCES and not self._is_at_home():
                return None  # HOME is somebody else's, and so is what is there
            if error.errno == errno.ELOOP:
                raise self._unfit("it is a link") from error
            raise self._unreachable(error) from error
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if about.st_uid != os.geteuid() or about.st_mode & _OTHERS:
                raise self._unfit("others can reach it")
            content = file.read()
        try:
            return _read(content)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._unfit("it holds none") from error

    def keep(self, session: Session) -> None:
        """Keep a session in place of the one before; raises VerificationError where none can be."""
        written = {
            "issuer": session.issuer,
            "called": session.called,
            "expires_at": session.expires_at.isoformat(),
            "id_token": session.id_token,
            "refresh": session.refresh,
        }
        with self._reached():
            self._make_folder()
            write_whole(self._file, json.dumps(written).encode())

    def end(self) -> bool:
        """Forget the session; tell whether there was one."""
        with self._reached():
            try:
                self._file.unlink()
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep out other commands of the same user, while a session is renewed or ended.

        Raises VerificationError where none could be kept.
        """
        with ExitStack() as turn:
            with self._reached():
                self._make_folder()
                turn.enter_context(alone_in(self._file.parent))
            yield

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            raise self._unreachable(error) from error

    def _make_folder(self) -> None:
        folder = self._file.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def _is_at_home(self) -> bool:
        home = self._home or _home()
        return home is not None and self._file.resolve().is_relative_to(home.resolve())

    def _unfit(self, why: str) -> VerificationError:
        return VerificationError(
            f"The session in {self._file} cannot be used: {why}",
            hint="End it with herdbook logout, and log in again: herdbook login",
        )

    def _unreachable(self, error: OSError) -> VerificationError:
        where, owner = _nearest(self._file)
        return VerificationError(
            f"The session in {self._file} cannot be used: {error.strerror}; {where} is {owner}'s",
            hint=f"Have {where} be yours, or HOME or XDG_STATE_HOME name a folder of your own.",
        )


def _read(content: bytes) -> Session:
    kept = json.loads(content)
    expires_at = datetime.fromisoformat(kept["expires_at"])
    if expires_at.tzinfo is None:
        raise ValueError(expires_at)
    return Session(
        issuer=kept["issuer"],
        called=kept["called"],
        expires_at=expires_at,
        id_token=kept["id_token"],
        refresh=kept["refresh"],
    )


def _home() -> Path | None:
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:  # a user of a container need not have a name
        return None


def _nearest(file: Path) -> tuple[Path, str]:
    """Return what of a path we can see at all, the nearest to its end, and whose it is."""
    for each in (file, *file.parents):
        try:
            number = each.lstat().st_uid
        except OSError:
            continue
        try:
            return each, pwd.getpwuid(number).pw_name
        except KeyError:
            return each, f"user {number}"
    return file, "nobody"
