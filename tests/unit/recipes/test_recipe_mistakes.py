"""Every mistake in a recipe is told with its line and with what was probably meant."""

from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.reading import read_recipe

HEAD = "image: web\nfrom: debian:bookworm\n"


def mistake(text: str, folder: Path) -> InvalidInputError:
    path = folder / "herdbook.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        read_recipe(path)
    assert caught.value.hint
    return caught.value


def line_of(error: InvalidInputError) -> int:
    return int(error.where.rpartition(":")[2])


@pytest.mark.parametrize(
    ("more", "line", "meant"),
    [
        ("package: [python3]", 3, "packages"),
        ("user: web\nservic:\n  command: [x]", 4, "service"),
        ("service:\n  command: [x]\n  prots: [80]", 5, "ports"),
        ("files:\n  - {from: a, to: /a}\n  - from: b\n    to: /b\n    ownr: root", 7, "owner"),
        ("service:\n  command: [x]\n  ports: [1]\n  health: {htp: /}", 6, "http"),
        ("vm:\n  cpu: 2", 4, "cpus"),
        ("python: {requirement: x}", 3, "requirements"),
        ("from_: debian:trixie", 3, "from"),
        ("schema_: 1", 3, "schema"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(
    tmp_path: Path, more: str, line: int, meant: str
) -> None:
    error = mistake(HEAD + more, tmp_path)
    assert "There is no key" in error.message
    assert (line_of(error), error.hint) == (line, f"Did you mean {meant!r}?")


def test_a_key_like_no_other_is_told_with_all_known_ones(tmp_path: Path) -> None:
    error = mistake(HEAD + "vm: {zzz: 1}", tmp_path)
    assert error.hint == "Known here are cpus, disk, memory."


def test_a_misspelt_required_key_is_told_as_misspelt(tmp_path: Path) -> None:
    error = mistake("from: debian:bookworm\nimagee: web\n", tmp_path)
    assert (line_of(error), error.hint) == (2, "Did you mean 'image'?")


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("image: web", 1, "'from'"),
        ("from: debian:bookworm", 1, "'image'"),
        (HEAD + "service:\n  ports: [80]", 3, "'service.command'"),
        (HEAD + "files:\n  - {from: a}", 4, "'files.0.to'"),
    ],
)
def test_a_missing_key_is_named_with_its_place(
    tmp_path: Path, text: str, line: int, name: str
) -> None:
    error = mistake(text, tmp_path)
    assert name in error.message
    assert line_of(error) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "user: a\nuser: b", 4),
        (HEAD + "service:\n  command: [x]\n  command: [y]", 5),
        (HEAD + "files:\n  - from: a\n    to: /a\n    to: /b", 6),
        ('image: web\n"image": web\nfrom: debian:bookworm', 2),
    ],
)
def test_a_key_given_twice_is_told_with_its_second_line(
    tmp_path: Path, text: str, line: int
) -> None:
    error = mistake(text, tmp_path)
    assert "twice" in error.message
    assert line_of(error) == line


