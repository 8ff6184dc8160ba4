"""What each key of a Compose service comes to in a component."""

from typing import Any

import pytest
from fleet_images import FOREIGN, MACHINE, OWN, Compose, Translate

from herdbook.compose.model import Condition
from herdbook.compose.wishes import Herding
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError
from herdbook.fleet.applications import FileUse, InstanceSpec, NetworkUse, SecretUse, VolumeUse
from herdbook.fleet.balancing import DoorMode
from herdbook.recipes.model import Variant

ANY = "0.0.0.0"  # noqa: S104 - as Compose publishes ports

OF_THE_INSTANCE: list[tuple[str, str, Any]] = [
    ("command: a 'b c'", "command", ("a", "b c")),
    ("command: []", "command", ()),
    ("entrypoint: [x]", "entrypoint", ("x",)),
    ("user: '1000:1000'", "user", "1000:1000"),
    ("working_dir: /srv", "directory", "/srv"),
    ("stop_signal: SIGINT", "stop_signal", "SIGINT"),
    ("stop_grace_period: 1m", "stop_grace_seconds", 60.0),
    ("stop_grace_period: 0s", "stop_grace_seconds", 0.0),
    ("environment: {A: '1', B: , C: ''}", "environment", {"A": "1", "C": ""}),
    ("mem_limit: 64m", "memory_bytes", 64 << 20),
    ("deploy: {resources: {limits: {memory: 64m}}}", "memory_bytes", 64 << 20),
    ("cpus: 0.5", "cpus", 0.5),
    ("pids_limit: 10", "processes", 10),
    ("pids_limit: -1", "processes", 0),
    ("tty: false", "processes", 4096),
    ("read_only: true", "read_only_root", True),
    ("cap_add: [NET_ADMIN, CAP_CHOWN, chown]", "capabilities", ("CHOWN", "NET_ADMIN")),
    ("cap_add: [NET_ADMIN, CHOWN], cap_drop: [CAP_CHOWN]", "capabilities", ("NET_ADMIN",)),
    ("tmpfs: ['/run', '/tmp:size=1m']", "temporary", ("/run", "/tmp:size=1m")),
    (
        "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]",
        "temporary",
        ("/t:size=1048576,mode=700",),
    ),
    ("shm_size: 1m", "shared_memory_bytes", 1 << 20),
    ("tty: false", "init", True),
    ("init: true", "init", True),
    ("init: false", "init", False),
    ("hostname: db.example.org", "host_name", "db.example.org"),
    (
        "extra_hosts: ['a=10.0.0.1', 'a=10.0.0.2', 'b=[::1]', 'c:host-gateway']",
        "other_hosts",
        {"a": ("10.0.0.1", "10.0.0.2"), "b": ("::1",), "c": ("host-gateway",)},
    ),
    (
        "sysctls: {net.core.somaxconn: 1024, kernel.sem: 250 32000 100 128}",
        "kernel",
        {"net.core.somaxconn": "1024", "kernel.sem": "250 32000 100 128"},
    ),
    ("ulimits: {nofile: {soft: 10, hard: 20}}", "file_limit", 20),
    ("ulimits: {nofile: -1}", "file_limit", 0),
    (
        "volumes: ['/srv/x:/x:ro']",
        "volumes",
        (VolumeUse(source="/srv/x", target="/x", bind=True, read_only=True),),
    ),
    ("volumes: ['/x/y']", "volumes", (VolumeUse(source="shop_web-x-y", target="/x/y"),)),
    ("tty: false", "networks", (NetworkUse(network="default", aliases=("web",)),)),
]


@pytest.mark.parametrize(("said", "field", "value"), OF_THE_INSTANCE)
def test_what_is_said_of_a_service_holds_for_its_instances(
    translate: Translate, said: str, field: str, value: object
) -> None:
    assert getattr(translate(said).instance, field) == value


