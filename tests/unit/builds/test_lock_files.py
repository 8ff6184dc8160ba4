"""A lock pins everything, is read as it was written, and is out of date when the wish changes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from locked import digest, package

from herdbook.builds import keys
from herdbook.builds.arrangement import Arrangement, Group
from herdbook.builds.lock import (
    Lock,
    LockedPython,
    LockedSource,
    LockedTools,
    LockedWheel,
    lock_path,
    read_lock,
    render,
)
from herdbook.builds.sources import Source
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.layers.tree import Kind
from herdbook.packages.model import SignedIndex
from herdbook.recipes.model import Recipe, Variant
from herdbook.recipes.reading import RecipeFile

LOCK = Lock(
    inputs=digest("inputs"),
    suite="bookworm",
    indexes=(
        SignedIndex(
            pocket="bookworm", digest=digest("index"), date=datetime(2026, 1, 1, tzinfo=UTC)
        ),
    ),
    packages=(package("libc6"), package("python3")),
    machine=(package("systemd"),),
    python=LockedPython(
        version="3.11",
        glibc="2.36",
        wheels=(
            LockedWheel(name="x", version="1", file="x-1-py3-none-any.whl", sha256=digest("x")),
        ),
    ),
)


def recipe(**more: Any) -> Recipe:
    fields = {"image": "shop/web", "from": "debian:bookworm", "packages": ["python3", "curl"]}
    return Recipe.model_validate({**fields, **more})


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "herdbook.lock"
    path.write_text(render(LOCK))
    assert read_lock(path) == LOCK
    assert read_lock(path).digest == LOCK.digest
    assert render(read_lock(path)) == render(LOCK)


def test_a_lock_is_one_fact_a_line_for_people_who_compare() -> None:
    assert render(LOCK).endswith("}\n")
    assert sum("sha256" in line for line in render(LOCK).splitlines()) >= 4


def test_a_lock_lies_beside_its_recipe() -> None:
    path = Path("images/web.yaml")
    assert lock_path(RecipeFile(path, recipe(), {}), digest("i")) == Path("images/web.lock")


def test_equal_wishes_of_a_matrix_share_a_lock() -> None:
    def path(value: str, wishes: str) -> Path:
        made = RecipeFile(Path("images/catalogue.yaml"), recipe(), {}, values={"a": value})
        return lock_path(made, digest(wishes))

    assert path("1", "x") == path("2", "x") != path("2", "y")
    assert path("1", "x").parent == Path("images/locks")
    assert path("1", "x").name.startswith("bookworm-")


def test_a_missing_lock_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        read_lock(tmp_path / "herdbook.lock")
    assert "herdbook lock" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", ""),
        ('"lock_format": 1', '"lock_format": 2'),
        ('"suite"', '"sweet"'),
        ("sha256:", "md5:"),
        ("x-1-py3-none-any.whl", "../x.whl"),
        ("pool/main", "/pool"),
        ('"size": 7', '"size": "many"'),
    ],
)
def test_a_lock_edited_by_hand_is_told_with_what_to_do(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "herdbook.lock"
    assert old in render(LOCK)
    path.write_text(render(LOCK).replace(old, new))
    with pytest.raises(InvalidInputError) as caught:
        read_lock(path)
    assert "herdbook lock" in caught.value.hint
    assert caught.value.where == str(path)


def test_a_lock_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "herdbook.lock"
    path.write_bytes(b"\xff\x00")
    with pytest.raises(InvalidInputError):
        read_lock(path)


def locked(**more: Any) -> Digest:
    return keys.locked_inputs(recipe(**more), ["systemd"], [b"requirements", None])


def test_what_a_lock_answers_changes_with_the_wish_and_with_nothing_else() -> None:
    assert locked(packages=["curl", "python3"]) == locked()
    assert locked(user="web", service={"command": ["x"]}, run=["true"]) == locked()
    changed = [
        locked(packages=["python3"]),
        locked(variants=["vm"]),
        locked(**{"from": "debian:trixie"}),
        keys.locked_inputs(recipe(), [], [b"requirements", None]),
        keys.locked_inputs(recipe(), ["systemd"], [b"other", None]),
        keys.locked_inputs(recipe(), ["systemd"], [None, None]),
        keys.locked_inputs(recipe(), ["systemd"], [b"requirements", b"package-lock"]),
    ]
    assert len({locked(), *changed}) == len(changed) + 1


SOURCE = Source(Path("a"), "srv/a", "root", 0o644, Kind.FILE, digest=digest("a"))


STEPS = {Variant.CONTAINER: (LOCK.packages,)}
ARRANGEMENT = Arrangement({Variant.CONTAINER: (Group("all", LOCK.packages),)}, STEPS)
OTHER_LAYERS = Arrangement({Variant.CONTAINER: (Group("other", LOCK.packages),)}, STEPS)


def build_key(recipe: Recipe, lock: Lock, sources: list[Source]) -> Digest:
    wishes = keys.wishes_key(recipe, keys.files_key(sources))
    return keys.build_key(wishes, lock.digest, ARRANGEMENT.digest)


def test_a_build_is_named_by_all_that_goes_into_it() -> None:
    base = build_key(recipe(), LOCK, [SOURCE])
    assert build_key(recipe(), Lock.model_validate(LOCK.model_dump()), [SOURCE]) == base
    elsewhere = Source(Path("b"), "srv/a", "root", 0o644, Kind.FILE, digest=digest("a"))
    assert build_key(recipe(), LOCK, [elsewhere]) == base
    changed = [
        build_key(recipe(user="web"), LOCK, [SOURCE]),
        build_key(recipe(run=["true"]), LOCK, [SOURCE]),
        build_key(recipe(tests=[{"run": "true"}]), LOCK, [SOURCE]),
        build_key(recipe(), LOCK.model_copy(update={"packages": ()}), [SOURCE]),
        build_key(recipe(), LOCK, []),
        keys.build_key(
            keys.wishes_key(recipe(), keys.files_key([SOURCE])), LOCK.digest, OTHER_LAYERS.digest
        ),
    ]
    assert len({base, *changed}) == len(changed) + 1


def test_a_recipe_without_tests_is_named_as_it_was_before_there_were_any() -> None:
    """Else every version of an older Herdbook would be built again."""
    bare = recipe()
    written = bare.model_dump(mode="json", by_alias=True)
    assert written.pop("tests") == []
    files = keys.files_key([SOURCE])
    assert keys.wishes_key(bare, files) == keys.key("wishes", written, files)


def test_work_on_packages_is_named_by_their_bytes_in_any_order() -> None:
    one, two = package("one"), package("two")
    assert keys.packages_key([one, two]) == keys.packages_key([two, one])
    assert keys.packages_key([one]) != keys.packages_key([two])
    assert keys.root_key("bookworm", None, [one, two]) == keys.root_key(
        "bookworm", None, [two, one]
    )
    assert keys.root_key("bookworm", None, [one], [two]) != keys.root_key(
        "bookworm", None, [one, two]
    )
    assert keys.root_key("bookworm", None, [one]) != keys.root_key("trixie", None, [one])
    assert keys.root_key("bookworm", None, [one]) != keys.root_key("bookworm", digest("a"), [one])


def test_kinds_of_work_never_share_a_name() -> None:
    assert keys.key("a", "b") != keys.key("b", "a")
    assert keys.key("a", ["b"]) != keys.key("a", "b")
    python = LOCK.python
    assert python is not None
    source = LockedSource(name="a", version="1", file="a-1.tar.gz", sha256=digest("s"))
    built = python.model_copy(update={"sources": (source,)})
    tools = [
        LockedTools(suite="bookworm", indexes=(), packages=(package(name),))
        for name in ("gcc", "clang")
    ]
    named = [
        *(keys.python_key(built, each, ["python3.11-minimal 1"], 1) for each in tools),
        *(
            keys.python_key(python, None, interpreter, epoch)
            for interpreter, epoch in (
                (["python3.11-minimal 1"], 1),
                (["python3.11-minimal 2"], 1),
                (["python3.11-minimal 1"], 2),
            )
        ),
    ]
    assert len(set(named)) == len(named)
    assert keys.run_key([digest("1")], digest("a"), digest("r")) != keys.run_key(
        [digest("1")], digest("b"), digest("r")
    )
