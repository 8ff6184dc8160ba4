"""What may happen to an application, from the first release to the end, and how it has to end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fake_fleet import FARES, IMAGE, NAME, NETWORK, VERSION, Step, World, serving
from fleet_machine import MACHINE, SIZE

from herdbook.actions.roll_out import abort, pause, resume, roll_out, take_down
from herdbook.compose.deployment import Order
from herdbook.compose.model import Condition
from herdbook.compose.wishes import Herding, Strategy
from herdbook.fleet.applications import (
    ApplicationNetwork,
    Canary,
    Component,
    DoorUse,
    InstanceSpec,
    NetworkUse,
    Settings,
    UpdatePolicy,
    VolumeUse,
)
from herdbook.fleet.probes import Probe, ProbeKind
from herdbook.recipes.model import Variant
from herdbook.rollouts.model import OVER, WAITING, RolloutState

QUICK = UpdatePolicy(
    settle_seconds=0.2,
    deadline_seconds=2.0,
    drain_seconds=2.0,
    monitor_seconds=1.5,
    bake_seconds=1.0,
    canary=Canary(analysis_seconds=0.5),
)
"""The default policy with times that add up to little."""

_GENTLE = QUICK.model_copy(update={"order": Order.STOP_FIRST})

_CONTAINER: Mapping[str, object] = {
    "variant": Variant.CONTAINER,
    "image": "service",
    "number": 0,
    "digest": IMAGE.manifest,
    "base": IMAGE,
}
_MACHINE: Mapping[str, object] = {
    "variant": Variant.VM,
    "image": MACHINE.image,
    "number": 1,
    "digest": MACHINE.digest,
    **SIZE,
}
_DATA = (VolumeUse(source=f"{NAME}_data", target="/data"),)

Serves = Mapping[str, tuple[str, int]]
"""How many instances of which version a component has."""


@dataclass(frozen=True)
class Scenario:
    """One thing that may happen: `first` stands already, `script` is what people do then.

    In the end, the newest rollout is `ends`, a release stands or none does, and just what `serves`
    says is there.
    """

    name: str
    script: tuple[Step, ...]
    ends: RolloutState
    serves: Serves
    first: Settings | None = None
    stands: bool = True


@dataclass(frozen=True)
class Shop:
    """An application of a pet with data, a job, and two services on top; change what you want.

    Those named in `machines` run as virtual machines, all others as containers.
    """

    version: str = "1"
    web: int = 3
    policy: UpdatePolicy = QUICK
    pet: UpdatePolicy = _GENTLE
    versions: Mapping[str, str] = field(default_factory=dict)
    fares: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()

    def settings(self) -> Settings:
        """Return it as a release has it."""
        names = [each for each in ("db", "migrate", "api", "web") if each not in self.without]
        return Settings(
            application=NAME,
            domain=NETWORK.domain,
            components=tuple(self._component(each) for each in names),
            networks=(ApplicationNetwork(name="default"),),
        )

    def serves(self) -> Serves:
        """Return what is there where all is well."""
        return {
            each.name: (each.instance.environment[VERSION], each.replicas)
            for each in self.settings().components
        }

    def _component(self, name: str) -> Component:
        update = self.pet if name == "db" else self.policy
        going_back = {"parallelism": 0, "strategy": Strategy.ROLLING}
        needs: dict[str, dict[str, Condition]] = {
            "migrate": {"db": Condition.HEALTHY},
            "api": {"db": Condition.HEALTHY},
            "web": {"api": Condition.STARTED, "migrate": Condition.COMPLETED},
        }
        doors = (DoorUse(name="web", address="127.0.0.1", port=8080, target=80),)
        return Component(
            name=name,
            herding=Herding.PET if name == "db" else Herding.CATTLE,
            job=name == "migrate",
            replicas={"web": self.web, "api": 2}.get(name, 1),
            instance=self._instance(name),
            doors=doors if name == "web" else (),
            depends_on={
                each: how for each, how in needs.get(name, {}).items() if each not in self.without
            },
            update=update,
            rollback=update.model_copy(update=going_back),
        )

    def _instance(self, name: str) -> InstanceSpec:
        job = name == "migrate"
        fares = self.fares.get(name, "job" if job else "")
        version = self.versions.get(name, self.version)
        return InstanceSpec.model_validate(
            {
                **(_MACHINE if name in self.machines else _CONTAINER),
                "environment": {VERSION: version, **({FARES: fares} if fares else {})},
                "networks": (NetworkUse(network="default", aliases=(name,)),),
                "volumes": _DATA if name == "db" else (),
                "probe": None if job else Probe(ProbeKind.HTTP, 80, interval_seconds=0.3),
            }
        )


# What people do, and when.


def at_once(_world: World) -> bool:
    return True


def up(settings: Settings, when: Callable[[World], bool] = at_once) -> Step:
    """Bring a release up."""

    def do(world: World) -> None:
        roll_out(world.by_hand(), world.release(settings))

    return Step(when, do)


def down(when: Callable[[World], bool] = at_once) -> Step:
    return Step(when, lambda world: take_down(world.by_hand(), NAME))


def have_say(
    say: Callable[..., object], when: Callable[[World], bool], *states: RolloutState
) -> Step:
    """Pause, resume or abort; where the rollout is elsewhere by now, it was too late for that."""

    def do(world: World) -> None:
        rollout = world.rollout
        assert rollout is not None
        if rollout.state in states:
            say(world.by_hand(), NAME)

    return Step(when, do)


def serve_new(component: str, version: str, count: int) -> Callable[[World], bool]:
    """So many new instances serve, or the rollout is over or waits."""

    def is_so(world: World) -> bool:
        rollout = world.rollout
        ended = rollout is not None and rollout.state in OVER | WAITING
        return ended or len(serving(world, component, version)) >= count

    return is_so


def comes_to(*states: RolloutState) -> Callable[[World], bool]:
    def is_so(world: World) -> bool:
        rollout = world.rollout
        return rollout is not None and rollout.state in states

    return is_so


def befalls(what: Callable[[World, str], None], component: str) -> Step:
    """Something befalls the first instance of a component."""

    def do(world: World) -> None:
        found = sorted(each.name for each in world.records if each.component == component)
        what(world, found[0])

    return Step(at_once, do)


_S = RolloutState
_ONE = Shop()
_MIXED = Shop(machines=("db", "web"))
"""A pet and cattle as machines, beside containers."""
_FIRST = _ONE.settings()
_GOING = (_S.ROLLING, _S.BAKING)
_STILL = (*OVER, *WAITING)


def _policy(**changes: object) -> UpdatePolicy:
    return QUICK.model_copy(update=changes)


def _to(name: str, shop: Shop, *more: Step, first: Shop = _ONE) -> Scenario:
    """Return a scenario that leads from the first release to another one."""
    script = (up(shop.settings()), *more)
    return Scenario(name, script, _S.COMPLETE, shop.serves(), first.settings())


def _back(name: str, shop: Shop, *more: Step, first: Shop = _ONE) -> Scenario:
    """Return a scenario that ends where it began."""
    script = (up(shop.settings()), *more)
    return Scenario(name, script, _S.ROLLED_BACK, first.serves(), first.settings())


def _web(**changes: object) -> Shop:
    """Return a release in which the web alone is new."""
    return Shop(versions={"web": "2"}, policy=_policy(**changes))


def _bad(component: str, fares: str, **changes: object) -> Shop:
    return Shop(versions={component: "2"}, fares={component: fares}, policy=_policy(**changes))


def _heal(
    name: str, what: Callable[[World, str], None], component: str = "web", first: Shop = _ONE
) -> Scenario:
    script = (befalls(what, component),)
    return Scenario(name, script, _S.COMPLETE, first.serves(), first.settings())


_WEB = _web()
_NEXT = Shop(versions={"web": "3"})
_HOLD = _web(strategy=Strategy.CANARY, canary=Canary(analysis_seconds=0.5, hold=True))
_FEWER = Shop(web=1)
_MORE = Shop(web=5)
_SHY = Shop(fares={"web": "refused twice"})

SCENARIOS = (
    Scenario("first up", (up(_FIRST),), _S.COMPLETE, _ONE.serves()),
    Scenario(
        "bad first up",
        (up(Shop(fares={"web": "dies"}).settings()),),
        _S.PAUSED,
        {name: each for name, each in _ONE.serves().items() if name != "web"},
        stands=False,
    ),
    _to("rolling", _WEB),
    _to("two at a time", _web(parallelism=2)),
    _to("stop first", _web(order=Order.STOP_FIRST)),
    _to("canary", _web(strategy=Strategy.CANARY)),
    _to("canary on hold", _HOLD, have_say(resume, comes_to(*_STILL), _S.HOLDING)),
    _to("blue/green", _web(strategy=Strategy.BLUE_GREEN)),
    _to("everything is new", Shop(version="2")),
    _to("pet", Shop(versions={"db": "2"})),
    _to("job", Shop(versions={"migrate": "2"})),
    _to("one is away", Shop(without=("migrate",))),
    _to("more", _MORE),
    _to("fewer", _FEWER),
    _to("another one", Shop(version="2", web=2, without=("api", "migrate"))),
    _back("dies", _bad("web", "dies")),
    _back("hangs", _bad("web", "hangs")),
    _back("is refused", _bad("web", "refused")),
    _back("never well", _bad("web", "never well", order=Order.STOP_FIRST)),
    _back("bad canary", _bad("web", "dies", strategy=Strategy.CANARY)),
    _back("bad green", _bad("web", "never well", strategy=Strategy.BLUE_GREEN)),
    _back("bad pet", _bad("db", "dies")),
    _back("bad job", _bad("migrate", "dies")),
    _back("aborted", _WEB, have_say(abort, serve_new("web", "2", 2), *_GOING)),
    _to(
        "paused",
        _WEB,
        have_say(pause, serve_new("web", "2", 1), *_GOING),
        have_say(resume, comes_to(*_STILL), _S.PAUSED),
    ),
    Scenario(
        "superseded",
        (up(_WEB.settings()), up(_NEXT.settings(), serve_new("web", "2", 1))),
        _S.COMPLETE,
        _NEXT.serves(),
        _FIRST,
    ),
    _heal("dead", World.end),
    _heal("hung", World.hang),
    _heal("dead pet", World.end, "db"),
    _heal("hung pet", World.hang, "db"),
    Scenario(
        "starts fail for a while",
        (befalls(World.end, "web"),),
        _S.COMPLETE,
        _SHY.serves(),
        _SHY.settings(),
    ),
    _to("machines", replace(_MIXED, version="2"), first=_MIXED),
    _back(
        "bad machine with data",
        replace(_MIXED, versions={"db": "2"}, fares={"db": "dies"}),
        first=_MIXED,
    ),
    _to("machines follow containers", replace(_WEB, machines=("web",))),
    _to("containers follow machines", replace(_MIXED, machines=("db",)), first=_MIXED),
    _heal("dead machine with data", World.end, "db", first=_MIXED),
    Scenario("down", (down(),), _S.COMPLETE, {}, _FIRST, stands=False),
    Scenario(
        "down in the middle",
        (up(Shop(version="2").settings()), down(serve_new("web", "2", 1))),
        _S.SUPERSEDED,
        {},
        _FIRST,
        stands=False,
    ),
)
