"""The commands about vulnerabilities fit a terminal, say what is not known, and speak JSON."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from commands import run
from stores import open_store
from versions import layer, new_version

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin

LINUX = "linux-image-6.1.0-25-cloud-amd64"
COMPONENTS = (
    Component(Ecosystem.DEBIAN, "libssl3", "3.0.9-1", "bookworm", "amd64", "openssl", "3.0.9-1"),
    Component(Ecosystem.DEBIAN, "openssl", "3.0.9-1", "bookworm", "amd64", "openssl", "3.0.9-1"),
    Component(Ecosystem.DEBIAN, LINUX, "6.1.106-3+b1", "bookworm", "amd64", "linux", "6.1.106-3"),
    Component(Ecosystem.NODE, "express", "4.0.0"),
)
TRACKER = {
    "openssl": {
        "CVE-2026-12345": {
            "releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.11-1~deb12u2"}}
        },
        "CVE-2026-2": {"releases": {"bookworm": {"status": "open", "urgency": "unimportant"}}},
    },
    "linux": {
        "CVE-2026-3": {
            "releases": {
                "bookworm": {"status": "open", "urgency": "low", "nodsa_reason": "ignored"}
            }
        }
    },
}
EXPLOITED = {
    "catalogVersion": "1",
    "vulnerabilities": [{"cveID": "CVE-2026-3", "dateAdded": "2026-01-01"}],
}
STATEMENTS = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "author": "our people",
    "timestamp": "2026-01-02T00:00:00Z",
    "statements": [
        {
            "vulnerability": "CVE-2026-12345",
            "products": ["shop/web"],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
        }
    ],
}


@pytest.fixture(autouse=True)
def feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An image, and feeds to be imported."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    new, own, unseen = new_version(), layer("packages"), layer("unseen")
    container, machine = new.variants
    variants = (replace(container, layers=(own,)), replace(machine, layers=(own, unseen)))
    bill = LayerBill(own.digest, COMPONENTS, Origin.DECLARED)
    versions = open_store(tmp_path / "state").workshop.versions
    versions.add(replace(new, variants=variants, bills=(bill,)))
    paths = []
    for name, content in (("t", TRACKER), ("k", EXPLOITED), ("v", STATEMENTS)):
        (tmp_path / name).write_text(json.dumps(content))
        paths.append(str(tmp_path / name))
    return paths


def test_without_advisories_nothing_is_called_clean(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, notes = run(capsys, "vulnerabilities", "shop/web")
    assert status == 0
    assert "nothing is known" in output
    assert "no data: deb bookworm (3), npm (1)" in output
    assert "not scanned: layer unseen" in output
    assert "herdbook advisories import" in notes
    assert "no open" not in output


def test_vulnerabilities_are_listed_within_eighty_columns(
    feeds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, output, _ = run(capsys, "advisories", "import", *feeds[:2])
    assert status == 0
    assert output.startswith("debian: 3 entries (3 new, 0 changed, 0 gone) from ")
    _, output, _ = run(capsys, "vulnerabilities", "shop/web")
    table = output.split("\n\n")[1].splitlines()
    assert all(len(line) <= 80 for line in table)
    assert table[1].split()[:3] == ["CVE-2026-3", "low", "!"]
    assert "never" in table[1]
    rows = [line for line in table if line.startswith("CVE-2026-12345")]
    assert len(rows) == 1  # both of openssl's packages in one
    assert "CVE-2026-2 " not in output
    assert "2 open in 3 of the 3 components with data: 1 low, 1 unknown; 1 exploited (!)" in output
    assert "besides: 1 unimportant (--all lists them)" in output
    assert "no data: npm (1)" in output
    assert "CVE-2026-2 " in run(capsys, "vulnerabilities", "shop/web", "--all")[1]


def test_what_was_cleared_is_shown_with_who_said_so(
    feeds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "advisories", "import", *feeds)
    _, output, _ = run(capsys, "vulnerabilities", "shop/web:1")
    assert "cleared" in output
    said = "CVE-2026-12345: not_affected says our people (2026-01-02): vulnerable_code_not_in_"
    assert said in output
    assert "1 open in 1 of the 3" in output


def test_vulnerabilities_in_json_are_complete(
    feeds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, output, _ = run(capsys, "advisories", "import", "--json", *feeds)
    imported = json.loads(output)
    assert status == 0
    assert [(each["kind"], each["entries"], each["added"]) for each in imported] == [
        *(("debian", 3, 3), ("kev", 1, 1), ("openvex", 1, 1)),
    ]
    found = json.loads(run(capsys, "vulnerabilities", "shop/web", "--json")[1])
    assert (found["image"], found["number"], found["complete"]) == ("shop/web", 1, False)
    counts = {key: value for key, value in found["counts"].items() if value}
    assert counts == {
        "open": 1,
        "exploited": 1,
        "low": 1,
        "cleared": 1,
        "unimportant": 1,
        "components": 4,
        "no_data": 1,
        "not_scanned": 1,
    }
    first = found["vulnerabilities"][0]
    assert (first["name"], first["open"], first["status"]) == ("CVE-2026-3", True, "ignored")
    assert (first["package"], first["installed"], first["fixed"]) == ("linux", "6.1.106-3", None)
    assert first["exploited"] == {"added": "2026-01-01", "due": None}
    cleared = [each for each in found["vulnerabilities"] if each["statement"]]
    assert {each["statement"]["author"] for each in cleared} == {"our people"}
    assert [each["variants"] for each in found["not_scanned"]] == [["vm"]]
    assert [each["purl"] for each in found["no_data"]] == ["pkg:npm/express@4.0.0"]


def test_what_was_imported_is_listed(feeds: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _, output, notes = run(capsys, "advisories", "ls")
    assert "no data" in output
    assert "herdbook advisories import" in notes
    run(capsys, "advisories", "import", *feeds)
    _, output, _ = run(capsys, "advisories", "ls")
    assert all(len(line) <= 80 for line in output.splitlines())
    assert ["deb", "bookworm", "3", "3"] in [line.split() for line in output.splitlines()]
    assert ["npm", "no", "data", "1"] in [line.split() for line in output.splitlines()]
    listed = json.loads(run(capsys, "advisories", "ls", "--json")[1])
    assert [each["kind"] for each in listed["feeds"]] == ["debian", "kev", "openvex"]
    scopes = [(each["ecosystem"], each["suite"], each["advisories"]) for each in listed["scopes"]]
    assert scopes == [("deb", "bookworm", 3), ("npm", None, 0)]


def test_a_wrong_file_ends_with_a_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run(capsys, "advisories", "import", "/nonexistent")
    assert status == 4
    assert "next: " in error
