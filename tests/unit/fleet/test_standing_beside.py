"""What cannot stand beside each other is refused before anything runs."""

import pytest
from fleet_images import FOREIGN, MACHINE, Compose
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.fleet.applications import Component, InstanceSpec, Settings
from herdbook.fleet.instances import check_name, host_label
from herdbook.fleet.standing_beside import (
    refuse_contradictions,
    refuse_names,
    refuse_same_names,
)
from herdbook.fleet.translating import Surroundings, component
from herdbook.recipes.model import Variant


@pytest.mark.parametrize(
    ("name", "label"),
    [("web", "web"), ("Web_Api", "web-api"), ("a.b", "a-b"), ("_x_", "x"), ("v1", "v1")],
)
def test_a_service_has_a_host_name(name: str, label: str) -> None:
    assert host_label(name) == label
    refuse_names("shop", [name])


@given(some.from_regex(r"[a-zA-Z0-9._-]{1,40}", fullmatch=True))
def test_a_name_is_refused_or_every_instance_can_be_called_after_it(name: str) -> None:
    try:
        refuse_names("shop", [name])
    except InvalidInputError:
        return
    check_name(f"shop-{host_label(name)}-9999-99999")


@pytest.mark.parametrize(
    ("application", "services"),
    [
        ("shop", ["web_api", "web-api"]),
        ("shop", ["web", "WEB"]),
        ("shop", ["_"]),
        ("a" * 30, ["b" * 21]),
        ("shop", ["b" * 60]),
    ],
)
def test_names_of_which_no_host_names_can_be_made_are_refused(
    application: str, services: list[str]
) -> None:
    with pytest.raises(InvalidInputError):
        refuse_names(application, services)


def _settings(application: str, *names: str) -> Settings:
    spec = InstanceSpec(
        variant=Variant.CONTAINER, image="a", number=0, digest=FOREIGN.digest, base=FOREIGN.base
    )
    made = tuple(Component(name=name, instance=spec) for name in names)
    return Settings(application=application, domain="x", components=made, networks=())


def test_instances_of_two_applications_are_never_called_the_same() -> None:
    """`a-b` with `c`, and `a` with `b-c`: one would be taken for the other."""
    with pytest.raises(ConflictError, match="b_c"):
        refuse_same_names(_settings("a-b", "c"), {"a": _settings("a", "b_c")})
    refuse_same_names(_settings("a-b", "c"), {"a": _settings("a", "b", "c")})


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        ("{image: a}", "{image: a}", False),
        ("{image: a}", "{image: a, x-herdbook: {kind: vm, image: a}}", True),
        (
            "{image: a, x-herdbook: {kind: vm, image: a}}",
            "{image: a, x-herdbook: {kind: vm, image: a}}",
            True,
        ),
        ("{image: a, x-herdbook: {class: pet}}", "{image: a}", False),
        ("{image: a, scale: 2, x-herdbook: {class: pet}}", "{image: a}", True),
    ],
)
def test_a_volume_is_shared_only_where_all_can_see_it(
    compose: Compose, one: str, other: str, *, refused: bool
) -> None:
    mount = "volumes: ['data:/data'], "
    one, other = (each.replace("{image", f"{{{mount}image", 1) for each in (one, other))
    settings = _translated(compose, f"services: {{a: {one}, b: {other}}}\nvolumes: {{data: }}")
    if refused:
        with pytest.raises(InvalidInputError, match="a and b cannot share"):
            refuse_contradictions(settings)
    else:
        refuse_contradictions(settings)


def test_one_service_may_see_a_volume_twice(compose: Compose) -> None:
    refuse_contradictions(
        _translated(
            compose,
            "services: {a: {image: a, volumes: ['data:/a', 'data:/b']}}\nvolumes: {data: }",
        )
    )


def test_two_secrets_are_not_found_under_one_name(compose: Compose) -> None:
    text = (
        "services: {a: {image: a, secrets: [{source: x, target: /a/key},"
        " {source: y, target: /b/key}]}}\nsecrets: {x: {file: x}, y: {file: y}}"
    )
    with pytest.raises(InvalidInputError, match="key"):
        refuse_contradictions(_translated(compose, text))


def test_a_volume_whose_name_is_none_is_refused(compose: Compose) -> None:
    with pytest.raises(InvalidInputError):
        refuse_contradictions(_translated(compose, "services: {a: {image: a, volumes: ['/a b']}}"))


def _translated(compose: Compose, text: str) -> Settings:
    application = compose(text)
    around = Surroundings(application, dict.fromkeys(application.secrets, "f"))
    made = tuple(
        component(each, MACHINE if each.herdbook.kind == "vm" else FOREIGN, around)
        for each in application.services.values()
    )
    return Settings(application="shop", domain="x", components=made, networks=())
