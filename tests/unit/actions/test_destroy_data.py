"""Data is destroyed on request alone, and only what is the application's own."""

from pathlib import Path

import pytest
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.destroy_data import destroy
from herdbook.actions.release_application import release_application
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.drivers.fake.volumes import FakeVolumes
from herdbook.recipes.model import Variant
from herdbook.rollouts.ports import Changes

TEXT = """
    services:
      web:
        image: web
        deploy: {replicas: 2}
        secrets: [s]
        volumes: [data:/data, shared:/shared, before:/before, ./here:/here]
      db: {image: db, deploy: {replicas: 2}, volumes: [db:/db], x-herdbook: {class: pet}}
    volumes: {data: , db: , shared: {name: shared}, before: {external: true}}
    secrets: {s: {file: s}}
"""
NAMES = ["shop_data", "shop_db", "shop_db-1", "shared", "before"]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = fleet_workshop(tmp_path / "state")
    application = composed(tmp_path / "shop", TEXT, files={"s": "hunter2"})
    release_application(made, MadeUpNetwork(), application)
    for name in NAMES:
        made.volumes[Variant.CONTAINER].make(name, 0)
    return made


def left(workshop: Workshop) -> set[str]:
    """Return the volumes that are there."""
    volumes = workshop.volumes[Variant.CONTAINER]
    assert isinstance(volumes, FakeVolumes)
    return {path.name for path in volumes.shelf.volumes}


def test_all_volumes_of_an_application_and_its_secrets_are_destroyed(
    workshop: Workshop, tmp_path: Path
) -> None:
    assert destroy(workshop, "shop") == ["shared", "shop_data", "shop_db", "shop_db-1"]
    [use] = workshop.fleet.releases("shop")[0].settings.by_name["web"].instance.secrets
    with pytest.raises(NotFoundError):
        workshop.vault.open("shop", "s", use.fingerprint)
    assert (tmp_path / "shop" / "here").is_dir()
    assert left(workshop) == {"before"}


@pytest.mark.parametrize("said", ["{name: shared}", "{external: true, name: shared}"])
def test_what_another_application_has_too_is_left(
    workshop: Workshop, tmp_path: Path, said: str
) -> None:
    text = f"services: {{x: {{image: web, volumes: ['v:/v']}}}}\nvolumes: {{v: {said}}}"
    release_application(workshop, MadeUpNetwork(), composed(tmp_path / "other", text))
    assert "shared" not in destroy(workshop, "shop")
    assert left(workshop) == {"before", "shared"}


def test_nothing_is_destroyed_while_something_stands(workshop: Workshop) -> None:
    workshop.fleet.record("shop", Changes(standing=1))
    with pytest.raises(ConflictError, match="still runs"):
        destroy(workshop, "shop")
    assert left(workshop) == set(NAMES)
