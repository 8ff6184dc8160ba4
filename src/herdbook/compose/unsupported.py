"""Knows what a Compose file can say and Herdbook does not do, and what that means for people."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from herdbook.compose.model import Unsupported
from herdbook.compose.resources import is_ipv6, subnets
from herdbook.compose.tree import Node, plain
from herdbook.compose.values import Value
from herdbook.compose.wish_reading import KEY
from herdbook.core.errors import InvalidInputError

_FALSE = frozenset({"", "false", "no", "off"})
_MOST_TOLD = 5


@dataclass(frozen=True)
class Rule:
    """A key, `*` standing for every entry, and what happens because it is not done.

    `harmless` are the values that ask for what is done anyway; where `only` is given, no other
    value matters.
    """

    key: str
    consequence: str
    harmless: Collection[str] = _FALSE
    only: Collection[str] = ()


_NO_LIMIT = "the limit does not hold"
_CPU = "use `cpus` to limit processors; this has no effect"
_SHARED = "instances are set apart from this machine and from each other"
_DEVICES = "the instance sees no device of this machine"
_NETWORK_CARD = "the instance's network card is set up by Herdbook"

_LABELS = "nothing on this machine reads it"
_TRIED_AGAIN = "what fails is tried again, at once at first and then less and less often"
_OWNER = "the file belongs to the service's user, or to root where anybody may read it"
_ROOT_CAPABILITIES = ("chown", "dac_override", "fowner", "kill", "setgid", "setuid")
"""What a container that begins as root keeps, of all that are dropped."""

SERVICE_RULES: tuple[Rule, ...] = (
    Rule("annotations", _LABELS),
    Rule("attach", "the output is kept all the same", frozenset({"true", "yes", "on"})),
    Rule("blkio_config", _NO_LIMIT),
    Rule("build", "nothing is built; the image that is named is used"),
    Rule(
        "cap_drop.*",
        "a service that begins as root keeps what it needs to become another user",
        only=("all", *_ROOT_CAPABILITIES, *(f"cap_{name}" for name in _ROOT_CAPABILITIES)),
    ),
    Rule("cgroup", _SHARED, frozenset({"private"})),
    Rule("cgroup_parent", "the instance is not put below this control group"),
    Rule("configs.*.gid", _OWNER),
    Rule("configs.*.uid", _OWNER),
    Rule("container_name", "instances have names of their own, for there may be several at once"),
    Rule("cpu_count", _CPU),
    Rule("cpu_percent", _CPU),
    Rule("cpu_period", _CPU),
    Rule("cpu_quota", _CPU),
    Rule("cpu_rt_period", _CPU),
    Rule("cpu_rt_runtime", _CPU),
    Rule("cpu_shares", _CPU),
    Rule("cpuset", "the instance may run on any processor"),
    Rule("credential_spec", "it is for Windows only"),
    Rule("depends_on.*.restart", "it goes on where what it depends on is replaced"),
    Rule("develop", "nothing follows changes of the source; build a new version instead"),
    Rule("device_cgroup_rules", _DEVICES),
    Rule("devices", _DEVICES),
    Rule("dns", "names are looked up where this machine does"),
    Rule("dns_opt", "names are looked up as this machine does"),
    Rule("dns_search", "names without a dot are those of the application"),
    Rule("domainname", "instances are in the application's own domain"),
    Rule("external_links", "services outside of the application are reached by their addresses"),
    Rule("gpus", "the instance sees no graphics processor"),
    Rule("group_add", "the user belongs to the image's groups only"),
    Rule("ipc", _SHARED, frozenset({"private", "shareable", "none"})),
    Rule("isolation", "it is for Windows only", frozenset({"default"})),
    Rule("labels", _LABELS),
    Rule("label_file", _LABELS),
    Rule("links", "services find each other by name without it; aliases belong under networks"),
    Rule("logging", "the engine keeps the output: herdbook logs"),
    Rule("mac_address", _NETWORK_CARD),
    Rule("mem_reservation", "nothing is reserved"),
    Rule("mem_swappiness", "the machine's own setting holds"),
    Rule("memswap_limit", _NO_LIMIT),
    Rule("models", "no language model is provided"),
    Rule(
        "network_mode",
        "the instance is in the application's own networks",
        frozenset({"bridge", "default", "none"}),
    ),
    Rule("networks.*.driver_opts", _NETWORK_CARD),
    Rule("networks.*.gw_priority", "the first network leads out"),
    Rule("networks.*.interface_name", _NETWORK_CARD),
    Rule("networks.*.ipv4_address", "the address is chosen when an instance is started"),
    Rule("networks.*.ipv6_address", "there are IPv4 addresses only"),
    Rule("networks.*.link_local_ips", _NETWORK_CARD),
    Rule("networks.*.mac_address", _NETWORK_CARD),
    Rule("networks.*.priority", "networks are joined in the order in which they are written"),
    Rule("oom_kill_disable", "the kernel may end the instance where memory runs out"),
    Rule("oom_score_adj", "the kernel chooses what to end where memory runs out"),
    Rule("pid", _SHARED),
    Rule("platform", "the image's variant for this machine is used", frozenset()),
    Rule("ports.*.mode", "the port leads to all instances", frozenset({"ingress"})),
    Rule("ports.*.protocol", "no UDP or SCTP port is published", only=("udp", "sctp")),
    Rule("post_start", "no command is run after the start"),
    Rule("pre_stop", "no command is run before the end"),
    Rule("privileged", "the instance gets no rights over this machine; name them in cap_add"),
    Rule("provider", "nobody outside is asked to provide the service, and it is left out"),
    Rule("pull_policy", "images are fetched when a rollout needs them", frozenset({"missing"})),
    Rule("pull_refresh_after", "images are fetched when a rollout needs them"),
    Rule("restart", _TRIED_AGAIN, frozenset({"", "no", "false", "always", "unless-stopped"})),
    Rule("runtime", "the engine chooses the runtime"),
    Rule("secrets.*.gid", _OWNER),
    Rule("secrets.*.mode", _OWNER),
    Rule("secrets.*.uid", _OWNER),
    Rule(
        "security_opt.*",
        "the engine's own profiles hold",
        frozenset({"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}),
    ),
    Rule("stdin_open", "the instance has no input; use `herdbook` to run a command in it"),
    Rule("storage_opt", _NO_LIMIT),
    Rule("tty", "the instance has no terminal"),
    *(
        Rule(f"ulimits.{name}", _NO_LIMIT)
        for name in (
            *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice"),
            *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
        )
    ),
    Rule("use_api_socket", "the engine's socket is given to nobody"),
    Rule("userns_mode", _SHARED),
    Rule("uts", _SHARED),
    Rule("volumes.*.bind.propagation", "what is mounted later is not seen", frozenset({"private"})),
    Rule("volumes.*.bind.recursive", "what is mounted inside is seen, too", frozenset({"enabled"})),
    Rule("volumes.*.bind.selinux", "the labels of the files stay as they are"),
    Rule("volumes.*.consistency", "files are always consistent", frozenset({"consistent"})),
    Rule("volumes.*.image.subpath", "no image is mounted"),
    Rule("volumes.*.type", "it is not mounted", only=("npipe", "cluster", "image")),
    Rule("volumes.*.volume.subpath", "the whole volume is mounted"),
    Rule("volumes.*.volume.labels", "write the labels under volumes: at the top"),
    Rule("volumes_from", "nothing is mounted; name the volumes in both services"),
    Rule("deploy.labels", _LABELS),
    Rule("deploy.placement", "there is one machine, so all runs on it"),
    Rule("deploy.resources.reservations.cpus", "nothing is reserved"),
    Rule("deploy.resources.reservations.devices", _DEVICES),
    Rule("deploy.resources.reservations.generic_resources", "nothing is reserved"),
    Rule("deploy.resources.reservations.memory", "nothing is reserved"),
    Rule("deploy.restart_policy.condition", _TRIED_AGAIN, only=("on-failure",)),
    Rule("deploy.restart_policy.delay", _TRIED_AGAIN),
    Rule("deploy.restart_policy.max_attempts", _TRIED_AGAIN),
    Rule("deploy.restart_policy.window", _TRIED_AGAIN),
)

_OWN_KERNEL = "a machine has a kernel and limits of its own"
MACHINE_RULES: tuple[Rule, ...] = (
    Rule("extra_hosts", "a machine knows the names of its image and of the name server"),
    Rule("hostname", "machines are called after application, service and slot"),
    Rule("init", "systemd is a machine's first process", frozenset({"", "true", "yes", "on"})),
    *(
        Rule(key, _OWN_KERNEL)
        for key in (
            *("cap_add", "cap_drop", "pids_limit", "read_only", "security_opt", "shm_size"),
            *("sysctls", "ulimits"),
        )
    ),
    Rule("volumes.*.type", "a machine has named volumes and memory only", only=("bind",)),
)

_NAMED_ELSEWHERE = "there is no driver but the engine's own"
RESOURCE_RULES: Mapping[str, tuple[Rule, ...]] = {
    "networks": (
        Rule("attachable", "only the application's own instances join its networks"),
        Rule("driver", _NAMED_ELSEWHERE, frozenset({"bridge", "default"})),
        Rule("driver_opts", _NAMED_ELSEWHERE),
        Rule("enable_ipv4", "there are IPv4 addresses only", only=tuple(_FALSE)),
        Rule("enable_ipv6", "there are IPv4 addresses only"),
        Rule("external", "networks belong to their application; it gets one of its own"),
        Rule("ipam.config.*.aux_addresses", "no address is set aside"),
        Rule("ipam.config.*.gateway", "the first address of the subnet is the gateway"),
        Rule("ipam.config.*.ip_range", "the whole subnet is used"),
        Rule("ipam.driver", _NAMED_ELSEWHERE, frozenset({"default"})),
        Rule("ipam.options", _NAMED_ELSEWHERE),
    ),
    "volumes": (
        Rule("driver", _NAMED_ELSEWHERE, frozenset({"local", "default"})),
        Rule("driver_opts", "the volume lies where Herdbook keeps volumes"),
    ),
    "secrets": (
        Rule("driver", "secrets come from files, variables or Herdbook's store"),
        Rule("driver_opts", "secrets come from files, variables or Herdbook's store"),
        Rule("template_driver", "the text is used as it is"),
    ),
    "configs": (Rule("template_driver", "the text is used as it is"),),
    "models": (Rule("model", "no language model is provided"),),
}


def find_unsupported(root: Value, services: Collection[str]) -> tuple[Unsupported, ...]:
    """Return what the file says in vain, of these services and of what is declared beside them."""
    found: list[Unsupported] = []
    for name, service in root.part("services").fields():
        if name in services:
            found += _of_service(service)
    for section, rules in RESOURCE_RULES.items():
        for _, each in root.part(section).fields():
            found += _of(each, rules)
            found += _other_subnets(each) if section == "networks" else ()
    return tuple(found)


def refuse_unsupported(unsupported: Sequence[Unsupported]) -> None:
    """Raise InvalidInputError if there is anything: what a strict reading does."""
    if unsupported:
        told = [f"{each.key}: {each.consequence} ({each.where})" for each in unsupported]
        more = len(told) - _MOST_TOLD
        raise InvalidInputError(
            "This file asks for what Herdbook does not do\n  "
            + "\n  ".join([*told[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]),
            hint="Take it out, or leave --strict out.",
            where=unsupported[0].where,
        )


def _other_subnets(network: Value) -> Iterator[Unsupported]:
    """Yield the subnets that are not the network's one of IPv4."""
    taken = False
    for each in subnets(network):
        if taken or is_ipv6(each):
            said = "a network has one subnet, of IPv4"
            yield Unsupported(each.node.where, each.name, said)
        taken = taken or not is_ipv6(each)


