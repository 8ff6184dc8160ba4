"""The package sets that are installed twice: by Herdbook and by mmdebstrap."""

import os
from dataclasses import dataclass

SUITES = ("bullseye", "bookworm", "trixie")


@dataclass(frozen=True)
class PackageSet:
    """What to install, and whether as a machine, with a kernel and an init."""

    name: str
    suite: str
    packages: tuple[str, ...] = ()
    machine: bool = False

    def __str__(self) -> str:
        """What a test of it is called."""
        return f"{self.suite}-{self.name}"


_WANTED: dict[str, tuple[str, ...]] = {
    "bare": (),
    "postgresql": ("postgresql",),
    "mariadb": ("mariadb-server",),
    "nginx": ("nginx", "ssl-cert"),
    "apache": ("apache2", "libapache2-mod-php"),
    "java": ("default-jre-headless", "ca-certificates-java"),
    "nodejs": ("nodejs",),
    "php": ("php-fpm",),
    "ruby": ("ruby",),
    "python": ("python3", "ca-certificates"),
    # dpkg-divert in their maintainer scripts
    "diversions": ("zutils", "molly-guard", "vim", "vim-tiny"),
    "alternatives": ("ed", "gawk", "mawk", "nano", "vim-nox", "vim-tiny"),
    # setuid, setgid, capabilities, dpkg-statoverride
    "privileges": ("dbus", "fuse3", "iputils-ping", "passwd", "sudo", "util-linux"),
    "services": ("cron", "logrotate", "openssh-server", "rsyslog"),
    "debconf": ("exim4-daemon-light", "locales", "tzdata"),
    "postfix": ("postfix",),
    "users": ("dbus", "openssh-server", "redis-server"),
    # registries that triggers render: manual pages, XML catalogues, fonts, schemas, icons
    "registries": ("docbook-xml", "fontconfig", "info", "man-db", "shared-mime-info"),
}

LONG = tuple(
    PackageSet(name, suite, wanted) for suite in SUITES for name, wanted in _WANTED.items()
) + tuple(PackageSet("machine", suite, machine=True) for suite in SUITES)

SHORT = tuple(
    each for each in LONG if str(each) in {"bookworm-users", "trixie-diversions", "trixie-python"}
)
"""What the ordinary suite has time for: ids, alternatives and diversions, compiled modules."""


def wanted_sets() -> tuple[PackageSet, ...]:
    """The short list, or the long one where HERDBOOK_ORACLE asks for it."""
    return LONG if os.environ.get("HERDBOOK_ORACLE") == "long" else SHORT
