"""A recipe is read as people mean it, and every key that is documented works."""

from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.recipes.model import CommandStep, PlaybookStep, Recipe, RecipeTest, Variant
from herdbook.recipes.reading import read_recipe

EVERYTHING = """\
schema: 1
image: shop/web
from: debian:bookworm
packages: [python3, nodejs, libstdc++6]
python: {requirements: requirements.txt, credentials: index}
node: {lock: package-lock.json, development: true}
files:
  - from: app/
    to: /srv/web
    owner: web
    mode: "0640"
run:
  - echo one line for the shell
  - [echo, a list, 3]
  - {command: make, secrets: [token]}
  - {ansible: provision/site.yml, variables: {greeting: hello}}
user: web
service:
  command: [python3, -m, web, 8080]
  env: {PORT: 8080, GREETING: "hello: you"}
  ports: [8080, 9090]
  health: {http: /healthz}
  directory: /srv/web
variants: [vm, container]
rebase: never
tests:
  - {name: it starts, run: [python3, -m, web, --check], timeout: 5s}
  - {run: test -d /srv/web}
vm: {memory: 1G, cpus: 2, disk: 4 GiB}
"""


def recipe_of(text: str, folder: Path) -> Recipe:
    path = folder / "herdbook.yaml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path).recipe


def minimal(more: str, folder: Path) -> Recipe:
    return recipe_of(f"image: web\nfrom: debian:bookworm\n{more}", folder)


def test_every_documented_key_is_understood(tmp_path: Path) -> None:
    recipe = recipe_of(EVERYTHING, tmp_path)
    assert (recipe.image, recipe.from_, recipe.suite) == (
        "shop/web",
        "debian:bookworm",
        "bookworm",
    )
    assert recipe.packages == ("python3", "nodejs", "libstdc++6")
    assert recipe.python is not None
    assert recipe.python.requirements == "requirements.txt"
    (step,) = recipe.files
    assert (step.from_, step.to, step.owner, step.mode) == ("app/", "/srv/web", "web", "0640")
    assert recipe.node is not None
    assert (recipe.node.lock, recipe.node.development) == ("package-lock.json", True)
    assert recipe.run == (
        CommandStep(command=("echo one line for the shell",)),
        CommandStep(command=("echo", "a list", "3")),
        CommandStep(command=("make",), secrets=("token",)),
        PlaybookStep(ansible="provision/site.yml", variables={"greeting": "hello"}),
    )
    assert recipe.secrets == {"token", "index"}
    assert recipe.user == "web"
    assert recipe.variants == (Variant.VM, Variant.CONTAINER)
    assert recipe.tests == (
        RecipeTest(name="it starts", run=("python3", "-m", "web", "--check"), timeout="5s"),
        RecipeTest(run=("test -d /srv/web",)),
    )
    assert [each.limit_seconds for each in recipe.tests] == [5, 60]
    assert recipe.rebase == "never"
    assert (recipe.vm.memory, recipe.vm.cpus, recipe.vm.disk) == (1 << 30, 2, 4 << 30)
    service = recipe.service
    assert service is not None
    assert service.command == ("python3", "-m", "web", "8080")
    assert service.env == {"PORT": "8080", "GREETING": "hello: you"}
    assert (service.ports, service.directory) == ((8080, 9090), "/srv/web")
    assert service.health is not None
    assert service.health.http == "/healthz"


def test_every_key_of_the_model_is_in_that_example() -> None:
    from yaml import safe_load

    from herdbook.recipes.schema import recipe_schema

    schema, given = recipe_schema(), safe_load(EVERYTHING)
    assert set(given) == set(schema["properties"])
    parts = (
        ("FileStep", given["files"][0]),
        ("Machine", given["vm"]),
        ("RecipeTest", given["tests"][0]),
    )
    for name, part in parts:
        assert set(part) == set(schema["$defs"][name]["properties"])
    assert set(given["service"]) == set(schema["$defs"]["Service"]["properties"])


@pytest.mark.parametrize(
    "more",
    [
        "tests: [{run: x, timeout: soon}]\n",
        "tests: [{run: []}]\n",
        "tests: [{name: nothing}]\n",
    ],
)
def test_tests_that_could_never_be_run_are_refused(tmp_path: Path, more: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        minimal(more, tmp_path)
    assert caught.value.where


def test_two_keys_are_enough(tmp_path: Path) -> None:
    recipe = minimal("", tmp_path)
    assert recipe.variants == (Variant.CONTAINER, Variant.VM)
    assert (recipe.packages, recipe.files, recipe.run, recipe.service) == ((), (), (), None)
    assert (recipe.vm.memory, recipe.vm.cpus, recipe.vm.disk) == (512 << 20, 1, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("512", 512),
        ("512B", 512),
        ("1k", 1 << 10),
        ("1 KiB", 1 << 10),
        ("512M", 512 << 20),
        ("2GB", 2 << 30),
        ("1t", 1 << 40),
    ],
)
def test_sizes_are_powers_of_1024(tmp_path: Path, written: str, meant: int) -> None:
    assert minimal(f"vm: {{memory: {written}}}", tmp_path).vm.memory == meant


@pytest.mark.parametrize("written", ["010", "0x1F", "1_000", "12:30:00", "8080", "-5", "0644"])
def test_a_number_in_text_is_taken_as_it_was_written(tmp_path: Path, written: str) -> None:
    recipe = minimal(f"service: {{command: [run, {written}], env: {{VALUE: {written}}}}}", tmp_path)
    assert recipe.service is not None
    assert recipe.service.env == {"VALUE": written}
    assert recipe.service.command == ("run", written)


@pytest.mark.parametrize("written", ["644", "0644", '"0644"', "'644'"])
def test_a_mode_needs_no_quotes(tmp_path: Path, written: str) -> None:
    step = minimal(f"files: [{{from: a, to: /a, mode: {written}}}]", tmp_path).files[0]
    assert step.mode is not None
    assert int(step.mode, 8) == 0o644


@pytest.mark.parametrize(
    ("written", "meant"),
    [("/srv/web/", "/srv/web"), ("/", "/"), ("/a/./b", "/a/b"), ("//srv//web", "/srv/web")],
)
def test_paths_in_the_image_are_tidied(tmp_path: Path, written: str, meant: str) -> None:
    assert minimal(f"files: [{{from: a, to: {written}}}]", tmp_path).files[0].to == meant


def test_places_are_found_by_line(tmp_path: Path) -> None:
    path = tmp_path / "herdbook.yaml"
    path.write_text(EVERYTHING)
    read = read_recipe(path)
    assert read.folder == tmp_path
    assert read.where("packages") == f"{path}:4"
    assert read.where("files", 0, "to") == f"{path}:9"
    assert read.where("run", 1) == f"{path}:14"
    assert read.where("service", "env", "PORT") == f"{path}:20"
    assert read.where("service", "env", "ABSENT") == f"{path}:20"
    assert read.where("absent") == f"{path}:1"


def test_a_recipe_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        read_recipe(tmp_path / "absent.yaml")
    assert "herdbook init" in caught.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * ((1 << 20) + 1)])
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_recipe(tmp_path / "file")
    assert caught.value.where == str(tmp_path / "file")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        read_recipe(tmp_path)
