"""`x-herdbook` is read strictly, and what an application says holds for its services."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from jsonschema import Draft202012Validator

from herdbook.compose.model import Reading
from herdbook.compose.schedules import checked_schedule
from herdbook.compose.wish_reading import wishes_schema
from herdbook.compose.wishes import (
    DoorKind,
    Herding,
    Kind,
    OnDegrade,
    Percent,
    ServiceWishes,
    Strategy,
    WishedImage,
)
from herdbook.core.errors import InvalidInputError

Read = Callable[..., Reading]
FULL: dict[str, Any] = {
    "kind": "vm",
    "image": "shop/web@stable",
    "class": "pet",
    "strategy": "canary",
    "canary": {"instances": 2, "weight": 5, "analysis": "10m", "hold": "20%"},
    "bake": "5m",
    "settle": "2s",
    "drain": "30s",
    "deadline": "1m30s",
    "on_degrade": "freeze",
    "reversible": False,
    "budget": {"min_available": "80%"},
    "snapshot": {"before_update": True, "keep": 5},
    "backup": {"schedule": "0 3 * * *", "keep": 2, "to": "./backups"},
    "probe": {"http": "/health", "port": 8080, "interval": "500ms", "rise": 1, "fall": 5},
    "ingress": {"port": 80, "host": ["a.example", "b.example"], "certificate": "tls/a.pem"},
    "vm": {"cpus": 2, "memory": "1.5g", "disk": "10gb"},
}


def wishes(read: Read, said: object, top: object = None) -> ServiceWishes:
    file: dict[str, Any] = {"services": {"web": {"image": "web", "x-herdbook": said}}}
    if top is not None:
        file["x-herdbook"] = top
    return read(json.dumps(file)).application.services["web"].herdbook


def test_everything_is_read(read: Read) -> None:
    found = wishes(read, FULL)
    assert (found.kind, found.class_, found.strategy) == (Kind.VM, Herding.PET, Strategy.CANARY)
    assert found.image == WishedImage(name="shop/web", channel="stable")
    assert found.canary is not None
    assert (found.canary.weight, found.canary.analysis) == (5, 600)
    assert found.canary.hold == Percent(percent=20)
    assert (found.bake, found.settle, found.drain, found.deadline) == (300, 2, 30, 90)
    assert (found.on_degrade, found.reversible) == (OnDegrade.FREEZE, False)
    assert found.budget is not None
    assert found.budget.min_available == Percent(percent=80)
    assert found.snapshot is not None
    assert found.snapshot.keep == 5
    assert found.backup is not None
    assert found.backup.to.endswith("/shop/backups")
    assert found.probe is not None
    assert (found.probe.http, found.probe.interval, found.probe.fall) == ("/health", 0.5, 5)
    assert found.ingress is not None
    assert found.ingress.host == ("a.example", "b.example")
    assert found.ingress.certificate.endswith("/shop/tls/a.pem")
    assert found.vm is not None
    assert (found.vm.memory, found.vm.disk) == (3 << 29, 10 << 30)


def test_what_is_not_said_is_none_or_a_default(read: Read) -> None:
    found = wishes(read, {})
    assert (found.kind, found.class_) == (Kind.CONTAINER, Herding.CATTLE)
    assert (found.strategy, found.bake, found.on_degrade) == (Strategy.ROLLING, None, None)
    ingress = wishes(read, {"ingress": {"port": 80, "host": "a.example"}}).ingress
    assert ingress is not None
    assert (ingress.host, ingress.mode) == (("a.example",), DoorKind.HTTP)


def test_what_the_application_says_holds_where_a_service_says_nothing(read: Read) -> None:
    top = {"bake": "1m", "on_degrade": "notify", "strategy": "blue-green", "domain": "x.example"}
    found = wishes(read, {"bake": "2m"}, top)
    assert (found.bake, found.on_degrade) == (120, OnDegrade.NOTIFY)
    assert found.strategy is Strategy.BLUE_GREEN
    assert wishes(read, {"canary": {}}, top).strategy is Strategy.CANARY


def test_variables_may_stand_for_numbers_and_truths(read: Read) -> None:
    file = {
        "x-herdbook": {"subnet": "10.7.0.0/${BITS}"},
        "services": {"w": {"x-herdbook": {"image": "a:${N}", "reversible": "${R}"}}},
    }
    found = read(json.dumps(file), environment={"BITS": "24", "N": "7", "R": "false"}).application
    assert str(found.herdbook.subnet) == "10.7.0.0/24"
    assert found.services["w"].herdbook.image == WishedImage(name="a", number=7)
    assert not found.services["w"].herdbook.reversible


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ({"bke": "5m"}, "no key 'services.web.x-herdbook.bke'", "'bake'"),
        ({"canary": {"wieght": 5}}, "no key 'services.web.x-herdbook.canary.wieght'", "'weight'"),
        ({"budget": {"min": 1}}, "no key 'services.web.x-herdbook.budget.min'", "min_available"),
        ({"kind": "machine"}, "x-herdbook.kind: should be 'container' or 'vm'", ""),
        ({"class_": "pet"}, "no key", "'class'"),
        ({"bake": 5}, "a duration with its unit", ""),
        ({"bake": "5 minutes"}, "no duration", ""),
        ({"canary": {"weight": 0}}, "canary.weight: should be greater", ""),
        ({"canary": {"weight": True}}, "must be a number", ""),
        ({"canary": {"hold": "120%"}}, "canary.hold", ""),
        ({"budget": {"min_available": "most"}}, "budget.min_available: ", ""),
        ({"budget": {}}, "'services.web.x-herdbook.budget.min_available' is missing", ""),
        ({"image": "Shop"}, "NAME@CHANNEL", ""),
        ({"image": "shop:latest"}, "NAME@CHANNEL", ""),
        ({"probe": {}}, "asks one thing", ""),
        ({"probe": {"http": "/", "tcp": True}}, "asks one thing", ""),
        ({"probe": {"http": "health"}}, "probe.http", ""),
        ({"ingress": {}}, "'services.web.x-herdbook.ingress.port' is missing", ""),
        ({"ingress": {"port": 80, "host": "a b"}}, "ingress.host", ""),
        ({"ingress": {"port": 80, "mode": "tcp", "host": "a"}}, "tell nothing apart", ""),
        ({"vm": {"memory": "1g"}}, "write `kind: vm`", ""),
        ({"kind": "vm"}, "a VM needs one of Herdbook's images", "`herdbook build`"),
        ({"strategy": "rolling", "canary": {}}, "`strategy: canary`", ""),
        ({"backup": {"schedule": "61 * * * *", "to": "x"}}, "no minute of a cron line", ""),
        ({"backup": {"schedule": "*/00 * * * *", "to": "x"}}, "no minute of a cron line", ""),
        ({"backup": {"schedule": "daily", "to": "x"}}, "backup.schedule", ""),
        ({"backup": {"schedule": "8785h", "to": "x"}}, "a duration of up to a year", ""),
        ({"backup": {"schedule": f"{'9' * 400}h", "to": "x"}}, "a duration of up to a year", ""),
        ({"backup": {"schedule": "6h", "to": "s3://K:S@b"}}, "do not belong into an address", ""),
        ({"backup": {"schedule": "6h", "to": "s3://bucket?key=x"}}, "takes endpoint, region", ""),
        ("pet", "x-herdbook", ""),
    ],
)
def test_mistakes_are_refused_with_what_was_meant(
    read: Read, said: object, message: str, hint: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        wishes(read, said)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where.endswith("compose.yaml:1")


def test_a_mistake_is_told_with_its_line(read: Read) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read("x-herdbook:\n  domain: x\n  subnt: y\nservices:\n  w: {image: x}\n")
    assert caught.value.where.endswith("compose.yaml:3")
    assert "'subnet'" in caught.value.hint


def test_the_schema_for_editors_is_one_and_takes_what_we_take() -> None:
    schema = wishes_schema()
    Draft202012Validator.check_schema(schema)
    editor = Draft202012Validator(schema)
    top = {"bake": "1m", "subnet": "10.0.0.0/8"}
    assert not list(
        editor.iter_errors({"x-herdbook": top, "services": {"w": {"x-herdbook": FULL}}})
    )
    for wrong in ({"bke": "5m"}, {"kind": "machine"}, {"canary": {"weight": 101}}, {"bake": 5}):
        assert list(editor.iter_errors({"services": {"w": {"x-herdbook": wrong}}}))


@pytest.mark.parametrize("said", ["24h", "90m", "0 3 * * *", "*/5 0-6,22 1 1-12/3 7", "0 0 * * 0"])
def test_schedules_are_cron_or_durations(said: str) -> None:
    assert checked_schedule(said) == said


@settings(deadline=None)
@given(some.one_of(some.text(), some.text(some.sampled_from("0123456789*-/, hms"))))
def test_no_schedule_crashes(said: str) -> None:
    with suppress(ValueError):
        checked_schedule(said)
