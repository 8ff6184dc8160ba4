"""Reads and translates the text of a Compose file, as a release would."""

from pathlib import Path
from textwrap import dedent

import pytest
from fleet_images import OWN, Compose, OneService, Translate

from herdbook.compose.model import Application
from herdbook.compose.reading import read_application
from herdbook.fleet.applications import Component
from herdbook.fleet.translating import ImageFacts, Surroundings, component


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    """Return what reads an application from the text of its file."""

    def read(text: str) -> Application:
        path = tmp_path / "shop" / "compose.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return read_application([path], environment={}).application

    return read


@pytest.fixture
def service(compose: Compose) -> OneService:
    """Return what reads one service from what is said of it, in one line."""
    return lambda said: compose(f"services: {{web: {{image: web, {said}}}}}").services["web"]


@pytest.fixture
def translate(compose: Compose) -> Translate:
    """Return what translates a service from a whole file, or from what is said of it."""

    def one(said: str, image: ImageFacts = OWN, name: str = "web") -> Component:
        text = said if "services:" in said else f"services: {{web: {{image: web, {said}}}}}"
        application = compose(text)
        around = Surroundings(
            application,
            {key: f"print of {key}" for key in application.secrets},
            {key: f"text of {key}" for key in application.configs},
            {"web-80": 40080},
        )
        return component(application.services[name], image, around)

    return one
