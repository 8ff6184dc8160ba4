"""Nothing that the official schema lets people write is passed over in silence."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from herdbook.compose.checking import official_schema
from herdbook.compose.model import Reading
from herdbook.core.errors import InvalidInputError

Read = Callable[..., Reading]
SCHEMA = official_schema()
PORT = {"target": 80}
VOLUME = {"type": "volume", "source": "data", "target": "/d"}
BIND = {"type": "bind", "source": "/b", "target": "/b"}
MEMORY = {"type": "tmpfs", "target": "/t"}
SECRET, CONFIG = {"source": "pw"}, {"source": "conf"}
HOOK = {"command": ["a"]}
BUILD = {"context": "."}
WATCH = {"watch": [{"path": ".", "action": "sync"}]}
DEVICE = {"capabilities": ["gpu"]}

SAMPLES: Mapping[str, Any] = {
    "annotations": {"a": "b"},
    "attach": False,
    "build": ".",
    "blkio_config": {"weight": 300},
    "cap_add": ["NET_ADMIN"],
    "cap_drop": ["ALL"],
    "cgroup": "host",
    "cgroup_parent": "x",
    "command": "a",
    "configs": ["conf"],
    "configs.*.source": [{"source": "conf"}],
    "configs.*.target": [{**CONFIG, "target": "/x"}],
    "configs.*.uid": [{**CONFIG, "uid": "1"}],
    "configs.*.gid": [{**CONFIG, "gid": "1"}],
    "configs.*.mode": [{**CONFIG, "mode": "0400"}],
    "container_name": "name",
    "cpu_count": 1,
    "cpu_percent": 50,
    "cpu_shares": 512,
    "cpu_quota": 1000,
    "cpu_period": 1000,
    "cpu_rt_period": 1000,
    "cpu_rt_runtime": 1000,
    "cpus": 0.5,
    "cpuset": "0",
    "credential_spec": {"file": "x"},
    "depends_on": ["other"],
    "depends_on.*.condition": {"other": {"condition": "service_healthy"}},
    "depends_on.*.required": {"other": {"condition": "service_started", "required": False}},
    "depends_on.*.restart": {"other": {"condition": "service_started", "restart": True}},
    "deploy.mode": {"mode": "global"},
    "deploy.endpoint_mode": {"endpoint_mode": "dnsrr"},
    "deploy.replicas": {"replicas": 2},
    "deploy.labels": {"labels": {"a": "b"}},
    **{
        f"deploy.{config}.{key}": {config: {key: value}}
        for config in ("update_config", "rollback_config")
        for key, value in {
            "parallelism": 2,
            "delay": "1s",
            "failure_action": "pause",
            "monitor": "1s",
            "max_failure_ratio": 0.5,
            "order": "start-first",
        }.items()
    },
    "deploy.resources.limits.cpus": {"resources": {"limits": {"cpus": "1"}}},
    "deploy.resources.limits.memory": {"resources": {"limits": {"memory": "1g"}}},
    "deploy.resources.limits.pids": {"resources": {"limits": {"pids": 5}}},
    "deploy.resources.reservations.cpus": {"resources": {"reservations": {"cpus": "1"}}},
    "deploy.resources.reservations.memory": {"resources": {"reservations": {"memory": "1g"}}},
    "deploy.resources.reservations.generic_resources": {
        "resources": {"reservations": {"generic_resources": [{}]}}
    },
    "deploy.resources.reservations.devices": {"resources": {"reservations": {"devices": [DEVICE]}}},
    "deploy.restart_policy.condition": {"restart_policy": {"condition": "none"}},
    "deploy.restart_policy.delay": {"restart_policy": {"delay": "1s"}},
    "deploy.restart_policy.max_attempts": {"restart_policy": {"max_attempts": 3}},
    "deploy.restart_policy.window": {"restart_policy": {"window": "1s"}},
    "deploy.placement": {"placement": {"constraints": ["a"]}},
    "develop": WATCH,
    "device_cgroup_rules": ["c 1:3 mr"],
    "devices": ["/dev/null:/dev/null"],
    "dns": "1.1.1.1",
    "dns_opt": ["use-vc"],
    "dns_search": "example.com",
    "domainname": "example.com",
    "entrypoint": "a",
    "env_file": "a.env",
    "env_file.*.path": [{"path": "a.env"}],
    "env_file.*.format": [{"path": "a.env", "format": "raw"}],
    "env_file.*.required": [{"path": "a.env", "required": True}],
    "environment": {"A": "b"},
    "expose": ["80"],
    "extends": "base",
    "extends.service": {"service": "base"},
    "extends.file": {"service": "base", "file": "compose.yaml"},
    "external_links": ["redis"],
    "extra_hosts": {"a": "1.1.1.1"},
    "gpus": "all",
    "group_add": ["mail"],
    "healthcheck.disable": {"disable": True},
    "healthcheck.interval": {"interval": "1s"},
    "healthcheck.retries": {"retries": 5},
    "healthcheck.start_interval": {"start_interval": "1s"},
    "healthcheck.start_period": {"start_period": "1s"},
    "healthcheck.test": {"test": "a"},
    "healthcheck.timeout": {"timeout": "1s"},
    "hostname": "h",
    "image": "another",
    "init": True,
    "ipc": "host",
    "isolation": "hyperv",
    "label_file": "a.env",
    "labels": {"a": "b"},
    "links": ["other"],
    "logging.driver": {"driver": "none"},
    "logging.options": {"options": {"a": "b"}},
    "mac_address": "02:00:00:00:00:01",
    "mem_limit": "1g",
    "mem_reservation": "1g",
    "mem_swappiness": 10,
    "memswap_limit": "1g",
    "models": ["m"],
    "network_mode": "host",
    "networks": ["front"],
    "networks.*.aliases": {"front": {"aliases": ["a"]}},
    "networks.*.interface_name": {"front": {"interface_name": "eth9"}},
    "networks.*.ipv4_address": {"front": {"ipv4_address": "10.0.0.2"}},
    "networks.*.ipv6_address": {"front": {"ipv6_address": "::2"}},
    "networks.*.link_local_ips": {"front": {"link_local_ips": ["169.254.1.1"]}},
    "networks.*.mac_address": {"front": {"mac_address": "02:00:00:00:00:01"}},
    "networks.*.driver_opts": {"front": {"driver_opts": {"a": "b"}}},
    "networks.*.priority": {"front": {"priority": 5}},
    "networks.*.gw_priority": {"front": {"gw_priority": 5}},
    "oom_kill_disable": True,
    "oom_score_adj": 5,
    "pid": "host",
    "pids_limit": 5,
    "platform": "linux/arm64",
    "ports": ["80"],
    "ports.*.target": [PORT],
    "ports.*.name": [{**PORT, "name": "n"}],
    "ports.*.mode": [{**PORT, "mode": "host"}],
    "ports.*.host_ip": [{**PORT, "host_ip": "127.0.0.1"}],
    "ports.*.published": [{**PORT, "published": 8080}],
    "ports.*.protocol": [{**PORT, "protocol": "udp"}],
    "ports.*.app_protocol": [{**PORT, "app_protocol": "http"}],
    **{
        f"{hook}.*.{key}": [{**HOOK, key: value}]
        for hook in ("post_start", "pre_stop")
        for key, value in {
            "command": ["b"],
            "user": "u",
            "privileged": True,
            "working_dir": "/",
            "environment": {"A": "b"},
        }.items()
    },
    "privileged": True,
    "profiles": ["p"],
    "provider": {"type": "cloud"},
    "pull_policy": "always",
    "pull_refresh_after": "1h",
    "read_only": True,
    "restart": "always",
    "runtime": "runc",
    "scale": 2,
    "secrets": ["pw"],
    "secrets.*.source": [{"source": "pw"}],
    "secrets.*.target": [{**SECRET, "target": "x"}],
    "secrets.*.uid": [{**SECRET, "uid": "1"}],
    "secrets.*.gid": [{**SECRET, "gid": "1"}],
    "secrets.*.mode": [{**SECRET, "mode": "0400"}],
    "security_opt": ["no-new-privileges:true"],
    "shm_size": "64m",
    "stdin_open": True,
    "stop_grace_period": "1s",
    "stop_signal": "SIGINT",
    "storage_opt": {"size": "1G"},
    "sysctls": {"a": "1"},
    "tmpfs": "/run",
    "tty": True,
    "ulimits": {"nofile": 5},
    "ulimits.*.hard": {"nofile": {"soft": 1, "hard": 9}},
    "ulimits.*.soft": {"nofile": {"soft": 2, "hard": 9}},
    "use_api_socket": True,
    "user": "u",
    "userns_mode": "host",
    "uts": "host",
    "volumes": ["data:/d"],
    "volumes.*.type": [VOLUME],
    "volumes.*.source": [VOLUME],
    "volumes.*.target": [VOLUME],
    "volumes.*.read_only": [{**VOLUME, "read_only": True}],
    "volumes.*.consistency": [{**VOLUME, "consistency": "cached"}],
    "volumes.*.bind.propagation": [{**BIND, "bind": {"propagation": "shared"}}],
    "volumes.*.bind.create_host_path": [{**BIND, "bind": {"create_host_path": False}}],
    "volumes.*.bind.recursive": [{**BIND, "bind": {"recursive": "disabled"}}],
    "volumes.*.bind.selinux": [{**BIND, "bind": {"selinux": "z"}}],
    "volumes.*.volume.labels": [{**VOLUME, "volume": {"labels": {"a": "b"}}}],
    "volumes.*.volume.nocopy": [{**VOLUME, "volume": {"nocopy": True}}],
    "volumes.*.volume.subpath": [{**VOLUME, "volume": {"subpath": "s"}}],
    "volumes.*.tmpfs.size": [{**MEMORY, "tmpfs": {"size": "1m"}}],
    "volumes.*.tmpfs.mode": [{**MEMORY, "tmpfs": {"mode": "0700"}}],
    "volumes.*.image.subpath": [{"type": "image", "target": "/i", "image": {"subpath": "s"}}],
    "volumes_from": ["other"],
    "working_dir": "/w",
}
WITHOUT: Mapping[str, Any] = {
    "configs.*": ["conf"],
    "depends_on.*": ["other"],
    "env_file.*.format": ["a.env"],
    "networks.*": ["front"],
    "post_start.*": [HOOK],
    "pre_stop.*": [HOOK],
    "ports.*": [PORT],
    "secrets.*": ["pw"],
    "ulimits.*": {"nofile": {"soft": 1, "hard": 8}},
    "volumes.*.read_only": [VOLUME],
    "volumes.*.consistency": [VOLUME],
    "volumes.*.bind": [BIND],
    "volumes.*.volume": [VOLUME],
    "volumes.*.tmpfs": [MEMORY],
}
"""What is compared with: by the beginning of a key's path, the service without that key."""
SAYS_WHAT_IS_SO_ANYWAY = {
    "configs.*.source",
    "env_file.*.required",
    "secrets.*.source",
    "ports.*.target",
}
"""Their samples differ from nothing, not from the same thing without them: they name the thing."""
OPAQUE = {
    *("build", "blkio_config", "credential_spec", "develop", "devices", "gpus", "models"),
    *("provider", "deploy.placement", "deploy.resources.reservations.devices"),
    *("deploy.resources.reservations.generic_resources",),
}
"""Unsupported as a whole, whatever is in it."""


