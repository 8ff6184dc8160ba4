"""Whatever a file holds, it is read as a recipe or refused in our words."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.reading import read_recipe

HEAD = "image: web\nfrom: debian:bookworm\n"


def refusal(text: str, folder: Path) -> InvalidInputError:
    path = folder / "herdbook.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        read_recipe(path)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "packages: [a, b\nuser: web", 4),
        (HEAD + "\tuser: web", 3),
        (HEAD + 'user: "web', 3),
        (HEAD + "user: *absent", 3),
        (HEAD + "user: &a web\n---\nimage: web", 4),
        (HEAD + "user: !!python/object:os.system x", 3),
        (HEAD + "user: !custom x", 3),
        (HEAD + "user: !!int x", 3),
        (HEAD + "user: !!timestamp 2026-99-99", 3),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    error = refusal(text, tmp_path)
    found = int(error.where.rpartition(":")[2])
    assert line <= found <= line + 1
    assert error.hint


@pytest.mark.parametrize("text", ["", "# nothing", "- a\n- b", "web", "3", "null", "[]"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    error = refusal(text, tmp_path)
    assert "mapping" in error.message
    assert "herdbook init" in error.hint


@pytest.mark.parametrize(
    "more",
    [
        "? [a, b]\n: c",
        "? {a: b}\n: c",
        "3: x",
        "null: x",
        "service: {command: [x], env: {[a]: b}}",
        "user: 2026-99-99",
        "vm: {cpus: " + "9" * 5000 + "}",
        "vm: {cpus: .inf}",
        "vm: {memory: .nan}",
        "packages: &p [*p]",
        "service: &s {command: *s}",
        "packages: " + "[" * 500 + "]" * 500,
        "packages: " + "[" * 50_000 + "]" * 50_000,
        'service: {command: ["a\\0b"]}',
        'service: {command: [x], env: {A: "a\\0b"}}',
        'files: [{from: a, to: "/a\\0b"}]',
        'user: "a\\u0007"',
    ],
)
def test_odd_yaml_is_refused_in_our_words(tmp_path: Path, more: str) -> None:
    refusal(HEAD + more, tmp_path)


@pytest.mark.timeout(20)
def test_a_small_file_cannot_blow_up(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    refusal(HEAD + "\n".join(levels), tmp_path)


KEYS = some.sampled_from(
    ["image", "from", "packages", "files", "run", "user", "service", "variants", "vm", "env", "to"]
)
VALUES = some.recursive(
    some.sampled_from(["web", "debian:bookworm", "/a", "512M", "container", "yes", "~", "1.5"])
    | some.integers().map(str)
    | some.text(max_size=5).map(repr),
    lambda inner: (
        some.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
        | some.dictionaries(KEYS, inner, max_size=3).map(
            lambda each: "{" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}"
        )
    ),
    max_leaves=6,
)


def read(content: bytes) -> None:
    """Read a recipe, or be refused in our words: anything else is a fault."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "herdbook.yaml"
        path.write_bytes(content)
        with suppress(InvalidInputError):
            assert read_recipe(path).recipe.image


@settings(deadline=None, max_examples=150)
@given(some.dictionaries(KEYS, VALUES, max_size=5))
def test_any_mapping_is_read_or_refused(drawn: dict[str, str]) -> None:
    mapping = {"image": "web", "from": "debian:bookworm", **drawn}
    read("\n".join(f"{key}: {value}" for key, value in mapping.items()).encode())


@settings(deadline=None, max_examples=150)
@given(some.text(max_size=40) | some.text("[]{}:-,&*!|>'\"#%@? \n\tax0", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    read(text.encode(errors="surrogatepass"))


@settings(deadline=None, max_examples=50)
@given(some.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content)
