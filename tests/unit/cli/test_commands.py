"""Every command explains itself, prints for people or for scripts, and fails in words."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from versions import new_version

from herdbook.cli.main import app, failures_shown
from herdbook.cli.output import Output
from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions


def _commands(group: Any, name: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word, command in group.commands.items():
        inner = f"{name} {word}".strip()
        found |= _commands(command, inner) if hasattr(command, "commands") else {inner: command}
    return found


COMMANDS = _commands(typer.main.get_command(app))
"""Every command by the words it is called with."""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    status: object
    output: str
    errors: str

    def failure(self) -> Any:
        return json.loads(self.errors)["error"]


Run = Callable[..., Done]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state"


@pytest.fixture
def run(state: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    del state

    def run(*arguments: str) -> Done:
        status: object = 0
        try:
            with failures_shown(Output(as_json="--json" in arguments)):
                app(arguments)
        except SystemExit as ended:
            status = ended.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def register(state: Path) -> SqlVersions:
    versions = SqlVersions(open_database(f"sqlite:///{state}/herdbook.db"))
    versions.add(new_version("shop/web", "1"))
    versions.add(new_version("shop/web", "2"))
    versions.add(new_version("a-team/with-quite-a-long-name/and-parts/of-it", "1"))
    return versions


def test_there_are_the_commands_that_are_documented() -> None:
    wanted = {"doctor", "init", "lock", "build", "run", "export", "images", "show", "ps", "logs"}
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_fits_the_terminal(run: Run, command: str, option: str) -> None:
    done = run(*command.split(), option)
    assert done.status == 0
    assert "Usage: " in done.output
    assert max(len(line) for line in done.output.splitlines()) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_command_is_explained(command: str) -> None:
    found = COMMANDS[command]
    assert found.help
    for parameter in found.params:
        if parameter.param_type_name != "argument":
            assert parameter.help, f"{command} {parameter.name}"


WITHOUT_JSON = {
    "schema": "prints JSON in any case",
    "exec": "becomes the command that is run inside, whose output it is",
    "serve": "runs until it is ended, and says what it does",
}


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in WITHOUT_JSON])
def test_every_command_prints_json_for_scripts(command: str) -> None:
    found = COMMANDS[command]
    assert any("--json" in parameter.opts for parameter in found.params)


def test_schema_is_json_always(run: Run) -> None:
    assert json.loads(run("schema", "recipe").output)["title"] == "Recipe"


def test_what_herdbook_adds_to_a_compose_file_has_a_schema(run: Run) -> None:
    found = json.loads(run("schema", "application").output)
    assert set(found["properties"]) == {"x-herdbook", "services"}
    assert "canary" in found["$defs"]["ServiceWishes"]["properties"]


def test_a_schema_that_is_not_there_is_told_with_those_that_are(run: Run) -> None:
    assert "application" in run("schema", "nothing", "--json").failure()["hint"]


def test_images_for_scripts_are_their_newest_versions(run: Run, register: SqlVersions) -> None:
    del register
    found = json.loads(run("images", "--json").output)
    assert [(each["image"], each["number"]) for each in found] == [
        ("a-team/with-quite-a-long-name/and-parts/of-it", 1),
        ("shop/web", 2),
    ]
    assert run("images").output.count("\n") >= 3


def test_no_images_are_an_empty_list_and_a_next_step(run: Run) -> None:
    assert json.loads(run("images", "--json").output) == []
    done = run("images")
    assert done.output == ""
    assert "herdbook init" in done.errors


def test_show_for_scripts_is_a_version(run: Run, register: SqlVersions) -> None:
    version = register.find("shop/web", 1)
    assert version is not None
    found = json.loads(run("show", "shop/web:1", "--json").output)
    assert (found["digest"], found["created_at"]) == (version.digest, "2026-01-02T03:04:05Z")
    assert [each["kind"] for each in found["variants"]] == ["container", "vm"]
    layers = found["variants"][0]["layers"]
    assert [each["title"] for each in layers] == ["layer base", "layer 1"]
    assert found["variants"][0]["size_bytes"] == 20


@pytest.mark.parametrize("command", [("images",), ("show", "shop/web")])
def test_tables_fit_in_80_columns_and_lose_nothing(
    run: Run, register: SqlVersions, command: tuple[str, ...]
) -> None:
    version = register.find("shop/web")
    assert version is not None
    lines = run(*command).output.splitlines()
    table = [line for line in lines if "sha256:" not in line]
    assert max(len(line.rstrip()) for line in table) <= 80
    together = "".join(line.split("  ")[0] for line in table)
    assert ("and-parts" in together) is (command == ("images",))


def test_init_writes_a_recipe_that_is_read(run: Run, tmp_path: Path) -> None:
    found = json.loads(run("init", "here", "--image", "shop/web", "--json").output)
    assert found["written"][0] == "here/herdbook.yaml"
    assert "image: shop/web" in (tmp_path / "here" / "herdbook.yaml").read_text()
    again = run("init", "here", "--json")
    assert (again.status, again.failure()["code"]) == (10, "conflict")


FAILURES = [
    (("show", "absent"), 4, "not-found", "herdbook images"),
    (("show", "Not A Name"), 3, "invalid-input", "shop/web:3"),
    (("show", "shop/wbe"), 4, "not-found", "shop/web"),
    (("show", "shop/web:9"), 4, "not-found", "newest is 2"),
    (("export", "shop/web", "--format", "vdi"), 3, "invalid-input", "raw"),
    (("run", "shop/web", "--publish", "eighty"), 3, "invalid-input", "8080:80"),
    (("run", "shop/web", "--env", "NAME"), 3, "invalid-input", "NAME=VALUE"),
    (("run", "shop/web", "--memory", "much"), 3, "invalid-input", "512M"),
    (("run", "shop/web", "--variant", "contaner"), 3, "invalid-input", "container"),
    (("stop",), 3, "invalid-input", "--all"),
    (("build", "absent.yaml"), 4, "not-found", "herdbook init"),
    (("lock", "absent.yaml"), 4, "not-found", "herdbook init"),
    (("schema", "lock"), 3, "invalid-input", "recipe"),
]


@pytest.mark.parametrize(("arguments", "status", "code", "hint"), FAILURES)
def test_failures_say_what_to_do_next(
    run: Run, register: SqlVersions, arguments: tuple[str, ...], status: int, code: str, hint: str
) -> None:
    del register
    done = run(*arguments)
    assert done.status == status
    assert done.output == ""
    assert done.errors.startswith("error: ")
    assert hint in " ".join(done.errors.split())
    assert "next:" in done.errors
    if arguments[0] != "schema":
        shaped = run(*arguments, "--json")
        assert (shaped.status, shaped.failure()["code"]) == (status, code)
        assert set(shaped.failure()) == {"code", "message", "hint", "where"}
        assert shaped.output == ""


def test_a_mistake_in_a_recipe_is_shown_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "herdbook.yaml").write_text("image: web\nfrom: debian:bookworm\nfile: []\n")
    done = run("build")
    assert done.status == 3
    assert "at: herdbook.yaml:3" in done.errors
    assert "next: Did you mean 'files'?" in done.errors
    assert run("build", "--json").failure()["where"] == "herdbook.yaml:3"


def test_what_the_shell_was_told_wrong_is_status_2(run: Run) -> None:
    assert run("show").status == 2
    assert run("images", "--absent").status == 2
    assert run("absent").status == 2


def test_the_version_is_printed(run: Run) -> None:
    done = run("--version")
    assert (done.status, done.output.split()[0]) == (0, "herdbook")
