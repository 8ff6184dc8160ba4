"""What is started after a campaign runs on the patched library, as a container and as a machine."""

import json
from pathlib import Path

import pytest
from fetching import fetch
from patching import Herd, make_herd
from tiny import until

pytestmark = [pytest.mark.root, pytest.mark.archive]

SERVICE = """\
import os, subprocess, threading
import bottle

QUESTIONS = {
    "openssl": ["openssl", "version"],
    "package": ["dpkg-query", "-W", "-f", "${Version}", "libssl3"],
    "audit": ["dpkg", "--audit"],
    "verify": ["dpkg", "-V", *os.environ["VERIFIED"].split()],
    "python": ["python3", "-c", "import ssl; print(ssl.OPENSSL_VERSION)"],
}
answers = {}

def ask():
    found = {}
    for name, words in QUESTIONS.items():
        done = subprocess.run(words, capture_output=True, text=True)
        found[name] = (done.stdout + done.stderr).strip()
    answers.update(found)

bottle.route("/healthz")(lambda: "ok")
bottle.route("/")(lambda: answers)
threading.Thread(target=ask).start()
bottle.run(host="0.0.0.0", port=8080)
"""
WEB = """\
from: debian:bookworm
packages: [python3, openssl]
python: {requirements: requirements.txt}
files: [{from: service.py, to: /srv/service.py}]
service:
  command: [/opt/venv/bin/python3, /srv/service.py]
  env: {VERIFIED: ""}
  ports: [8080]
  health: {http: /healthz}
vm: {memory: 512M}
"""
PLAIN = "from: debian:bookworm\nvariants: [container]\npackages: [openssl]\n"
RECIPES = {
    "web": WEB,
    "plain": PLAIN,
    "other": f"{PLAIN}service: {{command: [/bin/sleep, infinity]}}\n",
}


@pytest.fixture(scope="module")
def herd(kept_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Herd:
    """Build images with the oldest openssl, and let them follow; every rebase is checked."""
    files = {"service.py": SERVICE, "requirements.txt": "bottle>=0.13,<0.14\n"}
    herd = make_herd(tmp_path_factory.mktemp("instances"), kept_archive, RECIPES, files)
    herd.herdbook.must("campaign", "start", "openssl", "--verify", "all", "--json")
    return herd


def test_every_image_was_checked(herd: Herd) -> None:
    images = herd.report()["images"]
    assert {name: each["way"] for name, each in images.items()} == dict.fromkeys(
        ("h/web", "h/plain", "h/other"), "rebase"
    )
    end = "built the long way: the same, to the last byte"
    assert images["h/web"]["checked"] == f"h/web:1 {end}"
    assert images["h/plain"]["proof"] == images["h/other"]["proof"]
    assert images["h/plain"]["checked"].startswith("all 2: ")
    assert images["h/plain"]["checked"].endswith(end)


@pytest.mark.parametrize(
    ("variant", "verified"),
    [
        pytest.param("container", "", marks=pytest.mark.podman),  # all there are
        pytest.param("vm", "libssl3 openssl", marks=pytest.mark.qemu),  # it is a slow machine
    ],
)
def test_a_started_instance_has_the_new_library(herd: Herd, variant: str, verified: str) -> None:
    settings = ("--env", f"VERIFIED={verified}")
    started = herd.herdbook.json("run", "h/web", "--variant", variant, *settings)
    address = f"http://127.0.0.1:{started['ports'][0]['port']}/"
    try:
        until(lambda: json.loads(fetch(address)))
        answers = json.loads(fetch(address))
    finally:
        herd.herdbook.must("stop", started["name"])
    upstream = herd.new.partition("-")[0]
    assert answers["package"] == herd.new
    assert answers["openssl"].count(upstream) == 2  # the program's and the library's
    assert upstream in answers["python"]
    assert (answers["audit"], answers["verify"]) == ("", "")