def _of_service(service: Value) -> Iterator[Unsupported]:
    wishes = service.part(KEY)
    ours = wishes.get("image") is not None
    yield from _of(service, [rule for rule in SERVICE_RULES if not (ours and rule.key == "build")])
    if wishes.text("kind") == "vm":
        yield from _of(service, MACHINE_RULES)


def _of(value: Value, rules: Sequence[Rule]) -> Iterator[Unsupported]:
    for rule in rules:
        for found in _at(value, rule.key.split(".")):
            if _matters(found.node, rule):
                yield Unsupported(found.node.where, found.name, rule.consequence)


def _at(value: Value, parts: Sequence[str]) -> Iterator[Value]:
    """Yield what stands at a key, or at several where a part is `*`."""
    if not parts:
        yield value
        return
    first, rest = parts[0], parts[1:]
    if first != "*":
        inner = value.get(first)
        yield from _at(inner, rest) if inner else ()
        return
    for _, each in value.fields():
        yield from _at(each, rest)
    for number, node in enumerate(value.node.items):
        yield from _at(Value(node, f"{value.name}.{number}"), rest)


def _matters(node: Node, rule: Rule) -> bool:
    if isinstance(node.value, Mapping | tuple):
        return bool(plain(node))
    word = node.text.lower()
    return word in rule.only if rule.only else word not in rule.harmless