def paths_in(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield each key that can be written, `*` standing for entries; the innermost ones only."""
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    if path in OPAQUE:
        yield path
        return
    inner: list[str] = []
    for each in schema.get("oneOf", ()):
        inner += [found for found in paths_in(each, path) if found != path]
    for key, each in schema.get("properties", {}).items():
        inner += paths_in(each, f"{path}.{key}" if path else key)
    for pattern, each in schema.get("patternProperties", {}).items():
        if pattern != "^x-":
            inner += [found for found in paths_in(each, f"{path}.*") if found != f"{path}.*"]
    if isinstance(schema.get("items"), Mapping):
        inner += [found for found in paths_in(schema["items"], f"{path}.*") if found != f"{path}.*"]
    yield from dict.fromkeys(inner or [path])


SERVICE_KEYS = tuple(paths_in(SCHEMA["definitions"]["service"]))


def document(service: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "services": {
                "web": {"image": "web", **service},
                "other": {"image": "other"},
                "base": {"image": "base", "user": "based"},
            },
            "volumes": {"data": {}},
            "networks": {"front": {}},
            "secrets": {"pw": {"file": "pw"}},
            "configs": {"conf": {"file": "conf"}},
            "models": {"m": {"model": "m"}},
        }
    )


def without(path: str) -> dict[str, Any]:
    if path in SAYS_WHAT_IS_SO_ANYWAY:
        return {}
    found = next((value for start, value in WITHOUT.items() if path.startswith(start)), None)
    return {} if found is None else {path.partition(".")[0]: found}


def test_every_key_of_the_schema_has_a_sample_and_no_other() -> None:
    beginnings = {path.partition(".")[0] for path in SERVICE_KEYS}
    assert beginnings == set(SCHEMA["definitions"]["service"]["properties"])
    assert set(SERVICE_KEYS) <= set(SAMPLES)
    assert {path for path in SAMPLES if "." in path} <= set(SERVICE_KEYS)


@pytest.mark.parametrize("path", SAMPLES)
def test_each_key_is_read_or_told_to_be_unsupported(read: Read, path: str) -> None:
    options: dict[str, Any] = {"profiles": ["p"], "environment": {}}
    files = {"a.env": "FROM='file'\n"}
    before = read({**files, "compose.yaml": document(without(path))}, **options)
    service = {path.partition(".")[0]: SAMPLES[path]}
    after = read({**files, "compose.yaml": document(service)}, **options)
    changed = after.application != before.application
    told = [each.key for each in after.unsupported if each not in before.unsupported]
    assert changed or told
    for key in told:
        assert key.startswith(f"services.web.{path.partition('.')[0]}")


TOP_LEVEL = {
    "networks": {
        "name": "x",
        "driver": "macvlan",
        "driver_opts": {"a": "b"},
        "ipam.driver": {"driver": "x"},
        "ipam.options": {"options": {"a": "b"}},
        "ipam.config.*.subnet": {"config": [{"subnet": "10.0.0.0/24"}]},
        "ipam.config.*.gateway": {"config": [{"gateway": "10.0.0.1"}]},
        "ipam.config.*.ip_range": {"config": [{"ip_range": "10.0.0.0/28"}]},
        "ipam.config.*.aux_addresses": {"config": [{"aux_addresses": {"a": "10.0.0.3"}}]},
        "external": True,
        "external.name": {"name": "x"},
        "internal": True,
        "enable_ipv4": False,
        "enable_ipv6": True,
        "attachable": True,
        "labels": {"a": "b"},
    },
    "volumes": {
        "name": "x",
        "driver": "nfs",
        "driver_opts": {"a": "b"},
        "external": True,
        "external.name": {"name": "x"},
        "labels": {"a": "b"},
    },
    "secrets": {
        "name": "x",
        "environment": "V",
        "file": "y",
        "external": True,
        "external.name": {"name": "x"},
        "labels": {"a": "b"},
        "driver": "x",
        "driver_opts": {"a": "b"},
        "template_driver": "x",
    },
    "configs": {
        "name": "x",
        "content": "c",
        "environment": "V",
        "file": "y",
        "external": True,
        "external.name": {"name": "x"},
        "labels": {"a": "b"},
        "template_driver": "x",
    },
}


def test_every_key_beside_services_has_a_sample() -> None:
    for section, samples in TOP_LEVEL.items():
        known = set(paths_in(SCHEMA["definitions"][section.removesuffix("s")])) - {"ipam.config"}
        assert known <= set(samples)
    read_or_refused = {*TOP_LEVEL, "version", "name", "include", "services", "models"}
    assert set(SCHEMA["properties"]) == read_or_refused


@pytest.mark.parametrize(
    ("section", "path"), [(section, path) for section, each in TOP_LEVEL.items() for path in each]
)
def test_each_key_beside_services_is_read_or_told(read: Read, section: str, path: str) -> None:
    source = {} if section in ("networks", "volumes") else {"file": "x"}
    options: dict[str, Any] = {"environment": {"V": "v"}}
    beside = {"services": {"web": {"image": "web"}}}
    before = read(json.dumps({**beside, section: {"a": source}}), **options)
    replaces = path.partition(".")[0] in ("content", "environment", "file", "external")
    declared = {**({} if replaces else source), path.partition(".")[0]: TOP_LEVEL[section][path]}
    after = read(json.dumps({**beside, section: {"a": declared}}), **options)
    assert after.application != before.application or after.unsupported


def test_models_are_told_to_be_unsupported(read: Read) -> None:
    found = read("services: {web: {image: a}}\nmodels: {m: {model: ai/x}}")
    assert [each.key for each in found.unsupported] == ["models.m.model"]


def test_the_samples_are_what_the_schema_takes_and_others_are_refused(read: Read) -> None:
    with pytest.raises(InvalidInputError):
        read(document({"mem_limit": ["1g"]}))