@pytest.mark.parametrize(
    ("more", "line", "name"),
    [
        ("packages: python3", 3, "packages"),
        ("packages:\n  - python3\n  - 3", 5, "packages.1"),
        ("packages:\n  - Python3", 4, "packages.0"),
        ("user: Web User", 3, "user"),
        ("user: [web]", 3, "user"),
        ("service: python3", 3, "service"),
        ("service:\n  command: []", 4, "service.command"),
        ("service:\n  command: [x]\n  ports: [0]", 5, "service.ports.0"),
        ("service:\n  command: [x]\n  ports: [65536]", 5, "service.ports.0"),
        ("service:\n  command: [x]\n  ports: [true]", 5, "service.ports.0"),
        ("service:\n  command: [x]\n  ports: [http]", 5, "service.ports.0"),
        ("service:\n  command: [x]\n  env: {A: yes}", 5, "service.env.A"),
        ("service:\n  command: [x]\n  env: {A: 1.10}", 5, "service.env.A"),
        ("service:\n  command: [x]\n  env: {A: [1]}", 5, "service.env.A"),
        ("service:\n  command: [x]\n  env:\n    A-B: x", 6, "service.env"),
        ("service:\n  command: [x]\n  directory: srv", 5, "service.directory"),
        ("vm:\n  memory: much", 4, "vm.memory"),
        ("vm:\n  memory: true", 4, "vm.memory"),
        ("vm:\n  memory: 0", 4, "vm.memory"),
        ("vm:\n  memory: -1G", 4, "vm.memory"),
        ("vm:\n  memory: 1.5G", 4, "vm.memory"),
        ("vm:\n  cpus: true", 4, "vm.cpus"),
        ("vm:\n  cpus: 0", 4, "vm.cpus"),
        ("vm:\n  cpus: 65", 4, "vm.cpus"),
        ("variants: []", 3, "variants"),
        ("variants: [vm, vmm]", 3, "variants.1"),
        ("variants: [vm, vm]", 3, "variants"),
        ("schema: 2", 3, "schema"),
        ("files:\n  - {from: '', to: /a}", 4, "files.0.from"),
        ("files:\n  - {from: a, to: a}", 4, "files.0.to"),
        ("files:\n  - {from: a, to: /a/../b}", 4, "files.0.to"),
        ("files:\n  - {from: a, to: /a, mode: 9}", 4, "files.0.mode"),
        ("files:\n  - {from: a, to: /a, mode: 4755}", 4, "files.0.mode"),
        ("run:\n  - []\n", 4, "run.0"),
        ("run: [[echo, [nested]]]", 3, "run.0.command.1"),
        ("run: {a: b}", 3, "run"),
    ],
)
def test_a_value_that_cannot_be_meant_is_told_with_its_line(
    tmp_path: Path, more: str, line: int, name: str
) -> None:
    error = mistake(HEAD + more, tmp_path)
    assert error.message.startswith(name)
    assert line_of(error) == line


@pytest.mark.parametrize("folder", ["/dev", "/proc", "/run", "/sys"])
@pytest.mark.parametrize("form", ["{}", "{}/x", "/{}/x", "/.{}/x", "{}/"])
def test_folders_of_the_running_system_take_no_files(
    tmp_path: Path, folder: str, form: str
) -> None:
    error = mistake(f"{HEAD}files: [{{from: a, to: {form.format(folder)}}}]", tmp_path)
    assert "running system" in error.message


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("user: web\npython: {requirements: x}", 4, "python3"),
        ("user: web\nvariants: [vm, vm]", 4, "twice"),
        ("user: web\nfiles: [{from: a, to: /a, owner: other}]", 4, "other"),
        ("files: [{from: a, to: /a, owner: web}]", 3, "web"),
        ("service:\n  command: [x]\n  health: {http: /}", 5, "port"),
    ],
)
def test_parts_that_do_not_fit_together_are_told_with_their_line(
    tmp_path: Path, more: str, line: int, said: str
) -> None:
    error = mistake(HEAD + more, tmp_path)
    assert said in error.message
    assert line_of(error) == line


@pytest.mark.parametrize("name", ["Web", "web/", "/web", "a//b", "web:1", "a b", "ö", "x" * 201])
def test_names_no_image_can_have_are_refused(tmp_path: Path, name: str) -> None:
    error = mistake(f"image: '{name}'\nfrom: debian:bookworm", tmp_path)
    assert error.message.startswith("image")
    assert line_of(error) == 1


@pytest.mark.parametrize("start", ["debian", "debian:", "ubuntu:noble", "debian:Bookworm", "x:y"])
def test_what_an_image_cannot_start_from_is_refused(tmp_path: Path, start: str) -> None:
    error = mistake(f"image: web\nfrom: '{start}'", tmp_path)
    assert "debian:bookworm" in error.hint
    assert line_of(error) == 2