@pytest.mark.parametrize(
    "said",
    [
        "deploy: {replicas: 5}",
        "deploy: {update_config: {parallelism: 2}}",
        "ports: ['8080:80'], x-herdbook: {probe: {tcp: true, port: 81}}",
        "x-herdbook: {strategy: canary, bake: 5m, probe: {tcp: true, port: 81}}",
        "restart: 'no'",
        "labels: {a: b}",
    ],
)
def test_what_makes_no_difference_to_an_instance_keeps_its_revision(
    translate: Translate, said: str
) -> None:
    """A release that changes nothing else replaces nothing."""
    probe = "x-herdbook: {probe: {tcp: true, port: 81}}"
    before = translate(probe if "probe" in said else "tty: false")
    after = translate(said)
    assert after.revision == before.revision
    assert after != before or said.startswith("labels")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("environment: {A: '1'}", "environment: {A: '2'}"),
        ("command: a", "command: b"),
        ("mem_limit: 64m", "mem_limit: 65m"),
        ("command: []", "tty: false"),
    ],
)
def test_what_an_instance_would_notice_is_another_revision(
    translate: Translate, one: str, other: str
) -> None:
    assert translate(one).revision != translate(other).revision


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("hostname: a_b", "not a name for a host"),
        (f"hostname: {'a' * 64}", "not a name for a host"),
        ("extra_hosts: ['a=b']", "'b' of extra_hosts is no address"),
        ("extra_hosts: ['a b=10.0.0.1']", "not a name for a host"),
        ("sysctls: {vm.overcommit_memory: 1}", "once for all of this machine"),
        ("sysctls: {kernel.hostname: a}", "once for all of this machine"),
        ('sysctls: {net.core.somaxconn: "1\\n2"}', "not a value"),
    ],
)
def test_what_an_instance_cannot_have_of_its_own_is_refused(
    translate: Translate, said: str, words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        translate(said)
    assert caught.value.where
    assert caught.value.hint


def test_what_came_later_leaves_revisions_as_they_were() -> None:
    """An instance that an older program started is not replaced by a newer one."""
    digest = Digest(f"sha256:{'0' * 64}")
    spec = InstanceSpec(variant=Variant.CONTAINER, image="shop/web", number=1, digest=digest)
    first = "sha256:23fff7181340b8201e551300e94cff199ed08f257b78249322e2ba5800e42751"
    assert spec.revision == first
    said = spec.model_dump(exclude={"revision"})
    for later in (
        {"init": False},
        {"host_name": "a"},
        {"other_hosts": {"a": ("10.0.0.1",)}},
        {"kernel": {"net.core.somaxconn": "1"}},
    ):
        assert InstanceSpec.model_validate({**said, **later}).revision != first


def test_the_order_of_variables_is_no_difference(translate: Translate) -> None:
    one, other = translate("environment: {A: '1', B: '2'}"), translate("environment: [B=2, A=1]")
    assert one.revision == other.revision


WITH_OTHERS = """
    services:
      web:
        image: web
        depends_on:
          db: {condition: service_healthy}
          load: {condition: service_completed_successfully}
          cache: {condition: service_started}
          tool: {condition: service_started, required: false}
        networks: {front: {aliases: [shop, web]}, back: }
        secrets: [password, {source: key, target: /etc/key}]
        configs: [{source: conf, target: /etc/conf, mode: 0440}]
        volumes: ['data:/data', 'old:/old']
      db: {image: db}
      cache: {image: cache}
      load: {image: load}
      tool: {image: tool, profiles: [tools]}
    networks: {front: , back: {internal: true}}
    secrets: {password: {file: p}, key: {file: k}}
    configs: {conf: {file: c}}
    volumes: {data: , old: {external: true, name: data-of-before}}
"""


def test_a_service_depends_on_those_that_are_there(translate: Translate) -> None:
    assert translate(WITH_OTHERS).depends_on == {
        "db": Condition.HEALTHY,
        "load": Condition.COMPLETED,
        "cache": Condition.STARTED,
    }


def test_a_service_whose_end_is_waited_for_is_a_job(translate: Translate) -> None:
    assert translate(WITH_OTHERS, name="load").job
    assert not translate(WITH_OTHERS, name="db").job
    assert translate("deploy: {mode: replicated-job}").job


def test_networks_secrets_configs_and_volumes_are_those_of_the_application(
    translate: Translate,
) -> None:
    spec = translate(WITH_OTHERS).instance
    assert spec.networks == (
        NetworkUse(network="front", aliases=("web", "shop")),
        NetworkUse(network="back", aliases=("web",)),
    )
    assert spec.secrets == (
        SecretUse(name="password", fingerprint="print of password", target="/run/secrets/password"),
        SecretUse(name="key", fingerprint="print of key", target="/etc/key"),
    )
    assert spec.files == (FileUse(target="/etc/conf", content="text of conf", mode=0o440),)
    assert spec.volumes == (
        VolumeUse(source="shop_data", target="/data"),
        VolumeUse(source="data-of-before", target="/old", external=True),
    )


@pytest.mark.parametrize(
    ("said", "doors"),
    [
        ("ports: ['8080:80']", [("web-80", ANY, 8080, 80)]),
        ("ports: ['127.0.0.1:8080:80']", [("web-80", "127.0.0.1", 8080, 80)]),
        ("ports: ['80']", [("web-80", ANY, 40080, 80)]),
        (
            "ports: ['8080:80', '8081:80']",
            [("web-80", ANY, 8080, 80), ("web-80-1", ANY, 8081, 80)],
        ),
        ("ports: ['53:53/udp', '8080:80']", [("web-80", ANY, 8080, 80)]),
        ("x-herdbook: {ingress: {port: 80}}", [("web-ingress", ANY, 80, 80)]),
        (
            "x-herdbook: {ingress: {port: 80, certificate: c.pem}}",
            [("web-ingress", ANY, 443, 80)],
        ),
        (
            "ports: ['8080:80'], x-herdbook: {ingress: {port: 80}}",
            [("web-80", ANY, 8080, 80)],
        ),
    ],
)
def test_published_ports_are_doors_each_with_a_name_of_its_own(
    translate: Translate, said: str, doors: list[tuple[str, str, int, int]]
) -> None:
    found = translate(said).doors
    assert [(each.name, each.address, each.port, each.target) for each in found] == doors


def test_only_the_ingress_and_what_says_so_speaks_http(translate: Translate) -> None:
    doors = translate(
        "ports: ['8080:80', '8081:81', {target: 82, published: '8082', app_protocol: http}],"
        " x-herdbook: {ingress: {port: 80, host: shop.example}}"
    ).doors
    assert [each.mode for each in doors] == [DoorMode.HTTP, DoorMode.TCP, DoorMode.HTTP]
    assert [each.hosts for each in doors] == [("shop.example",), (), ()]


@pytest.mark.parametrize(
    "ingress",
    ["{port: 80, host: '*.shop.example'}", "{port: 1, host: a, mode: tcp, certificate: c.pem}"],
)
def test_hosts_that_no_door_can_tell_apart_are_refused(translate: Translate, ingress: str) -> None:
    """Else they would be refused by the balancer, when nobody looks any more."""
    with pytest.raises(InvalidInputError, match="ingress of web"):
        translate(f"x-herdbook: {{ingress: {ingress}}}")


def test_the_size_of_a_machine_is_what_is_said_or_what_its_image_says(
    translate: Translate,
) -> None:
    said = "x-herdbook: {kind: vm, image: shop/db, vm: {cpus: 1, memory: 512m}}"
    spec = translate(said, MACHINE).instance
    assert (spec.cpus, spec.memory_bytes, spec.disk_bytes) == (1, 512 << 20, 4 << 30)


@pytest.mark.parametrize(
    "said",
    [
        "tmpfs: /dev/a",
        "volumes: ['/a:/a']",
        "entrypoint: []",
        "user: 'a b'",
        "working_dir: here",
        "stop_signal: SIGNONE",
    ],
)
def test_a_machine_is_refused_what_only_a_container_can_have_or_nobody(
    translate: Translate, said: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        translate(f"{said}, x-herdbook: {{kind: vm, image: shop/db}}", MACHINE)
    assert "web is a machine" in caught.value.message
    assert caught.value.where


def test_a_machines_volume_has_a_size(translate: Translate) -> None:
    said = "volumes: ['/data'], x-herdbook: {kind: vm, image: shop/db}"
    assert translate(said, MACHINE).instance.volumes[0].size_bytes == 8 << 30


@pytest.mark.parametrize(
    ("said", "least"),
    [
        ("deploy: {replicas: 6}", 6),
        ("deploy: {replicas: 6, update_config: {order: stop-first, parallelism: 2}}", 4),
        ("deploy: {replicas: 6, update_config: {order: stop-first, parallelism: 0}}", 0),
        ("deploy: {replicas: 2, update_config: {order: stop-first, parallelism: 5}}", 0),
        ("deploy: {replicas: 5}, x-herdbook: {budget: {min_available: 50%}}", 3),
        ("deploy: {replicas: 5}, x-herdbook: {budget: {min_available: 9}}", 5),
        ("x-herdbook: {class: pet}", 0),
    ],
)
def test_how_many_have_to_serve_at_least(translate: Translate, said: str, least: int) -> None:
    assert translate(said).min_available == least


@pytest.mark.parametrize(
    ("said", "heals"),
    [
        ("tty: false", True),
        ("restart: always", True),
        ("restart: 'no'", False),
        ("deploy: {restart_policy: {condition: none}}", False),
        ("restart: 'no', deploy: {restart_policy: {condition: any}}", True),
    ],
)
def test_what_ends_is_replaced_unless_somebody_says_never(
    translate: Translate, said: str, *, heals: bool
) -> None:
    assert translate(said).heal is heals


def test_pets_are_said_to_be_pets(translate: Translate) -> None:
    assert translate("x-herdbook: {class: pet}").herding is Herding.PET
    assert translate("tty: false").herding is Herding.CATTLE


def test_settings_show_nothing_of_the_environment(translate: Translate) -> None:
    """People put passwords there, whatever one says."""
    assert "hunter2" not in repr(translate("environment: {PASSWORD: hunter2}"))


def test_an_image_of_elsewhere_is_pinned_like_one_of_ours(
    compose: Compose, translate: Translate
) -> None:
    del compose
    foreign, own = translate("tty: false", FOREIGN).instance, translate("tty: false", OWN).instance
    assert (foreign.number, foreign.base) == (0, FOREIGN.base)
    assert (own.number, own.base) == (3, None)
