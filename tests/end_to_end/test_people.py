"""Who reads from elsewhere says who they are, with the tools that people log in with."""

import http.client
import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from applications import wait_for
from product import PROGRAM, Herdbook, tool
from tiny import Tiny, assert_clear, copied_state

from herdbook.drivers.network import HostNetwork

pytestmark = [pytest.mark.root, pytest.mark.archive]

FORBIDDEN = 17
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


@dataclass(frozen=True)
class Served:
    """A state with t/tiny:1, served for those alone who say who they are."""

    herdbook: Herdbook
    port: int
    folder: Path

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"

    def status(self, path: str, name: str = "", password: str = "") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        said = b64encode(f"{name}:{password}".encode()).decode()
        try:
            connection.request("GET", path, headers={"Authorization": f"Basic {said}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def podman(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Podman with logins of its own, and without asking for TLS."""
        verb, *rest = words
        file = f"--authfile={self.folder / 'auth.json'}"
        return subprocess.run(
            ["podman", verb, file, "--tls-verify=false", *rest],
            input=given, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def by_token(self, text: str, *words: str) -> "subprocess.CompletedProcess[str]":
        settings = {**self.herdbook.settings, "HERDBOOK_TOKEN": text}
        return Herdbook(self.herdbook.state, settings=settings).run(*words)


@pytest.fixture(scope="module")
def served(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("people")
    herdbook = copied_state(tiny, folder)
    herdbook.must("role", "grant", "robot:reader", "viewer", "--images", "t/*")
    herdbook.must("role", "grant", "robot:ci", "builder", "--images", "t/*")
    (folder / "auth.json").write_text("{}")
    found = Served(herdbook, HostNetwork().free_port(), folder)
    words = ("serve", "--require-login", "--listen", f"127.0.0.1:{found.port}")
    with herdbook.running(*words) as program:
        wait_for(lambda: found.status("/v2/") == 401, 60, "it asks")
        yield found
        program.terminate()
        printed, told = program.communicate(timeout=60)
        assert "hbt_" not in printed + told
        assert PASSWORD not in printed + told


def token(served: Served, name: str, whom: str, *options: str) -> str:
    return served.herdbook.must("token", "create", name, "--for", whom, *options).strip()


@pytest.mark.podman
def test_podman_logs_in_with_a_token_and_pulls_what_that_may_see(served: Served) -> None:
    image = f"{served.place}/t/tiny:1"
    refused = served.podman("pull", image)
    assert refused.returncode
    assert "Say who you are" in refused.stderr or "unauthorized" in refused.stderr
    text = token(served, "reader", "robot:reader")
    wrong = served.podman("login", "--username=x", "--password-stdin", served.place, given="no")
    assert wrong.returncode
    login = ("login", "--username=x", "--password-stdin", served.place)
    done = served.podman(*login, given=text)
    assert done.returncode == 0, done.stderr
    try:
        pulled = served.podman("pull", image)
        assert pulled.returncode == 0, pulled.stderr
    finally:
        tool("podman", "rmi", "--force", "--ignore", image)
    other = token(served, "other", "robot:reader", "--images", "other/*")
    assert served.podman(*login, given=other).returncode == 0
    hidden = served.podman("pull", image)
    assert hidden.returncode
    assert "There is no image" in hidden.stderr or "unknown" in hidden.stderr
    served.herdbook.must("token", "revoke", "reader")
    assert served.podman(*login, given=text).returncode


def test_a_password_opens_the_view_while_its_user_may_see_something(served: Served) -> None:
    added = subprocess.run(
        [PROGRAM, "user", "add", "anna", "--password-stdin"], input=f"{PASSWORD}\n",
        env=served.herdbook.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    manifest = "/v2/t/tiny/manifests/1"
    assert served.status(manifest, "anna", PASSWORD) == 404
    served.herdbook.must("role", "grant", "user:anna", "viewer", "--images", "t/tiny")
    assert served.status(manifest, "anna", PASSWORD) == 200
    served.herdbook.must("user", "disable", "anna")
    assert served.status(manifest, "anna", PASSWORD) == 401


def test_a_robot_proposes_as_itself_and_does_nothing_else(served: Served) -> None:
    text = token(served, "ci", "robot:ci")
    who = json.loads(served.by_token(text, "whoami", "--json").stdout)
    assert (who["actor"], who["token"]) == ("robot:ci", "ci")
    proposed = served.by_token(text, "propose", "t/tiny", "production", "--why", "it is new")
    assert proposed.returncode == 0, proposed.stderr
    refused = served.by_token(text, "promote", "t/tiny", "production")
    assert_clear(refused, FORBIDDEN, "robot:ci may not promote", "operator", "user:")
    told = served.herdbook.json("audit", "ls")
    done = [(each["who"], each["verb"]) for each in told if each["who"] == "robot:ci"]
    assert done == [("robot:ci", "propose"), ("robot:ci", "refused")]
    changed = text[:-1] + ("0" if text[-1] != "0" else "1")
    for wrong in (changed, text + "x", "root"):
        assert_clear(served.by_token(wrong, "images"), FORBIDDEN, "no token of this register")
    served.herdbook.must("audit", "verify")
