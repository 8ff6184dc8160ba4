"""The settings of this program, and the only reader of the environment."""

import grp
import os
import pwd
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from herdbook.core import digests
from herdbook.core.errors import InvalidInputError

_SYSTEM_STATE = Path("/var/lib/herdbook")
_SECRETS = re.compile(r"HERDBOOK_(TOKEN|DATABASE|SMTP|.*_PASSWORD)")
_WORDS = {"": False, "no": False, "0": False, "false": False, "yes": True, "1": True, "true": True}


@dataclass(frozen=True)
class Settings:
    """Where state lies and which archive is read.

    `database_url` is SQLAlchemy's. The mirrors are empty where apt's own sources decide. `actor`
    is the user of this machine who gives the command, also through sudo. `key_password` opens the
    builder's private key, which is not encrypted without one, `signer_password` that of whoever
    signs. `mail_server` takes mail from `mail_sender`. `listen` is the address at which the
    server answers, if it is to; with `certificate` and `key`, by TLS. `login_files` are where
    podman and docker keep logins to registries, the one that counts first. `token` is by what
    whoever gives the command says who they are, instead of as a user of this machine; None where
    they do not, which an empty one is not. With `require_login`, what is served is for those alone
    who say who they are. `s3_endpoint` and `s3_region` are of buckets whose addresses name none, as
    other programs' are. `session_file` keeps the login of `actor`, which counts where there is no
    token. Neither counts where `heed_login` is not set.
    """

    state_directory: Path
    database_url: str
    mirror: str = ""
    security_mirror: str = ""
    actor: str = "nobody"
    key_password: bytes = field(default=b"", repr=False)
    signer_password: bytes = field(default=b"", repr=False)
    mail_server: str = field(default="", repr=False)
    mail_sender: str = ""
    listen: str = ""
    certificate: Path | None = None
    key: Path | None = None
    login_files: tuple[Path, ...] = ()
    token: str | None = field(default=None, repr=False)
    require_login: bool = False
    s3_endpoint: str = ""
    s3_region: str = ""
    session_file: Path | None = None
    heed_login: bool = True


def load_settings() -> Settings:
    """Read the settings from the environment (HERDBOOK_STATE, HERDBOOK_DATABASE, ...)."""
    state = Path(_read("HERDBOOK_STATE") or _default_state()).absolute()
    database = _read("HERDBOOK_DATABASE") or f"sqlite:///{state}/herdbook.db"
    actor = _actor()
    return Settings(
        state_directory=state,
        database_url=database,
        mirror=_read("HERDBOOK_MIRROR"),
        security_mirror=_read("HERDBOOK_SECURITY_MIRROR"),
        actor=actor,
        key_password=_read("HERDBOOK_KEY_PASSWORD").encode(),
        signer_password=_read("HERDBOOK_SIGNER_PASSWORD").encode(),
        mail_server=_read("HERDBOOK_SMTP"),
        mail_sender=_read("HERDBOOK_MAIL_FROM") or f"herdbook@{socket.getfqdn()}",
        listen=_read("HERDBOOK_LISTEN"),
        certificate=_path("HERDBOOK_CERTIFICATE"),
        key=_path("HERDBOOK_KEY"),
        login_files=tuple(_login_files()),
        token=os.environ.get("HERDBOOK_TOKEN"),  # noqa: TID251 - this is the one place
        require_login=_wanted("HERDBOOK_REQUIRE_LOGIN"),
        s3_endpoint=_read("AWS_ENDPOINT_URL_S3") or _read("AWS_ENDPOINT_URL"),
        s3_region=_read("AWS_REGION") or _read("AWS_DEFAULT_REGION"),
        session_file=_session_file(database, actor),
    )


def whole_environment() -> dict[str, str]:
    """Return the environment, whose variables Compose files name, without what is secret of us."""
    whole = os.environ.items()  # noqa: TID251 - this is the one place
    return {name: value for name, value in whole if not _SECRETS.fullmatch(name)}


def _login_files() -> Iterator[Path]:
    """Yield the files of containers-auth.json(5), FILES, in the order in which they count."""
    if named := _read("REGISTRY_AUTH_FILE"):
        yield Path(named)
        return
    runtime = _read("XDG_RUNTIME_DIR")
    own = f"{runtime}/containers" if runtime else f"/run/containers/{os.getuid()}"
    yield Path(own) / "auth.json"
    settings = _read("XDG_CONFIG_HOME")
    yield (Path(settings) if settings else Path.home() / ".config") / "containers/auth.json"
    docker = _read("DOCKER_CONFIG")
    yield (Path(docker) if docker else Path.home() / ".docker") / "config.json"


def _actor() -> str:
    number = os.getuid()
    through_sudo = _read("SUDO_USER") if number == 0 else ""
    if through_sudo:
        return through_sudo
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a user of a container need not have a name
        return f"user {number}"


def groups_of(actor: str) -> frozenset[str]:
    """Return the groups of this machine that a user is in; none for one that it does not know."""
    try:
        user = pwd.getpwnam(actor)
    except KeyError:
        return frozenset()
    return frozenset(_named(os.getgrouplist(actor, user.pw_gid)))


def _named(numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:  # one by one: a directory service need not list all of its groups
        with suppress(KeyError):
            yield grp.getgrgid(number).gr_name


def _default_state() -> Path:
    if os.geteuid() == 0:
        return _SYSTEM_STATE
    data = _read("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "herdbook"


def _session_file(database: str, actor: str) -> Path | None:
    """Return where the login of somebody to one register is kept: not where the register is.

    Root is many people, who come through sudo: each has a login of their own. None for whom this
    machine knows no home of.
    """
    own = _read("XDG_STATE_HOME")
    try:
        folder = (Path(own) if own else Path.home() / ".local/state") / "herdbook" / "sessions"
    except RuntimeError:
        return None
    register = _without_password(database)
    whose = digests.hexadecimal(digests.of_bytes(f"{register}\0{actor}".encode()))
    return folder.absolute() / f"{whose}.json"


def _without_password(database: str) -> str:
    """Return which database an address means, however one logs in to it; as it is if it is none."""
    try:
        parts = urlsplit(database)
        said = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return database
    kind = parts.scheme.partition("+")[0]
    user, at, host = parts.netloc.rpartition("@")
    rest = urlencode(sorted(each for each in said if each[0] != "password"))
    return f"{kind}://{user.partition(':')[0]}{at}{host}{parts.path}?{rest}"


def _path(name: str) -> Path | None:
    value = _read(name)
    return Path(value).absolute() if value else None


def _wanted(name: str) -> bool:
    """Tell whether something is wanted; raises InvalidInputError for what says neither."""
    value = _read(name).lower()
    if value not in _WORDS:
        raise InvalidInputError(f"{name}={value} says neither", hint=f"Write {name}=yes or no.")
    return _WORDS[value]


def _read(name: str) -> str:
    return os.environ.get(name, "")  # noqa: TID251 - this is the one place
