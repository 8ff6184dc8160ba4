"""Each key of a service is read in its long form, with its units resolved."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from herdbook.compose.deployment import (
    SPECIFICATION_DEFAULTS,
    ChangeConfig,
    FailureAction,
    Order,
    Resources,
    RestartCondition,
    RestartPolicy,
)
from herdbook.compose.model import (
    Condition,
    Dependency,
    ExposedPorts,
    Grant,
    Healthcheck,
    Hook,
    Limit,
    Logging,
    Mount,
    NetworkUse,
    Port,
    Reading,
    Service,
    VolumeKind,
)
from herdbook.core.errors import InvalidInputError

Read = Callable[..., Reading]
TOP = """
    other: {image: other}
volumes: {data: }
networks: {front: , back: }
secrets: {pw: {file: ./pw}}
configs: {conf: {content: hello}}
"""


def file_with(text: str) -> str:
    return f"services:\n    web: {{image: web, {text}}}\n{TOP.lstrip(chr(10))}"


def web(read: Read, text: str, **options: Any) -> Service:
    return read(file_with(text), **options).application.services["web"]


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("command: null", "command", None),
        ("command: ''", "command", ()),
        ("command: []", "command", ()),
        ("command: 'sh -c \"a  b\" $$X'", "command", ("sh", "-c", "a  b", "$X")),
        ("entrypoint: [a, 'b c']", "entrypoint", ("a", "b c")),
        (
            "environment: {A: 1.10, B: true, C: '', D: null}",
            "environment",
            {"A": "1.10", "B": "true", "C": "", "D": "given"},
        ),
        ("environment: [A=b=c, D, E]", "environment", {"A": "b=c", "D": "given"}),
        ("ports: [80]", "ports", (Port(80),)),
        (
            "ports: ['127.0.0.1:8000-8001:80']",
            "ports",
            (Port(80, (8000, 8001), "tcp", "127.0.0.1"),),
        ),
        (
            "ports: [{target: 80, published: 8080, mode: host, name: n, app_protocol: http}]",
            "ports",
            (Port(80, (8080, 8080), "tcp", "", "host", "n", "http"),),
        ),
        ("ports: [{target: '80', published: '8080-8090'}]", "ports", (Port(80, (8080, 8090)),)),
        (
            "expose: [80, '81-82', '53/udp']",
            "expose",
            (ExposedPorts(80, 80), ExposedPorts(81, 82), ExposedPorts(53, 53, "udp")),
        ),
        (
            "volumes: ['data:/d:ro,nocopy', /anonymous]",
            "volumes",
            (
                Mount(VolumeKind.VOLUME, "/d", "data", read_only=True, no_copy=True),
                Mount(VolumeKind.VOLUME, "/anonymous"),
            ),
        ),
        (
            "volumes: [{type: bind, source: /x, target: /y, bind: {create_host_path: false}}]",
            "volumes",
            (Mount(VolumeKind.BIND, "/y", "/x", create_host_path=False),),
        ),
        (
            "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 01777}}]",
            "volumes",
            (Mount(VolumeKind.TMPFS, "/t", size_bytes=64 << 20, mode=0o1777),),
        ),
        ("networks: [front, back]", "networks", {"front": NetworkUse(), "back": NetworkUse()}),
        (
            "networks: {back: {aliases: [db], ipv4_address: 10.0.0.5}}",
            "networks",
            {"back": NetworkUse(("db",), IPv4Address("10.0.0.5"))},
        ),
        ("user: u", "networks", {"default": NetworkUse()}),
        ("network_mode: none", "networks", {}),
        ("depends_on: [other]", "depends_on", {"other": Dependency()}),
        (
            "depends_on: {other: {condition: service_healthy, restart: true}}",
            "depends_on",
            {"other": Dependency(Condition.HEALTHY, restart=True)},
        ),
        (
            "depends_on: {other: {condition: service_completed_successfully, required: '${F}'}}",
            "depends_on",
            {"other": Dependency(Condition.COMPLETED, required=False)},
        ),
        (
            """healthcheck: {test: 'curl x', interval: 1m30s, timeout: 500ms, retries: 3,
            start_period: 40s, start_interval: 1s}""",
            "healthcheck",
            Healthcheck(("CMD-SHELL", "curl x"), 90, 0.5, 40, 1, 3),
        ),
        ("healthcheck: {test: [CMD, a, b]}", "healthcheck", Healthcheck(("CMD", "a", "b"))),
        ("healthcheck: {test: [NONE]}", "healthcheck", Healthcheck(("NONE",), disabled=True)),
        ("healthcheck: {disable: true}", "healthcheck", Healthcheck(("NONE",), disabled=True)),
        ("secrets: [pw]", "secrets", (Grant("pw", "/run/secrets/pw"),)),
        (
            "secrets: [{source: pw, target: p, uid: '103', gid: '104', mode: 0440}]",
            "secrets",
            (Grant("pw", "/run/secrets/p", "103", "104", 0o440),),
        ),
        (
            "configs: [conf, {source: conf, target: /etc/c, mode: 0o555}]",
            "configs",
            (Grant("conf", "/conf"), Grant("conf", "/etc/c", mode=0o555)),
        ),
        ("stop_signal: SIGINT", "stop_signal", "SIGINT"),
        ("stop_grace_period: 1m30s", "stop_grace_period_seconds", 90.0),
        ("restart: no", "restart", "no"),
        ("restart: 'on-failure:3'", "restart", "on-failure"),
        ("restart: 'on-failure:3'", "restart_attempts", 3),
        ("user: '1000:1000'", "user", "1000:1000"),
        ("working_dir: /w", "working_dir", "/w"),
        ("hostname: h", "hostname", "h"),
        ("init: false", "init", False),
        ("read_only: 'yes'", "read_only", True),
        ("tmpfs: /run", "tmpfs", ("/run",)),
        ("cap_add: [NET_ADMIN]", "cap_add", ("NET_ADMIN",)),
        ("cap_drop: [ALL]", "cap_drop", ("ALL",)),
        ("security_opt: ['no-new-privileges:true']", "security_opt", ("no-new-privileges:true",)),
        ("privileged: true", "privileged", True),
        (
            "ulimits: {nofile: 5, nproc: {soft: 1, hard: -1}}",
            "ulimits",
            {"nofile": Limit(5, 5), "nproc": Limit(1, -1)},
        ),
        ("sysctls: [net.core.somaxconn=1024]", "sysctls", {"net.core.somaxconn": "1024"}),
        ("sysctls: {net.core.somaxconn: 1024}", "sysctls", {"net.core.somaxconn": "1024"}),
        ("shm_size: 64m", "shm_size_bytes", 64 << 20),
        ("mem_limit: 1.5g", "memory_bytes", 3 << 29),
        ("mem_limit: 1048576", "memory_bytes", 1 << 20),
        ("mem_reservation: 1m", "memory_reservation_bytes", 1 << 20),
        ("cpus: '0.5'", "cpus", 0.5),
        ("cpus: 0.000", "cpus", None),
        ("deploy: {resources: {limits: {memory: '0'}}}", "memory_bytes", None),
        ("pids_limit: -1", "pids_limit", -1),
        ("labels: {a: 1, b: null}", "labels", {"a": "1", "b": ""}),
        ("annotations: [a=b]", "annotations", {"a": "b"}),
        (
            "extra_hosts: ['a=1.1.1.1', 'a=2.2.2.2', 'b:::1']",
            "extra_hosts",
            {"a": ("1.1.1.1", "2.2.2.2"), "b": ("::1",)},
        ),
        ("dns: 1.1.1.1", "dns", ("1.1.1.1",)),
        ("dns_search: [a.example]", "dns_search", ("a.example",)),
        ("dns_opt: [use-vc]", "dns_options", ("use-vc",)),
        ("scale: 3", "scale", 3),
        ("deploy: {replicas: 0}", "scale", 0),
        ("user: u", "scale", 1),
        (
            "logging: {driver: d, options: {max-size: 10m, max-file: 3}}",
            "logging",
            Logging("d", {"max-size": "10m", "max-file": "3"}),
        ),
        (
            "post_start: [{command: 'a b', user: root, working_dir: /, environment: [A=1, D]}]",
            "post_start",
            (Hook(("a", "b"), "root", False, "/", {"A": "1", "D": "given"}),),
        ),
        (
            "pre_stop: [{command: [a], privileged: true}]",
            "pre_stop",
            (Hook(("a",), privileged=True),),
        ),
    ],
)
def test_a_key_is_read(read: Read, text: str, field: str, expected: object) -> None:
    service = web(read, text, environment={"D": "given", "F": "false"})
    assert getattr(service, field) == expected


def test_deploy_says_what_was_written_and_nothing_else(read: Read) -> None:
    deploy = web(
        read,
        """deploy: {mode: replicated, replicas: 2, endpoint_mode: dnsrr, labels: [a=b],
        resources: {limits: {cpus: '0.50', memory: 50M, pids: 9}, reservations: {memory: 20M}},
        restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 2m},
        update_config: {parallelism: 0, delay: 10s, failure_action: rollback, monitor: 60s,
                        max_failure_ratio: '0.1', order: start-first},
        rollback_config: {order: stop-first}}""",
    ).deploy
    assert (deploy.mode, deploy.replicas, deploy.endpoint_mode) == ("replicated", 2, "dnsrr")
    assert deploy.labels == {"a": "b"}
    assert deploy.limits == Resources(0.5, 50 << 20, 9)
    assert deploy.reservations == Resources(memory_bytes=20 << 20)
    assert deploy.restart_policy == RestartPolicy(RestartCondition.ON_FAILURE, 5, 3, 120)
    assert deploy.update_config == ChangeConfig(
        0, 10, FailureAction.ROLLBACK, 60, 0.1, Order.START_FIRST
    )
    assert deploy.rollback_config == ChangeConfig(order=Order.STOP_FIRST)


def test_the_specifications_defaults_are_known() -> None:
    change = SPECIFICATION_DEFAULTS.change
    assert (change.order, change.failure_action) == (Order.STOP_FIRST, FailureAction.PAUSE)
    assert SPECIFICATION_DEFAULTS.restart_policy.condition is RestartCondition.ANY


@pytest.mark.parametrize(
    ("own", "deployed", "same", "field", "value"),
    [
        ("scale: {}", "replicas: {}", ("3", "2"), "scale", 3),
        (
            "mem_limit: {}",
            "resources: {{limits: {{memory: {}}}}}",
            ("1g", "2g"),
            "memory_bytes",
            1 << 30,
        ),
        ("cpus: {}", "resources: {{limits: {{cpus: {}}}}}", ("0.5", "1"), "cpus", 0.5),
        ("pids_limit: {}", "resources: {{limits: {{pids: {}}}}}", ("7", "8"), "pids_limit", 7),
        (
            "mem_reservation: {}",
            "resources: {{reservations: {{memory: {}}}}}",
            ("1m", "2m"),
            "memory_reservation_bytes",
            1 << 20,
        ),
    ],
)
def test_what_two_places_can_say_is_said_alike(
    read: Read, own: str, deployed: str, same: tuple[str, str], field: str, value: object
) -> None:
    first, other = same
    for text in (
        own.format(first),
        f"deploy: {{{deployed.format(first)}}}",
        f"{own.format(first)}, deploy: {{{deployed.format(first)}}}",
    ):
        assert getattr(web(read, text), field) == value
    with pytest.raises(InvalidInputError, match="deploy says otherwise") as caught:
        web(read, f"{own.format(first)}, deploy: {{{deployed.format(other)}}}")
    assert "Keep one of" in caught.value.hint


def test_files_of_variables_come_before_what_is_written(read: Read) -> None:
    files = {
        "compose.yaml": file_with(
            "env_file: [a.env, {path: b.env, format: raw}, c.env, {path: no.env, required: false}],"
            " environment: {C: own, D: null}, label_file: l.env, labels: {y: own}"
        ),
        "a.env": "A=$GIVEN\nB=a\nC=a\nD=a\nGIVEN2\n",
        "b.env": "B=$GIVEN\n",
        "c.env": "E=$A$C$GIVEN\n",
        "l.env": "x=1\ny=2\n",
    }
    service = read(files, environment={"GIVEN": "g", "GIVEN2": "h"}).application.services["web"]
    assert service.environment == {
        "A": "g",
        "B": "$GIVEN",
        "C": "own",
        "E": "gag",
        "GIVEN2": "h",
    }
    assert service.labels == {"x": "1", "y": "own"}


def test_what_is_declared_beside_services_is_read(read: Read) -> None:
    found = read(
        """
        name: shop
        services:
          web: {image: web, networks: [back, out], volumes: ['v:/v', 'w:/w'], secrets: [a, b, c],
                configs: [d]}
        networks:
          back: {internal: true, labels: [x=1],
                 ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.1}]}}
          out: {name: "the-$N"}
          unused:
        volumes:
          v: {labels: {a: b}}
          w: {external: true}
        secrets:
          a: {file: ./a.txt}
          b: {environment: PASSWORD}
          c: {external: true, name: real}
        configs:
          d: {content: "hello $N"}
        """,
        environment={"PASSWORD": "hunter2", "N": "n"},
    ).application
    back = found.networks["back"]
    assert (back.name, back.internal, str(back.subnet)) == ("shop_back", True, "10.9.0.0/24")
    assert (str(back.gateway), back.labels) == ("10.9.0.1", {"x": "1"})
    assert {key: each.name for key, each in found.networks.items()} == {
        "back": "shop_back",
        "out": "the-n",
        "unused": "shop_unused",
    }
    assert (found.volumes["v"].name, found.volumes["v"].labels) == ("shop_v", {"a": "b"})
    assert (found.volumes["w"].name, found.volumes["w"].external) == ("w", True)
    assert found.secrets["a"].file == found.folder / "a.txt"
    assert (found.secrets["b"].value, found.secrets["c"].name) == ("hunter2", "real")
    assert found.configs["d"].value == "hello n"
    assert "hunter2" not in repr(found)
