"""Files merge by the specification's rules, and an empty one changes nothing."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.compose.long_forms import Folder, long_form
from herdbook.compose.merging import merge
from herdbook.compose.tree import Node, plain, without_resets
from herdbook.compose.yaml_reading import parse


def document(text: str) -> Node:
    return long_form(parse(dedent(text), "x.yaml"), Folder(Path("/app"), "/home/me"))


def service(text: str) -> Node:
    return document(f"services: {{s: {text}}}")


def merged(base: str, over: str) -> Any:
    return plain(without_resets(merge(service(base), service(over))))["services"]["s"]


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ("{user: a, init: true}", "{user: b}", {"user": "b", "init": True}),
        ("{cap_add: [A, B]}", "{cap_add: [B, C]}", {"cap_add": ["A", "B", "C"]}),
        ("{dns: 1.1.1.1}", "{dns: [8.8.8.8]}", {"dns": ["1.1.1.1", "8.8.8.8"]}),
        ("{command: a b}", "{command: [c]}", {"command": ["c"]}),
        ("{entrypoint: [a]}", "{entrypoint: null}", {"entrypoint": None}),
        (
            "{healthcheck: {test: [CMD, a], retries: 1}}",
            "{healthcheck: {test: b}}",
            {"healthcheck": {"test": "b", "retries": 1}},
        ),
        (
            "{environment: [A=1, B=2, C]}",
            "{environment: {B: 3, A: null}}",
            {"environment": {"A": None, "B": "3", "C": None}},
        ),
        ("{labels: {a: 1}}", "{labels: [b=2]}", {"labels": {"a": "1", "b": "2"}}),
        (
            "{volumes: [foo:/work, x:/x]}",
            "{volumes: [bar:/work]}",
            {
                "volumes": [
                    {"type": "volume", "source": "bar", "target": "/work"},
                    {"type": "volume", "source": "x", "target": "/x"},
                ]
            },
        ),
        (
            "{secrets: [a, {source: b, target: /run/secrets/c}]}",
            "{secrets: [{source: d, target: c}, {source: e, target: a}]}",
            {"secrets": [{"source": "e", "target": "a"}, {"source": "d", "target": "c"}]},
        ),
        (
            "{configs: [a]}",
            "{configs: [{source: b, target: /a}]}",
            {"configs": [{"source": "b", "target": "/a"}]},
        ),
        (
            "{depends_on: [a]}",
            "{depends_on: {a: {condition: service_healthy}, b: {condition: service_started}}}",
            {
                "depends_on": {
                    "a": {"condition": "service_healthy"},
                    "b": {"condition": "service_started"},
                }
            },
        ),
        (
            "{networks: [a, b]}",
            "{networks: {b: {aliases: [x]}}}",
            {"networks": {"a": None, "b": {"aliases": ["x"]}}},
        ),
        (
            "{extra_hosts: ['a=1.1.1.1']}",
            "{extra_hosts: {a: 2.2.2.2}}",
            {"extra_hosts": {"a": ["1.1.1.1", "2.2.2.2"]}},
        ),
        (
            "{env_file: a}",
            "{env_file: [b, {path: a, required: false}]}",
            {
                "env_file": [
                    {"path": "/app/a"},
                    {"path": "/app/b"},
                    {"path": "/app/a", "required": False},
                ]
            },
        ),
        (
            "{ulimits: {nofile: {soft: 1, hard: 2}}}",
            "{ulimits: {nofile: 5}}",
            {"ulimits": {"nofile": {"soft": "5", "hard": "5"}}},
        ),
        (
            "{logging: {driver: a, options: {x: 1}}}",
            "{logging: {options: {y: 2}}}",
            {"logging": {"driver": "a", "options": {"x": 1, "y": 2}}},
        ),
        (
            "{logging: {driver: a, options: {x: 1}}}",
            "{logging: {driver: b, options: {y: 2}}}",
            {"logging": {"driver": "b", "options": {"y": 2}}},
        ),
        ("{ports: ['8080:80']}", "{ports: !reset []}", {}),
        (
            "{ports: ['8080:80'], user: a}",
            "{ports: !override ['8443:443']}",
            {
                "user": "a",
                "ports": [{"target": 443, "published": "8443", "protocol": "tcp"}],
            },
        ),
        (
            "{environment: {FOO: BAR, A: b}}",
            "{environment: {FOO: !reset null}}",
            {"environment": {"A": "b"}},
        ),
        ("{deploy: {replicas: 2}}", "{deploy: null}", {"deploy": {"replicas": 2}}),
        (
            "{x-herdbook: {bake: 1m, probe: {command: [a, b]}}}",
            "{x-herdbook: {drain: 5s, probe: {command: [c]}}}",
            {"x-herdbook": {"bake": "1m", "drain": "5s", "probe": {"command": ["c"]}}},
        ),
    ],
)
def test_what_two_files_come_to(base: str, over: str, expected: object) -> None:
    assert merged(base, over) == expected


def test_ports_are_the_same_by_address_ports_and_protocol() -> None:
    found = merged(
        "{ports: ['8080:80', '127.0.0.1:1:1', 53]}",
        "{ports: ['8080:80', '0.0.0.0:8080:80', '8080:80/udp', '8081:80', {target: 53}]}",
    )["ports"]
    assert [(each.get("published"), each.get("protocol", "tcp")) for each in found] == [
        *[("8080", "tcp"), ("1", "tcp"), (None, "tcp"), ("8080", "udp"), ("8081", "tcp")]
    ]


def test_a_short_bind_mount_begins_in_the_folder_and_at_home() -> None:
    found = plain(service("{volumes: ['.:/a', '../b:/b:ro', '~/c:/c', '/d:/d']}"))
    sources = [each["source"] for each in found["services"]["s"]["volumes"]]
    assert [str(Path(each)) for each in sources] == ["/app", "/app/../b", "/home/me/c", "/d"]


DOCUMENTS = (
    "{services: {a: {image: x, ports: ['1-3:1-3', 9], volumes: [v:/v], env_file: [e, e]}}}",
    "{services: {a: {image: x, environment: {A: 1, B: }, command: [], deploy: {replicas: 3}}}}",
    "{name: n, networks: {a: , b: {internal: true}}, volumes: {v: }, x-herdbook: {bake: 1s}}",
    "{services: {a: {labels: [a=b], ulimits: {nofile: 1}}, b: {dns: 1.1.1.1, networks: [a]}}}",
)
EMPTY = ("{}", "{services: }", "{services: {}}", "{services: {a: {}}, volumes: {}}")


@settings(deadline=None)
@given(some.sampled_from(DOCUMENTS[:2]), some.sampled_from(EMPTY))
def test_an_empty_overlay_changes_nothing(text: str, empty: str) -> None:
    base = document(text)
    once = merge(base, document(empty))
    assert {**plain(once), "volumes": {}} == {**plain(base), "volumes": {}}


@settings(deadline=None)
@given(some.lists(some.sampled_from(DOCUMENTS), min_size=1, max_size=4))
def test_what_is_merged_over_itself_again_stays_except_lists_that_count(texts: list[str]) -> None:
    found = document(texts[0])
    for text in texts[1:]:
        found = merge(found, document(text))
    again = merge(found, document(texts[-1]))
    for each in (found, again):
        for held in each.fields.get("services", each).fields.values():
            if isinstance(held.value, dict):
                held.value.pop("env_file", None)
    assert plain(again) == plain(found)
