"""Keeps the login of a user of this machine in a file that nobody else can read."""

import json
import os
import stat
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from herdbook.core.errors import VerificationError
from herdbook.core.whole_files import alone_in, write_whole
from herdbook.people.logins import Session

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileSessions:
    """The session in one file, in a folder of its user's own."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> Session | None:
        """Return the session, or None; raises VerificationError where others can reach it."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW)
        except (FileNotFoundError, PermissionError):
            return None  # what we cannot even open is somebody else's: HOME may be theirs
        except OSError as error:
            raise self._unfit(str(error.strerror)) from error
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if about.st_uid != os.geteuid() or about.st_mode & _OTHERS:
                raise self._unfit("others can reach it")
            content = file.read()
        try:
            kept = json.loads(content)
            return Session(
                issuer=kept["issuer"],
                called=kept["called"],
                expires_at=datetime.fromisoformat(kept["expires_at"]),
                id_token=kept["id_token"],
                refresh=kept["refresh"],
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._unfit("it holds none") from error

    def keep(self, session: Session) -> None:
        """Keep a session in place of the one before."""
        self._make_folder()
        written = {
            "issuer": session.issuer,
            "called": session.called,
            "expires_at": session.expires_at.isoformat(),
            "id_token": session.id_token,
            "refresh": session.refresh,
        }
        write_whole(self._file, json.dumps(written).encode())

    def end(self) -> bool:
        """Forget the session; tell whether there was one."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        return True

    def alone(self) -> AbstractContextManager[None]:
        """Keep out other commands of the same user, while a session is renewed."""
        self._make_folder()
        return alone_in(self._file.parent)

    def _make_folder(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _unfit(self, why: str) -> VerificationError:
        return VerificationError(
            f"The session in {self._file} cannot be used: {why}",
            hint="End it with herdbook logout, and log in again: herdbook login",
        )
