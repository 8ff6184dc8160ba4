"""Which files make an application: a folder's, several, extended and included ones; its name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from herdbook.compose.model import Reading
from herdbook.compose.reading import read_application
from herdbook.core.errors import InvalidInputError, NotFoundError

Read = Callable[..., Reading]
Write = Callable[[Mapping[str, str]], Path]
WEB = "services: {web: {image: web}}\n"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("compose.yaml", "compose.yml", "docker-compose.yml"), "compose.yaml"),
        (("compose.yml", "docker-compose.yaml"), "compose.yml"),
        (("docker-compose.yml", "docker-compose.yaml"), "docker-compose.yaml"),
        (("docker-compose.yml",), "docker-compose.yml"),
    ],
)
def test_the_first_of_the_usual_names_wins(read: Read, names: tuple[str, ...], chosen: str) -> None:
    files = {name: f"services: {{web: {{image: {name.replace('.', '-')}}}}}" for name in names}
    web = read(files).application.services["web"]
    assert web.image == chosen.replace(".", "-")


def test_an_override_beside_it_is_merged(read: Read) -> None:
    files = {
        "compose.yaml": "services: {web: {image: a, user: u}}",
        "compose.override.yaml": "services: {web: {image: b}}",
    }
    web = read(files).application.services["web"]
    assert (web.image, web.user) == ("b", "u")


def test_a_file_named_alone_is_read_alone_and_several_in_order(write: Write) -> None:
    folder = write(
        {
            "a.yaml": "services: {web: {image: a, volumes: ['./data:/data']}}",
            "other/b.yaml": "services: {web: {image: b, env_file: x.env}}",
            "compose.override.yaml": "services: {web: {image: no}}",
            "x.env": "X=1",
        }
    )
    one = read_application([folder / "a.yaml"], environment={})
    assert one.application.services["web"].image == "a"
    both = read_application([folder / "a.yaml", folder / "other/b.yaml"], environment={})
    web = both.application.services["web"]
    assert (web.image, web.environment) == ("b", {"X": "1"})
    assert web.volumes[0].source == str(folder / "data")


def test_a_folder_without_a_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no Compose file"):
        read_application([tmp_path], environment={})


@pytest.mark.parametrize(
    ("text", "options", "name"),
    [
        (WEB, {}, "shop"),
        ("name: $N-x\n" + WEB, {"environment": {"N": "mine"}}, "mine-x"),
        ("name: mine\n" + WEB, {"environment": {"COMPOSE_PROJECT_NAME": "env"}}, "env"),
        ("name: mine\n" + WEB, {"project": "told"}, "told"),
    ],
)
def test_the_name_is_told_or_set_or_written_or_the_folders(
    read: Read, text: str, options: dict[str, Any], name: str
) -> None:
    assert read(text, **options).application.name == name


def test_a_folders_name_is_normalised_and_a_written_one_refused(tmp_path: Path) -> None:
    folder = tmp_path / "_My Shop.2"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {web: {image: '$COMPOSE_PROJECT_NAME'}}")
    application = read_application([folder], environment={}).application
    assert (application.name, application.services["web"].image) == ("myshop2", "myshop2")
    with pytest.raises(InvalidInputError, match="not a name") as caught:
        read_application([folder], environment={}, project="My Shop")
    assert "'myshop'" in caught.value.hint


def test_variables_come_from_the_environment_first_then_from_the_file_beside(read: Read) -> None:
    files = {
        ".env": "A=file\nB=file\n",
        "compose.yaml": "services: {web: {image: '$A-$B-${C:-none}-$D', environment: [A, B, E]}}",
    }
    found = read(files, environment={"A": "given"})
    web = found.application.services["web"]
    assert (web.image, web.environment) == ("given-file-none-", {"A": "given", "B": "file"})
    assert [each.name for each in found.unset] == ["D"]
    assert found.unset[0].where.endswith("compose.yaml:1")


def test_keys_are_never_interpolated(read: Read) -> None:
    text = "services: {web: {image: a, labels: {$A: $A}}}"
    labels = read(text, environment={"A": "x"}).application.services["web"].labels
    assert labels == {"$A": "x"}


EXTENDED = {
    "compose.yaml": """
        services:
          base: {image: busybox, user: root, environment: {TZ: utc, PORT: 80}}
          common: {extends: base, cap_add: [A]}
          cli:
            extends: {service: common}
            environment: [PORT=8080]
            cap_add: [B]
          far:
            extends: {file: lib/common.yaml, service: far}
            volumes: [new:/d]
        volumes: {new: }
        """,
    "lib/common.yaml": """
        services:
          far:
            extends: {file: ../compose.yaml, service: base}
            env_file: [far.env]
            volumes: [old:/d:ro, ./x:/x]
        """,
    "lib/far.env": "FAR=1\n",
}


def test_services_extend_others_of_this_and_other_files(read: Read) -> None:
    services = read(EXTENDED).application.services
    cli, far = services["cli"], services["far"]
    assert (cli.image, cli.user, cli.cap_add) == ("busybox", "root", ("A", "B"))
    assert cli.environment == {"TZ": "utc", "PORT": "8080"}
    assert far.environment == {"TZ": "utc", "PORT": "80", "FAR": "1"}
    assert [(each.target, Path(each.source).name) for each in far.volumes] == [
        *[("/d", "new"), ("/x", "x")]
    ]
    assert far.volumes[1].source.endswith("shop/lib/x")
    assert not far.volumes[0].read_only


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        ({"compose.yaml": "services: {a: {extends: a}}"}, "extends itself: a → a", ""),
        (
            {"compose.yaml": "services: {a: {extends: b}, b: {extends: c}, c: {extends: a}}"},
            "a → b → c → a",
            "",
        ),
        (
            {
                "compose.yaml": "services: {a: {extends: {file: b.yaml, service: b}}}",
                "b.yaml": "services: {b: {extends: {file: compose.yaml, service: a}}}",
            },
            "a → b → a",
            "",
        ),
        ({"compose.yaml": "services: {web: {extends: wb}}"}, "no service 'wb' to extend", "'web'"),
        ({"compose.yaml": "services: {a: {extends: {file: b.yaml}}}"}, "b.yaml", ""),
        ({"compose.yaml": "services: {a: {extends: {file: ./compose.yaml}}}"}, "is missing", ""),
        ({"compose.yaml": "include: [compose.yaml]"}, "includes itself", ""),
        (
            {"compose.yaml": "include: [b.yaml]", "b.yaml": "include: [./compose.yaml]"},
            "includes itself",
            "",
        ),
        ({"compose.yaml": "include: [{env_file: x}]\n" + WEB}, "'include.path' is missing", ""),
        (
            {"compose.yaml": "include: [b.yaml]\n" + WEB, "b.yaml": "services: {web: {image: b}}"},
            "services.web is already",
            "",
        ),
    ],
)
def test_circles_and_what_is_not_there_are_refused(
    read: Read, files: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises((InvalidInputError, NotFoundError), match=message) as caught:
        read(files)
    assert hint in caught.value.hint
    assert caught.value.where or isinstance(caught.value, NotFoundError)


def test_included_files_have_their_own_folder_and_defaults(read: Read) -> None:
    found = read(
        {
            "compose.yaml": "include: [db/compose.yaml, {path: [q/a.yaml, q/b.yaml],"
            " project_directory: ., env_file: q/q.env}]\n"
            "services: {web: {image: 'web:$TAG', depends_on: [db]}}",
            ".env": "TAG=1\n",
            "db/.env": "TAG=2\nOWN=3\n",
            "db/compose.yaml": "include: [deep.yaml]\n"
            "services: {db: {image: 'db:$TAG-$OWN', volumes: ['./d:/d', v:/v]}}\nvolumes: {v: }",
            "db/deep.yaml": "services: {deep: {image: '${NAMED:-deep}'}}",
            "q/q.env": "Q=q\n",
            "q/a.yaml": "services: {queue: {image: '$Q', volumes: ['./d:/d']}}",
            "q/b.yaml": "services: {queue: {user: '$Q'}}",
        }
    ).application
    services = found.services
    assert {name: each.image for name, each in services.items()} == {
        "web": "web:1",
        "db": "db:1-3",
        "deep": "deep",
        "queue": "q",
    }
    assert services["db"].volumes[0].source == str(found.folder / "db/d")
    assert services["queue"].volumes[0].source == str(found.folder / "d")
    assert (services["queue"].user, found.volumes["v"].name) == ("q", "shop_v")


PROFILES = """
    services:
      foo: {image: foo}
      bar: {image: bar, profiles: [test]}
      baz: {image: baz, depends_on: [bar], profiles: [test]}
      zot: {image: zot, depends_on: [bar], profiles: [debug]}
      opt: {image: opt, depends_on: {bar: {condition: service_started, required: false}}}
    """


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "foo opt"),
        ({"profiles": ["test"]}, "foo bar baz opt"),
        ({"profiles": ["debug", "test"]}, "foo bar baz zot opt"),
        ({"profiles": ["*"]}, "foo bar baz zot opt"),
        ({"services": ["bar"]}, "foo bar baz opt"),
        ({"services": ["zot"], "profiles": ["test"]}, "foo bar baz zot opt"),
        ({"environment": {"COMPOSE_PROFILES": "test, debug"}}, "foo bar baz zot opt"),
    ],
)
def test_profiles_and_names_enable_services(
    read: Read, options: dict[str, Any], expected: str
) -> None:
    found = read(PROFILES, **options).application.services
    assert list(found) == expected.split()
    assert ("bar" in found["opt"].depends_on) == ("bar" in found)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"profiles": ["debug"]}, "depends on bar, which is not enabled", "test"),
        ({"services": ["zot"]}, "depends on bar, which is not enabled", "test"),
        ({"services": ["bat"]}, "no service 'bat'", "'ba"),
    ],
)
def test_what_a_profile_leaves_out_is_told(
    read: Read, options: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        read(PROFILES, **options)
    assert hint in caught.value.hint


def test_fragments_anchors_and_merge_keys(read: Read) -> None:
    services = read(
        """
        x-env: &env {A: 1, B: 2}
        x-more: &more {B: 3, C: 4}
        x-common: &common
          image: common
          restart: "no"
        services:
          one:
            <<: *common
            environment: {<<: [*env, *more], D: 5}
          two: {<<: *common, image: two, environment: *env}
        """
    ).application.services
    assert services["one"].environment == {"A": "1", "B": "2", "C": "4", "D": "5"}
    assert (services["one"].image, services["two"].image) == ("common", "two")
    assert services["two"].environment == {"A": "1", "B": "2"}


@pytest.mark.parametrize("text", [*PROFILES.split("\0"), EXTENDED["compose.yaml"]])
def test_what_is_read_twice_is_equal(read: Read, text: str) -> None:
    files = {**EXTENDED, "compose.yaml": text}
    assert read(files) == read(files)
