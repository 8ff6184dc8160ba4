"""Names of licences: what SPDX calls what Debian, Python and npm call otherwise."""

import re
from functools import cache, lru_cache

from license_expression import Licensing, get_spdx_licensing

PUBLIC_DOMAIN = "LicenseRef-public-domain"
"""No licence is needed; SPDX has no name for that (https://wiki.spdx.org/view/Legal_Team)."""

UNNAMED = "LicenseRef-unnamed"
"""A licence of which the text is given, but no name."""

_ALIASES = {
    "afl-2": "AFL-2.0",
    "apache": "Apache-2.0",
    "apache-license": "Apache-2.0",
    "apache-license-version-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",  # /usr/share/common-licenses/Artistic is Perl's, ten clauses
    "artistic-1": "Artistic-1.0-Perl",
    "boost": "BSL-1.0",
    "boost-1.0": "BSL-1.0",
    "bsd-0-clause": "0BSD",
    "bsd-2": "BSD-2-Clause",
    "bsd-2-clauses": "BSD-2-Clause",
    "bsd-2-clause-netbsd": "BSD-2-Clause",  # what SPDX had as BSD-2-Clause-NetBSD
    "bsd-3": "BSD-3-Clause",
    "bsd-3-clauses": "BSD-3-Clause",
    "bsd-4": "BSD-4-Clause",
    "bsd2": "BSD-2-Clause",
    "bsd3": "BSD-3-Clause",
    "bsl": "BSL-1.0",
    "bzip2": "bzip2-1.0.6",
    "cc-zero": "CC0-1.0",
    "cc0": "CC0-1.0",
    "expat": "MIT",
    "isc-license": "ISC",
    "mit-license": "MIT",
    "mit-x": "MIT",
    "mit-x11": "MIT",
    "mozilla-public-license-2.0": "MPL-2.0",
    "openldap-2.8": "OLDAP-2.8",
    "pd": PUBLIC_DOMAIN,
    "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later",
    "psf": "PSF-2.0",
    "public-domain": PUBLIC_DOMAIN,
    "publicdomain": PUBLIC_DOMAIN,
    "sil-1.1": "OFL-1.1",
    "the-mit-license": "MIT",
    "zpl": "ZPL-2.1",
}
"""By key, see `_key`. Names are Debian's (copyright format 1.0, 7.1) and what is often met."""

CLASSIFIED = {
    "Academic Free License (AFL)": "AFL-3.0",
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Public Domain": "LicenseRef-public-domain",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
}
"""Trove classifiers, as Python uses them (PEP 301), that name one licence in one version."""

_EXCEPTIONS = {
    "autoconf": {"2": "Autoconf-exception-generic", "3": "Autoconf-exception-generic-3.0"},
    "bison": "Bison-exception-2.2",
    "classpath": "Classpath-exception-2.0",
    "font": "Font-exception-2.0",
    "gcc": "GCC-exception-3.1",
    "gcc-runtime": "GCC-exception-3.1",
    "gcc-runtime-library": "GCC-exception-3.1",
    "libtool": "Libtool-exception",
    "linux-syscall-note": "Linux-syscall-note",
    "llvm": "LLVM-exception",
    "ocaml-linking": "OCaml-LGPL-linking-exception",
    "texinfo": "Texinfo-exception",
}
"""By Debian's name; a mapping goes by the version of the GPL it is an exception to."""

_GNU = re.compile(
    r"(a?gpl|lgpl|gfdl)(-niv|-no-invariants)?-?v?(\d+(?:\.\d+)*)?(-or-later|-only|\+)?(-niv)?"
)
_WITH = re.compile(r"(?P<base>.+?)-with-(?P<exception>.+?)(?:-exceptions?)?")
_BARE_WITH = re.compile(
    r"(?P<base>[al]?gpl(?:-?v?\d[\d.]*)?\+?|apache-2(?:\.0)?)-(?P<exception>.+?)-exceptions?"
)
_FIRST_VERSIONS = {"GPL": "1.0", "LGPL": "2.0", "AGPL": "3.0", "GFDL": "1.1"}


@cache
def licensing() -> Licensing:
    """SPDX's licences and exceptions, as the library license-expression brings them along."""
    return get_spdx_licensing()


@lru_cache(maxsize=4096)
def spdx_name(name: str) -> str:
    """Return SPDX's expression for a licence known by that name, or "" where none is known.

    Most are one identifier; `GPL-2+ with Bison exception` gives one `WITH` an exception, and a
    name that stands for a choice gives that.
    """
    key = _key(name)
    if key in _ALIASES:
        return _ALIASES[key]
    if gnu := _GNU.fullmatch(key):
        return _gnu(gnu)
    licences, _ = _identifiers()
    for candidate in (key, f"{key}.0", key.removesuffix("-license"), key.removesuffix("-unported")):
        if candidate in licences:
            return licences[candidate]
    return _with_exception(key)


def spdx_exception(name: str) -> str:
    """Return SPDX's identifier of an exception to a licence, or "" where it lists none so named."""
    return _identifiers()[1].get(name.lower(), "")


def reference(name: str) -> str:
    """Return the name of a licence that SPDX does not list.

    It holds letters, digits, dots and hyphens only (SPDX 2.3, annex D).
    """
    told = re.sub(r"\+(?![A-Za-z0-9])", "-or-later", name)
    cleaned = re.sub(r"[^A-Za-z0-9.]+", "-", told).strip("-.")
    return f"LicenseRef-{cleaned.removeprefix('LicenseRef-')}" if cleaned else UNNAMED


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-.")


@cache
def _identifiers() -> tuple[dict[str, str], dict[str, str]]:
    """SPDX's identifiers of licences and of exceptions, by their lower case."""
    licences: dict[str, str] = {}
    exceptions: dict[str, str] = {}
    for key, symbol in licensing().known_symbols.items():
        if not key.startswith("LicenseRef-"):
            (exceptions if symbol.is_exception else licences)[key.lower()] = key
    return licences, exceptions


def _gnu(match: re.Match[str]) -> str:
    """A licence of GNU's; without a version it is any ever published (GPL-3, section 14)."""
    family = match[1].upper()
    version = match[3] or _FIRST_VERSIONS[family]
    version = version if "." in version else f"{version}.0"
    without = "-no-invariants" if match[2] or match[5] else ""
    later = "only" if match[3] and match[4] in (None, "-only") else "or-later"
    return _identifiers()[0].get(f"{family}-{version}{without}-{later}".lower(), "")


def _with_exception(key: str) -> str:
    match = _WITH.fullmatch(key) or _BARE_WITH.fullmatch(key)
    base = spdx_name(match["base"]) if match else ""
    if not match or not re.fullmatch(r"[A-Za-z0-9.-]+", base) or base.startswith("LicenseRef-"):
        return ""
    exception = match["exception"]
    if re.search(r"(^|-)(and|or|with)-", exception):
        return ""  # an expression, not a name
    known = _EXCEPTIONS.get(exception) or spdx_exception(f"{exception}-exception")
    if isinstance(known, dict):
        known = next((id_ for version, id_ in known.items() if f"GPL-{version}." in base), "")
    return f"{base} WITH {known}" if known else reference(f"{base}-with-{exception}-exception")
