"""Every mistake is told with file and line, in people's words, with what was probably meant."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from herdbook.compose.checking import check
from herdbook.compose.model import Reading
from herdbook.compose.unsupported import refuse_unsupported
from herdbook.compose.yaml_reading import parse
from herdbook.core.errors import HerdbookError, InvalidInputError

Read = Callable[..., Reading]


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("servces: {}", 1, "no key 'servces'", "Did you mean 'services'?"),
        ("services:\n  web:\n    imge: x\n", 3, "no key 'services.web.imge'", "'image'"),
        (
            "services:\n  web:\n    image: x\n    deploy:\n      update_config:\n        ordr: a\n",
            *(6, "no key 'services.web.deploy.update_config.ordr'", "'order'"),
        ),
        (
            "services:\n  web:\n    image: x\n    ports:\n      - target: 80\n        publish: 1\n",
            *(6, "no key 'services.web.ports.0.publish'", "'published'"),
        ),
        (
            "services:\n  web:\n    image: x\n    deploy: {update_config: {order: start-frist}}\n",
            *(4, "'start-frist' is not known here", "'start-first'"),
        ),
        (
            "services:\n  web:\n    image: x\n    depends_on: {db: {condition: service_helthy}}\n",
            *(4, "'service_helthy' is not known here", "'service_healthy'"),
        ),
        ("services:\n  web:\n    image: [x]\n", 3, "a list is not what belongs here", "text"),
        ("services:\n  web:\n    image: 5\n", 3, "services.web.image: 5 is not", "in quotes"),
        ("services:\n  web:\n", 2, "services.web: nothing is not what belongs", "a mapping"),
        ("services: [web]\n", 1, "services: a list is not", "a mapping"),
        ("services:\n  'we b': {image: x}\n", 2, "'we b' is not a name", "letters"),
        ("services:\n  w: {image: x, environment: 5}\n", 2, "environment: 5 is not", "a mapping"),
        (
            "services:\n  w:\n    image: x\n    environment:\n      - A: b\n",
            *(5, "environment.0: a mapping is not", "text"),
        ),
        ("services:\n  w: {image: x, cap_add: [A, A]}\n", 2, "listed twice", "Keep one"),
        ("services:\n  w: {image: x, oom_score_adj: 5000}\n", 2, "too large", "1000"),
        ("services:\n  w: {image: x}\n  w: {image: y}\n", 3, "'w' is given twice", "Keep one"),
        ("a: [\n", 2, "not YAML", "indentation"),
        ("- a\n", 1, "a mapping of keys", "services:"),
        ("services: {w: {image: !tag x}}\n", 1, "no tag !tag", "!reset"),
        ("services:\n  w: {<<: 5, image: x}\n", 2, "<< takes a mapping", "*common"),
        ("a: &a [*a]\n", 1, "levels inside each other", "alias"),
        ("services:\n  w: {image: '$'}\n", 2, "dollar sign", "$$"),
        ("services:\n  w: {image: '${A:?please}'}\n", 2, "A has no value: please", "Set A"),
        ("services:\n  w: {image: x, ports: ['80:x']}\n", 2, "no port", ""),
        ("services:\n  w: {image: x, ports: ['99999']}\n", 2, "1 to 65535", ""),
        ("services:\n  w: {image: x, ports: [{published: 80}]}\n", 2, "'target' is missing", ""),
        ("services:\n  w: {image: x, ports: [{target: 80, protocol: tpc}]}\n", 2, "'tpc'", "'tcp'"),
        ("services:\n  w: {image: x, volumes: ['a:b:c:d']}\n", 2, "no volume", ""),
        ("services:\n  w: {image: x, volumes: ['a:b']}\n", 2, "no absolute path", "slash"),
        ("services:\n  w: {image: x, volumes: [{type: bind, target: /x}]}\n", 2, "'source'", ""),
        ("services:\n  w: {image: x, volumes: ['a:/x', 'b:/x']}\n", 2, "at /x already", ""),
        (
            "services:\n  w: {image: x, stop_grace_period: 10}\n",
            2,
            "10 is not what belongs",
            "text",
        ),
        ("services:\n  w: {image: x, stop_grace_period: '10'}\n", 2, "no duration", ""),
        ("services:\n  w: {image: x, mem_limit: lots}\n", 2, "no size, such as 64m", ""),
        ("services:\n  w: {image: x, cpus: .inf}\n", 2, "no number", ""),
        ("services:\n  w: {image: x, scale: many}\n", 2, "'many' is no whole number", ""),
        ("services:\n  w: {image: x, scale: -1}\n", 2, "less than nothing", ""),
        ("services:\n  w: {image: x, restart: sometimes}\n", 2, "'sometimes'", "unless-stopped"),
        ('services:\n  w: {image: x, command: "a \'b"}\n', 2, "a shell could not", "list"),
        ("services:\n  w: {image: x, healthcheck: {test: [curl, x]}}\n", 2, "CMD-SHELL", "CMD"),
        ("services:\n  w: {image: x, ulimits: {nofile: {soft: 1}}}\n", 2, "'hard' is missing", ""),
        ("services:\n  w: {image: x, ulimits: {a: {soft: 2, hard: 1}}}\n", 2, "above the hard", ""),
        (
            "services: {}\nnetworks:\n  n: {ipam: {config: [{subnet: 10.0.0.9/8}]}}\n",
            *(3, "no IPv4 subnet, such as 10.0.0.0/24", ""),
        ),
        (
            "services:\n  w: {image: x, networks: {d: {ipv4_address: 300.1.1}}}",
            2,
            "no IPv4 addr",
            "",
        ),
        ("services:\n  w: {image: x, post_start: [{user: u}]}\n", 2, "'command' is missing", ""),
        ("services:\n  w: {image: x, env_file: gone.env}\n", 2, "no file", "required: false"),
        (
            "services:\n  w: {image: x, depends_on: [d]}\n  db: {image: x}\n",
            2,
            "'d', which",
            "'db'",
        ),
        (
            "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n",
            *(2, "wait for each other: a → b → a", "depends_on"),
        ),
        ("services:\n  w: {image: x, volumes: ['data:/x']}\n", 2, "volumes does not", "Declare"),
        (
            "services:\n  w: {image: x, networks: [front]}\nnetworks: {fron: }\n",
            *(2, "'front', which networks does not declare", "'fron'"),
        ),
        ("services:\n  w: {image: x, secrets: [pw]}\n", 2, "secrets does not declare", ""),
        (
            "services:\n  w: {image: x, secrets: [p]}\nsecrets: {p: {environment: PW}}\n",
            *(2, "PW, which has no value", "Set PW"),
        ),
        ("services: {}\nsecrets:\n  p: {}\n", 3, "one place", "file"),
        ("services: {}\nsecrets:\n  p: {external: true, file: x}\n", 3, "external", "Keep one"),
        (
            "secrets: {p: {file: x}}\nservices:\n  w: {image: x, secrets: [{source: p, mode: 44}]}",
            *(3, "no mode in octal notation, such as 0440", ""),
        ),
        ("services:\n  w:\n    build: .\n", 3, "does not build", "`herdbook build`"),
        ("services:\n  w: {user: u}\n", 2, "no image is named", "x-herdbook"),
        ("services:\n  w:\n    image: x\n    volumes:\n      - d:/d\n", 5, "volumes does not", ""),
        ("services:\n  w:\n    image: x\n    depends_on:\n      - d\n", 5, "is no service", ""),
        ("name: x\n", 1, "No service is declared", "services:"),
        ("services:\n  w: {image: x, extends: nobody}\n", 2, "no service 'nobody'", ""),
    ],
)
def test_a_mistake_is_told(read: Read, text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(text)
    assert caught.value.where.endswith(f"compose.yaml:{line}")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "schema" not in caught.value.message


def test_a_mistake_in_another_file_is_told_with_that_file(read: Read) -> None:
    files = {
        "compose.yaml": "services: {w: {image: x}}\n",
        "compose.override.yaml": "services:\n  w:\n    mem_limit: lots\n",
    }
    with pytest.raises(InvalidInputError) as caught:
        read(files)
    assert caught.value.where.endswith("compose.override.yaml:3")


def test_an_overlay_need_not_say_everything(read: Read) -> None:
    found = read(
        {
            "compose.yaml": "services: {w: {image: x, depends_on: [d]}, d: {image: d}}",
            "compose.override.yaml": "services: {w: {depends_on: {d: {restart: true}}}}",
        }
    )
    assert found.application.services["w"].depends_on["d"].restart


def test_few_bytes_cannot_stand_for_endlessly_many(read: Read) -> None:
    lines = ["x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InvalidInputError, match="aliases written out"):
        read("\n".join(lines))


@pytest.mark.parametrize("depth", [60, 100_000])
def test_deep_files_are_refused_and_crash_nothing(read: Read, depth: int) -> None:
    with pytest.raises(InvalidInputError, match="levels"):
        read("a: " + "[" * depth + "]" * depth)


def test_what_is_unsupported_is_told_and_refused_where_people_are_strict(read: Read) -> None:
    found = read(
        "services:\n  w:\n    image: x\n    build: .\n    privileged: true\n"
        "    ports: ['53:53/udp']\n    network_mode: host\n"
        "    volumes: [{type: npipe, target: /x}]\n"
        "  harmless: {image: x, privileged: false, network_mode: bridge, tty: 'no'}\n"
    )
    assert [(each.key, each.where.rpartition(":")[2]) for each in found.unsupported] == [
        ("services.w.build", "4"),
        ("services.w.network_mode", "7"),
        ("services.w.ports.0.protocol", "6"),
        ("services.w.privileged", "5"),
        ("services.w.volumes.0.type", "8"),
    ]
    with pytest.raises(InvalidInputError, match="does not do") as caught:
        refuse_unsupported(found.unsupported)
    assert "cap_add" in caught.value.message
    refuse_unsupported(read("services: {w: {image: x}}").unsupported)


def test_a_network_has_one_subnet_and_the_others_are_told(read: Read) -> None:
    subnets = [{"subnet": each} for each in ("fd00::/64", "10.1.0.0/24", "10.2.0.0/24")]
    network = json.dumps({"ipam": {"config": subnets}})
    found = read(f"services: {{w: {{image: x}}}}\nnetworks: {{n: {network}}}\n")
    assert str(found.application.networks["n"].subnet) == "10.1.0.0/24"
    told = [each.key for each in found.unsupported]
    assert told == ["networks.n.ipam.config.0", "networks.n.ipam.config.2"]


def test_services_that_are_not_enabled_are_not_complained_about(read: Read) -> None:
    text = "services: {a: {image: x}, b: {build: ., privileged: true, profiles: [p]}}"
    assert not read(text).unsupported


def test_a_machine_is_told_what_only_containers_do(read: Read) -> None:
    found = read(
        "services: {w: {command: a, init: false, cap_add: [A], volumes: ['./x:/x', 'd:/d'],"
        " x-herdbook: {kind: vm, image: shop/w}}}\nvolumes: {d: }"
    )
    assert [each.key for each in found.unsupported] == [
        *("services.w.init", "services.w.cap_add", "services.w.volumes.0.type")
    ]


def test_a_machine_has_an_init_in_any_case(read: Read) -> None:
    assert not read("services: {w: {init: true, x-herdbook: {kind: vm, image: a}}}").unsupported


def test_what_a_provider_provides_is_left_out_and_waited_for_by_nobody(read: Read) -> None:
    found = read("services: {w: {image: x, depends_on: [p]}, p: {provider: {type: cloud}}}")
    assert list(found.application.services) == ["w"]
    assert not found.application.services["w"].depends_on
    assert [each.key for each in found.unsupported] == ["services.p.provider"]


SCALARS = some.one_of(some.none(), some.booleans(), some.integers(), some.text(max_size=8))
KEYS = some.sampled_from(
    [
        *("services", "image", "ports", "volumes", "environment", "deploy", "extends", "include"),
        *("build", "networks", "secrets", "depends_on", "x-herdbook", "healthcheck", "web", "name"),
    ]
)
TREES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(some.dictionaries(KEYS, TREES, max_size=4), some.dictionaries(KEYS, TREES, max_size=4))
def test_whatever_is_written_only_our_errors_come(
    read: Read, web: Mapping[str, object], top: Mapping[str, object]
) -> None:
    with suppress(HerdbookError):
        read(json.dumps({**top, "services": {"web": {"image": "x", **web}}}))
    with suppress(HerdbookError):
        read({"compose.yaml": json.dumps(top), "compose.override.yaml": json.dumps(dict(web))})


@settings(deadline=None)
@given(some.text(some.sampled_from("ab:-[]{}&*!<'\"\n #|>?,%@ 1.")))
def test_whatever_text_is_parsed_only_our_errors_come(text: str) -> None:
    with suppress(HerdbookError):
        check(parse(text, "x.yaml"))
