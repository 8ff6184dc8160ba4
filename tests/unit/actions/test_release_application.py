"""A Compose file becomes a release: resolved, checked, and nothing half kept."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from channel_images import add_versions
from fleet_workshop import KnownImages, MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.promote import promote
from herdbook.actions.release_application import release_application
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.core import digests
from herdbook.core.errors import (
    ConflictError,
    HerdbookError,
    InvalidInputError,
    NotFoundError,
    RevokedError,
)
from herdbook.drivers.fake import FakeSwitch
from herdbook.fleet.applications import Component, Release
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.model import Rollout, RolloutState
from herdbook.rollouts.ports import Changes

Give = Callable[..., Release]
WEB = "services: {web: {image: web}}"
ONE_NETWORK = "services: {web: {image: web, networks: [front]}}\nnetworks: {front: }"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return fleet_workshop(tmp_path / "state")


@pytest.fixture
def network() -> MadeUpNetwork:
    return MadeUpNetwork(known=[IPv4Network("192.168.0.0/24")])


@pytest.fixture
def give(workshop: Workshop, network: MadeUpNetwork, tmp_path: Path) -> Give:
    """Return what releases the text of a Compose file."""

    def release(text: str, name: str = "shop", **options: Any) -> Release:
        application = composed(tmp_path / name, text, **options)
        return release_application(workshop, network, application)

    return release


def stand(workshop: Workshop, release: Release) -> None:
    """Have a release run."""
    workshop.fleet.record(release.application, Changes(standing=release.number))


def web(release: Release) -> Component:
    return release.settings.by_name["web"]


def test_an_application_and_its_first_release_are_kept(
    give: Give, workshop: Workshop, tmp_path: Path
) -> None:
    release = give(WEB)
    assert (release.application, release.number) == ("shop", 1)
    found = workshop.fleet.find("shop")
    assert found
    assert (found.folder, found.standing) == (str(tmp_path / "shop"), 0)
    [plan] = found.networks.values()
    assert (plan.name, plan.domain) == ("shop_default", "shop.internal")
    assert workshop.fleet.release("shop", 1) == release


def test_images_are_pinned_and_say_where_one_may_ask(give: Give) -> None:
    spec = web(give("services: {web: {image: web, x-herdbook: {probe: {http: /}}}}")).instance
    assert (spec.number, spec.digest) == (0, digests.of_bytes(b"web"))
    assert spec.base
    assert spec.probe
    assert spec.probe.port == 8000


def test_the_same_files_are_the_same_release(give: Give) -> None:
    text = "services: {web: {image: web, ports: ['80', '81']}}"
    first, second = give(text), give(text)
    assert first == second


def test_what_changes_no_instance_keeps_all_revisions(give: Give) -> None:
    first, second = give(WEB), give("services: {web: {image: web, deploy: {replicas: 4}}}")
    assert (first.number, second.number) == (1, 2)
    assert web(first).revision == web(second).revision


def test_what_stands_meanwhile_still_stands(
    give: Give, workshop: Workshop, network: MadeUpNetwork, tmp_path: Path
) -> None:
    """Fetching images takes its time, in which a rollout may come to its end."""
    give(WEB)

    class Slow(KnownImages):
        def resolve(self, reference: str, *rest: Any) -> Any:
            workshop.fleet.record("shop", Changes(standing=1))
            return super().resolve(reference, *rest)

    slow = replace(workshop, bases=Slow(tmp_path / "images"))
    application = composed(tmp_path / "shop", "services: {web: {image: web2}}")
    release_application(slow, network, application)
    found = workshop.fleet.find("shop")
    assert found
    assert found.standing == 1


def test_the_applications_name_becomes_a_host_name(give: Give) -> None:
    release = give(WEB, name="my_shop")
    assert (release.application, release.settings.domain) == ("my-shop", "my-shop.internal")


# Secrets and configs

WITH_A_FILE = (
    "services: {web: {image: web, secrets: [password]}}\n"
    "secrets: {password: {file: p}, unused: {file: absent}}"
)


def test_a_secret_is_kept_sealed_and_the_release_says_nothing_of_it(
    give: Give, workshop: Workshop, tmp_path: Path
) -> None:
    release = give(WITH_A_FILE, files={"p": "hunter2"})
    [use] = web(release).instance.secrets
    assert workshop.vault.open("shop", "password", use.fingerprint) == b"hunter2"
    assert "hunter2" not in release.model_dump_json() + repr(release)
    for path in (tmp_path / "state").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


def test_another_value_of_a_secret_is_another_release_and_the_old_value_is_kept(
    give: Give, workshop: Workshop
) -> None:
    first, second = give(WITH_A_FILE, files={"p": "old"}), give(WITH_A_FILE, files={"p": "new"})
    assert (first.number, second.number) == (1, 2)
    assert web(first).revision != web(second).revision
    [use] = web(first).instance.secrets
    assert workshop.vault.open("shop", "password", use.fingerprint) == b"old"


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("{environment: PASSWORD}", b"from outside"),
        ("{file: p}", b"from a file\n"),
    ],
)
def test_a_secret_comes_from_where_it_is_said(
    give: Give, workshop: Workshop, said: str, value: bytes
) -> None:
    text = f"services: {{web: {{image: web, secrets: [s]}}}}\nsecrets: {{s: {said}}}"
    release = give(text, files={"p": "from a file\n"}, environment={"PASSWORD": "from outside"})
    [use] = web(release).instance.secrets
    assert workshop.vault.open("shop", "s", use.fingerprint) == value


@pytest.mark.parametrize("said", ["{environment: UNSET}", "{file: absent}", "{external: true}"])
def test_a_secret_that_is_nowhere_is_named(give: Give, said: str) -> None:
    text = f"services: {{web: {{image: web, secrets: [token]}}}}\nsecrets: {{token: {said}}}"
    with pytest.raises((NotFoundError, InvalidInputError), match="token"):
        give(text)


def test_configs_are_part_of_the_release_and_unused_ones_are_nobodys_business(give: Give) -> None:
    text = (
        "services: {web: {image: web, configs: [conf]}}\n"
        "configs: {conf: {content: hello}, unused: {file: absent}}"
    )
    [file] = web(give(text)).instance.files
    assert (file.target, file.content) == ("/conf", "hello")


# Ports


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ("['80', '81']", [40001, 40002]),
        ("['9000-9005:80']", [9000]),
        ("['9000:81', '9000-9005:80']", [9000, 9001]),
        ("['9001-9005:80']", [9002]),
    ],
)
def test_ports_that_nobody_names_are_chosen_among_free_ones(
    give: Give, network: MadeUpNetwork, ports: str, found: list[int]
) -> None:
    network.taken.add(9001 if found == [9002] else 1)
    release = give(f"services: {{web: {{image: web, ports: {ports}}}}}")
    assert [each.port for each in web(release).doors] == found


def test_a_chosen_port_stays(give: Give, workshop: Workshop, network: MadeUpNetwork) -> None:
    first = give("services: {web: {image: web, ports: ['80']}}")
    stand(workshop, first)
    network.taken.add(web(first).doors[0].port)  # its own balancer listens there
    second = give("services: {web: {image: web2, ports: ['80', '81']}}")
    assert web(second).doors[0].port == web(first).doors[0].port
    assert web(second).doors[1].port != web(first).doors[0].port


def test_a_port_that_another_service_has_is_refused(give: Give) -> None:
    text = "services: {web: {image: web, ports: ['80:80']}, db: {image: db, ports: ['80:81']}}"
    with pytest.raises(ConflictError, match="web and db both want port 80"):
        give(text)


def test_a_port_that_another_application_has_is_refused(give: Give, workshop: Workshop) -> None:
    text = "services: {web: {image: web, ports: ['127.0.0.1:80:80']}}"
    other = give(text, name="other")
    stand(workshop, other)
    with pytest.raises(ConflictError, match="the application other has it"):
        give("services: {web: {image: web, ports: ['80:80']}}")
    give("services: {web: {image: web, ports: ['127.0.0.2:80:80']}}")


def test_a_port_of_an_application_that_is_down_is_free(give: Give) -> None:
    text = "services: {web: {image: web, ports: ['80:80']}}"
    give(text, name="other")
    give(text)


def test_a_port_that_another_program_has_is_refused(give: Give, network: MadeUpNetwork) -> None:
    network.taken.add(80)
    with pytest.raises(ConflictError, match="another program") as caught:
        give("services: {web: {image: web, ports: ['80:80']}}")
    assert "ss -ltnp" in caught.value.hint


def test_the_ports_it_has_already_are_its_own(
    give: Give, workshop: Workshop, network: MadeUpNetwork
) -> None:
    text = "services: {web: {image: web, ports: ['80:80']}}"
    stand(workshop, give(text))
    network.taken.add(80)
    give("services: {web: {image: web2, ports: ['80:80']}}")
    with pytest.raises(ConflictError):
        give("services: {web: {image: web2, ports: ['80:80', '81:80']}}", name="other")


def test_the_ports_of_a_rollout_that_is_under_way_are_taken(give: Give, workshop: Workshop) -> None:
    text = "services: {web: {image: web, ports: ['80:80']}}"
    release, now = give(text), workshop.clock.now()
    workshop.fleet.begin(
        Rollout(
            application="shop",
            number=0,
            before=0,
            after=release.number,
            state=RolloutState.ROLLING,
            began_at=now,
            since=now,
        )
    )
    with pytest.raises(ConflictError, match="the application shop"):
        give(text, name="other")


# Networks


def plans(workshop: Workshop, name: str = "shop") -> dict[str, IPv4Network]:
    found = workshop.fleet.find(name)
    assert found
    return {key: plan.subnet for key, plan in found.networks.items()}


def lay(workshop: Workshop) -> None:
    found = workshop.fleet.find("shop")
    assert found
    for plan in found.networks.values():
        workshop.switch.lay(plan)


def test_networks_lie_where_nothing_else_does(
    give: Give, workshop: Workshop, network: MadeUpNetwork
) -> None:
    network.known.append(IPv4Network("10.83.0.0/24"))
    give(ONE_NETWORK)
    give(ONE_NETWORK, name="other")
    assert plans(workshop) == {"front": IPv4Network("10.83.1.0/24")}
    assert plans(workshop, "other") == {"front": IPv4Network("10.83.2.0/24")}


def test_a_network_keeps_its_place(give: Give, workshop: Workshop, network: MadeUpNetwork) -> None:
    give(ONE_NETWORK)
    before = plans(workshop)
    lay(workshop)
    network.known += before.values()  # its own bridge
    give(ONE_NETWORK.replace("web,", "web2,"))
    assert plans(workshop) == before


def test_a_network_moves_where_somebody_else_lies_in_its_place_while_nothing_is_up(
    give: Give, workshop: Workshop, network: MadeUpNetwork
) -> None:
    """After a restart of the machine, who comes up first may have chosen it."""
    release = give(ONE_NETWORK)
    (before,) = plans(workshop).values()
    network.known.append(before)
    stand(workshop, release)
    give(ONE_NETWORK)
    assert plans(workshop) == {"front": before}  # what is up does not move: laying it is refused
    workshop.fleet.record("shop", Changes(standing=0))
    give(ONE_NETWORK)
    assert plans(workshop) == {"front": IPv4Network("10.83.1.0/24")}


def test_what_another_state_directory_has_just_chosen_is_not_chosen(
    give: Give, workshop: Workshop, tmp_path: Path
) -> None:
    assert isinstance(workshop.switch, FakeSwitch)
    other = FakeSwitch(tmp_path / "other", workshop.switch.cabling)
    with other.choosing() as taken:
        assert taken == []
        other.take([NetworkPlan("shop_front", IPv4Network("10.83.0.0/24"), "shop.internal")])
    give(ONE_NETWORK)
    assert plans(workshop) == {"front": IPv4Network("10.83.1.0/24")}


def test_a_network_that_only_earlier_releases_have_is_kept(give: Give, workshop: Workshop) -> None:
    """Their instances have addresses in it, and one may go back."""
    give(ONE_NETWORK)
    give("services: {web: {image: web, networks: [back]}}\nnetworks: {back: }")
    assert set(plans(workshop)) == {"front", "back"}


def test_many_instances_have_a_network_with_room_for_old_and_new_ones(
    give: Give, workshop: Workshop
) -> None:
    give("services: {web: {image: web, deploy: {replicas: 1000}}}")
    assert plans(workshop)["default"].prefixlen <= 21


def test_a_network_that_has_become_too_small_is_told_before_anything_runs(
    give: Give, workshop: Workshop
) -> None:
    give(WEB)
    with pytest.raises(ConflictError, match="room for 253"):
        give("services: {web: {image: web, deploy: {replicas: 200}}}")
    assert [each.number for each in workshop.fleet.releases("shop")] == [1]


@pytest.mark.parametrize(
    "subnet", ["192.168.0.0/25", "10.83.0.0/24", "10.50.0.8/29"], ids=["machine", "other", "small"]
)
def test_a_subnet_that_cannot_be_is_refused(give: Give, subnet: str) -> None:
    give(ONE_NETWORK, name="other")
    text = "services: {web: {image: web, deploy: {replicas: 5}}}\n"
    said = f"networks: {{default: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}}}"
    with pytest.raises(ConflictError):
        give(text + said)


def test_a_network_does_not_move_under_instances(give: Give, workshop: Workshop) -> None:
    moved = f"{WEB}\nnetworks: {{default: {{ipam: {{config: [{{subnet: 10.7.0.0/24}}]}}}}}}"
    release = give(WEB)
    now = workshop.clock.now()
    instance = Instance(
        *("shop", "web", 0, 1, web(release).revision, 1, Role.SERVING, now, now),
    )
    workshop.fleet.record("shop", Changes(instances=(instance,)))
    with pytest.raises(ConflictError, match="cannot move"):
        give(moved)
    workshop.fleet.record("shop", Changes(removed=(instance,)))
    give(moved)
    assert plans(workshop) == {"default": IPv4Network("10.7.0.0/24")}


def test_networks_lie_in_the_applications_subnet_where_it_has_one(
    give: Give, workshop: Workshop
) -> None:
    give(f"x-herdbook: {{subnet: 10.99.0.0/16}}\n{ONE_NETWORK}")
    assert plans(workshop) == {"front": IPv4Network("10.99.0.0/24")}


# Channels and revocations


def by(image: str) -> str:
    return f"services:\n  web:\n    image: web\n    x-herdbook: {{image: '{image}'}}"


@pytest.fixture
def production(workshop: Workshop) -> str:
    """A channel that means the first of three versions."""
    add_versions(workshop, 3, "shop/site")
    promote(workshop, "shop/site:1", "production")
    return "shop/site@production"


def declare_bad(workshop: Workshop, name: str, *levels: Level) -> None:
    since = dict.fromkeys(levels, workshop.clock.now())
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since))


def test_a_release_keeps_the_version_that_a_channel_meant(
    give: Give, workshop: Workshop, production: str
) -> None:
    first = give(by(production))
    assert web(first).instance.number == 1
    assert give(by(production)) == first
    promote(workshop, "shop/site:2", "production")
    second = give(by(production))
    assert (second.number, web(second).instance.number) == (2, 2)
    kept = workshop.fleet.release("shop", 1)
    assert kept
    assert web(kept).instance.number == 1


def test_a_release_takes_what_a_channel_has_fallen_to(
    give: Give, workshop: Workshop, production: str
) -> None:
    promote(workshop, "shop/site:2", "production")
    declare_bad(workshop, "shop/site:2", Level.RELEASES)
    assert web(give(by(production))).instance.number == 1


@pytest.mark.parametrize("image", ["shop/site:1", "shop/site@production"])
def test_what_must_not_be_released_is_refused_with_its_line_until_it_is_reinstated(
    give: Give, workshop: Workshop, production: str, tmp_path: Path, image: str
) -> None:
    del production
    declare_bad(workshop, "shop/site:1", Level.RELEASES)
    with pytest.raises(RevokedError) as caught:
        give(by(image))
    assert caught.value.message.endswith("shop/site:1 is revoked: it leaks")
    assert caught.value.where == f"{tmp_path / 'shop' / 'compose.yaml'}:2"
    assert not workshop.fleet.every()
    reinstate(workshop, "shop/site:1")
    assert web(give(by(image))).instance.number == 1


def test_the_newest_version_is_refused_where_it_is_revoked(
    give: Give, workshop: Workshop, production: str
) -> None:
    """Nobody gets an older one without having said so: that is what channels are for."""
    del production
    declare_bad(workshop, "shop/site:3", Level.RELEASES)
    with pytest.raises(RevokedError, match="shop/site:3 is revoked"):
        give(by("shop/site"))


def test_what_is_revoked_for_something_else_is_released(
    give: Give, workshop: Workshop, production: str
) -> None:
    declare_bad(workshop, "shop/site:1", Level.BUILDS)
    assert web(give(by(production))).instance.number == 1


def test_an_unknown_channel_is_told_with_its_line_and_the_nearest_name(
    give: Give, production: str, tmp_path: Path
) -> None:
    del production
    with pytest.raises(NotFoundError) as caught:
        give(by("shop/site@prodction"))
    assert caught.value.where == f"{tmp_path / 'shop' / 'compose.yaml'}:2"
    assert "'production'" in caught.value.hint


# What cannot be


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("services: {web: {image: unknown}}", NotFoundError, "unknown"),
        ("services: {web_a: {image: web}, web-a: {image: web}}", InvalidInputError, "web-a"),
        (f"services: {{{'w' * 60}: {{image: web}}}}", InvalidInputError, "too long"),
        (
            "services: {web: {image: web, x-herdbook: {kind: vm, image: none}}}",
            NotFoundError,
            "none",
        ),
        (
            "services: {web: {image: web, x-herdbook: {image: web@stable}}}",
            NotFoundError,
            "no image 'web'",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    give: Give, workshop: Workshop, text: str, kind: type[HerdbookError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        give(text)
    assert not workshop.fleet.every()


def test_two_applications_whose_instances_would_be_called_the_same(give: Give) -> None:
    give("services: {b-c: {image: web}}", name="a")
    with pytest.raises(ConflictError):
        give("services: {c: {image: web}}", name="a-b")


def test_folders_that_are_mounted_are_made_as_compose_does(give: Give, tmp_path: Path) -> None:
    give("services: {web: {image: web, volumes: ['./data/x:/x']}}")
    assert (tmp_path / "shop" / "data" / "x").is_dir()


def test_a_folder_that_is_to_be_there_is_missed(give: Give, workshop: Workshop) -> None:
    mount = "{type: bind, source: ./data, target: /x, bind: {create_host_path: false}}"
    with pytest.raises(NotFoundError, match="data"):
        give(f"services: {{web: {{image: web, volumes: [{mount}]}}}}")
    assert not workshop.fleet.every()


def test_several_networks_share_the_applications_subnet(give: Give, workshop: Workshop) -> None:
    give(
        "x-herdbook: {subnet: 10.99.0.0/24}\nservices: {web: {image: web, networks: [a, b, c]}}\n"
        "networks: {a: , b: , c: }"
    )
    found = plans(workshop)
    assert {each.prefixlen for each in found.values()} == {26}
    assert len(set(found.values())) == 3
