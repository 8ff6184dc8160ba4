"""What is newer in the archive fits a terminal, names the next step, and speaks JSON."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from commands import run
from locked import digest

from herdbook.campaigns.sightings import NOTHING, Fix, NewerPackage, Sighting, Sightings
from herdbook.cli.output import Output
from herdbook.cli.watch import print_news, print_once, seconds_of, sightings_shape
from herdbook.core.errors import InvalidInputError, NetworkError
from herdbook.packages.model import SignedIndex

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SSL = Sighting(
    suite="bookworm",
    source="openssl",
    held=("3.0.17-1~deb12u2", "3.0.20-1~deb12u2"),
    available="3.0.22-1~deb12u2",
    pocket="bookworm-security",
    packages=(NewerPackage("libssl3", ("3.0.17-1~deb12u2",), "3.0.22-1~deb12u2"),),
    images=137_000,
    fixes=(
        Fix("CVE-2026-12345", "critical", exploited=True),
        Fix("CVE-2026-2", "", exploited=False),
    ),
)
TOOL = replace(
    SSL, source="a-source-with-quite-a-long-name", pocket="bookworm", held=("1.0-1",), fixes=()
)
REBUILT = replace(TOOL, source="tool", available="1.0-1", fixes_known=False)
SEEN = Sightings((SSL, TOOL, REBUILT), {"bookworm": ()}, {}, no_data=("bookworm",))


@pytest.fixture(autouse=True)
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def shown(
    capsys: pytest.CaptureFixture[str], seen: Sightings, pocket: str = "any"
) -> tuple[str, str]:
    print_once(seen, Output(as_json=False), MOMENT, pocket)
    return capsys.readouterr()


def test_the_table_fits_in_80_columns_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = shown(capsys, SEEN)
    table, _, summary = output.partition("\n\n")
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80
    assert "137000" in table
    assert "!" in table
    assert summary == (
        "3 sources are newer in the archive, 1 in a security pocket (!: exploited)\n"
        "Patch with: herdbook campaign plan openssl\n"
    )


def test_a_wide_terminal_shows_each_source_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = shown(capsys, replace(SEEN, found=(replace(SSL, held=("1",)), TOOL, REBUILT)))[0]
    assert [line.split() for line in lines.splitlines()[1:4]] == [
        [
            *("openssl", "bookworm", "1", "3.0.22-1~deb12u2", "security", "137000"),
            *("2", "critical", "!"),
        ],
        [TOOL.source, "bookworm", "1.0-1", "3.0.22-1~deb12u2", "main", "137000", "-"],
        ["tool", "bookworm", "1.0-1", "1.0-1", "(rebuilt)", "main", "137000", "no", "data"],
    ]


def test_only_the_security_pocket_is_shown_where_that_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output, _ = shown(capsys, SEEN, "security")
    assert "1 source is newer" in output
    assert "tool" not in output
    nothing = shown(capsys, replace(SEEN, found=(TOOL,)), "security")[0]
    assert nothing == "Nothing is newer in the security pockets of bookworm\n"


def test_what_was_not_looked_at_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    seen = replace(SEEN, found=(), no_archive=("", "sid"), layers_not_scanned=3)
    output, errors = shown(capsys, seen)
    assert output == "Nothing is newer in bookworm\n"
    assert "No advisories for bookworm" in errors
    assert "packages of no known suite, sid" in errors
    assert "3 layers were not scanned" in errors


def test_a_suite_that_could_not_be_read_is_told_after_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = replace(SEEN, unread={"bullseye": NetworkError("gone", hint="try again")})
    with pytest.raises(typer.Exit) as ended:
        print_once(seen, Output(as_json=False), MOMENT, "any")
    assert ended.value.exit_code == NetworkError.exit_status
    output, errors = capsys.readouterr()
    assert "openssl" in output
    assert "bullseye was not looked at" in errors
    assert "next: try again" in errors
    with pytest.raises(NetworkError):
        print_once(replace(seen, indexes={}), Output(as_json=False), MOMENT, "any")
    assert capsys.readouterr().out == ""


def test_for_scripts_it_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    index = SignedIndex(pocket="bookworm", digest=digest("index"), date=MOMENT)
    unread = {"bullseye": NetworkError("gone")}
    seen = Sightings((SSL,), {"bookworm": (index,)}, unread, ("sid",), ("bookworm",), 3)
    with pytest.raises(typer.Exit):
        print_once(seen, Output(as_json=True), MOMENT, "any")
    assert json.loads(capsys.readouterr().out) == {
        "looked_at": "2026-01-02T03:04:05Z",
        "sightings": [
            {
                "ecosystem": "deb",
                "suite": "bookworm",
                "source": "openssl",
                "held": ["3.0.17-1~deb12u2", "3.0.20-1~deb12u2"],
                "available": "3.0.22-1~deb12u2",
                "rebuilt": False,
                "pocket": "bookworm-security",
                "packages": [
                    {
                        "name": "libssl3",
                        "held": ["3.0.17-1~deb12u2"],
                        "available": "3.0.22-1~deb12u2",
                    }
                ],
                "images": 137_000,
                "severity": "critical",
                "exploited": True,
                "fixes_known": True,
                "fixes": [
                    {"name": "CVE-2026-12345", "severity": "critical", "exploited": True},
                    {"name": "CVE-2026-2", "severity": None, "exploited": False},
                ],
            }
        ],
        "suites": [
            {
                "suite": "bookworm",
                "indexes": [
                    {
                        "pocket": "bookworm",
                        "digest": digest("index"),
                        "date": "2026-01-02T03:04:05Z",
                    }
                ],
            }
        ],
        "not_read": [{"suite": "bullseye", "code": "network", "message": "gone"}],
        "no_archive": ["sid"],
        "no_data": ["bookworm"],
        "layers_not_scanned": 3,
    }


def test_the_shape_is_the_documented_one() -> None:
    text = (Path(__file__).parents[3] / "docs/json.md").read_text()
    shape = sightings_shape(replace(SEEN, unread={"x": NetworkError("")}), MOMENT)
    first = shape["sightings"][0]
    keys = {*shape, *first, *first["packages"][0], *first["fixes"][0], *shape["not_read"][0]}
    assert {key for key in keys if f'"{key}' not in text} == set()


def test_looking_on_tells_what_the_first_look_saw_and_then_only_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(as_json=False)
    nothing = replace(SEEN, found=(), no_data=())
    print_news(nothing, output, MOMENT, "any", first=True)
    assert capsys.readouterr().out == "2026-01-02 03:04 UTC\nNothing is newer in bookworm\n"
    print_news(nothing, output, MOMENT, "any", first=False)
    assert capsys.readouterr() == ("", "")
    print_news(replace(SEEN, found=(TOOL,)), output, MOMENT, "security", first=False)
    assert capsys.readouterr() == ("", "")
    print_news(SEEN, output, MOMENT, "any", first=False)
    assert "3 sources are newer" in capsys.readouterr().out


def test_looking_on_prints_a_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    for first in (True, False):
        print_news(SEEN, output, MOMENT, "any", first=first)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [sightings_shape(SEEN, MOMENT)] * 2


def test_an_archive_that_cannot_be_read_ends_nothing_that_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unread = {"bookworm": NetworkError("gone", hint="try again")}
    seen = replace(NOTHING, unread=unread)
    print_news(seen, Output(as_json=False), MOMENT, "any", first=True)
    output, errors = capsys.readouterr()
    assert output == ""
    assert "error: gone" in errors


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("6h", 21_600), ("1d", 86_400)]
)
def test_durations_are_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["6", "h", "0h", "-1h", "1.5h", "6 h", "6H", "9999999d", "٣h"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        seconds_of(text)
    assert "30m" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "hint"), [(("--every", "soon"), "6h"), (("--pocket", "updates"), "security")]
)
def test_mistakes_are_answered_with_what_is_meant(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], hint: str
) -> None:
    status, output, errors = run(capsys, "watch", *arguments)
    assert (status, output) == (3, "")
    assert hint in errors


def test_without_images_there_is_nothing_to_watch(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, _ = run(capsys, "watch")
    assert (status, output) == (0, "No image holds packages of Debian yet\n")
    status, output, _ = run(capsys, "watch", "--json")
    assert (status, json.loads(output)["sightings"]) == (0, [])


def test_every_command_of_the_page_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "docs/watching.md").read_text()
    commands = [
        line.split("#")[0].split() for line in text.splitlines() if "herdbook watch" in line
    ]
    commands = [words[1:] for words in commands if words[0] == "herdbook"]
    assert len(commands) > 3
    for words in commands:
        status, output, errors = run(capsys, *words, "--help")
        assert (status, errors) == (0, ""), words
        assert "Usage: " in output
