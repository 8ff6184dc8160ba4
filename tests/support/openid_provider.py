"""A certified OpenID provider (npm's oidc-provider) on this machine, and a browser that logs in."""

import fcntl
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urljoin

from joserfc.jwk import RSAKey

CLIENT, OTHER_CLIENT = "herdbook", "other"
_PROGRAM = Path(__file__).parent / "node_provider"
_MOST_PAGES = 12


def new_key(name: str) -> RSAKey:
    """A private key to sign ID tokens with."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class RealProvider:
    """The provider: `url` is who it is, also while it is down."""

    folder: Path
    port: int
    id_token_seconds: int = 600
    key: RSAKey = field(default_factory=lambda: new_key("first"))
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin, and answer."""
        keys = self.folder / "keys.json"
        keys.write_text(json.dumps({"keys": [self.key.as_dict(private=True)]}))
        words = ["node", str(_PROGRAM / "provider.mjs"), str(self.port), str(keys)]
        with (self.folder / "provider.log").open("a") as log:
            self.process = subprocess.Popen(
                [*words, str(self.id_token_seconds)], stdout=log, stderr=log, text=True
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None, (self.folder / "provider.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        """Answer no more, and forget who has logged in."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.stop()
        self.key = new_key("second")
        self.start()


@contextmanager
def running_provider(folder: Path, id_token_seconds: int = 600) -> Iterator[RealProvider]:
    """Run a provider on a free port, with what its lock names installed before."""
    _install()
    folder.mkdir(parents=True, exist_ok=True)
    provider = RealProvider(folder, free_port(), id_token_seconds)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def _install() -> None:
    """Install what the package lock names, once: whoever comes at the same time waits."""
    lock = _PROGRAM / "package-lock.json"
    stamp = _PROGRAM / "node_modules" / ".made-from"
    with (_PROGRAM / "package.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
            return
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=_PROGRAM, check=True, timeout=600,
        )  # fmt: skip
        stamp.write_bytes(lock.read_bytes())


class _Form(HTMLParser):
    """The first form of a page: where it goes, and what is in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = said.get("action") or ""
        elif tag in {"input", "button"} and self.action is not None and said.get("name"):
            self.fields.setdefault(said["name"] or "", said.get("value") or "")


def log_in_by_browser(address: str, who: str, answers: Mapping[str, str] | None = None) -> str:
    """Open an address as somebody's browser does, fill in what it asks, return the last page."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    filled = {"login": who, "password": "any", **(answers or {})}
    data: bytes | None = None
    for _ in range(_MOST_PAGES):
        with browser.open(address, data, timeout=30) as answer:
            address, page = str(answer.url), str(answer.read().decode())
        form = _Form(page)
        if form.action is None:
            return page
        form.fields.pop("abort", None)
        fields = form.fields | {name: filled[name] for name in form.fields if name in filled}
        address, data = urljoin(address, form.action), urlencode(fields).encode()
    raise AssertionError(address)
