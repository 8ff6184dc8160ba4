"""A newer release of a Python package, within what a recipe asks for, is seen and carried on."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from product import Herdbook, herdbook_with
from tiny import Tiny

pytestmark = [pytest.mark.root, pytest.mark.archive]

PARENT = """\
image: shop/web
from: debian:bookworm
packages: [python3]
python: {requirements: requirements.txt}
variants: [container]
"""
CHILD = """\
image: shop/child
from: shop/web
files: [{from: hello.txt, to: /srv/hello.txt}]
variants: [container]
"""
OLD = "3.1.4"


@dataclass(frozen=True)
class Shop:
    """An image with an older Jinja2 than its recipe allows, and one that is made from it."""

    herdbook: Herdbook
    folder: Path

    @property
    def parent(self) -> Path:
        """The recipe with the requirements."""
        return self.folder / "web.yaml"

    def put_back(self) -> None:
        """Have the older Jinja2 in the lock again."""
        lock = json.loads(self.lock.read_text())
        lock["python"] = json.loads((self.folder / "older.json").read_text())
        self.lock.write_text(json.dumps(lock, indent=1))

    @property
    def lock(self) -> Path:
        """The lock of the recipe with the requirements."""
        return self.parent.with_suffix(".lock")


@pytest.fixture(scope="module")
def shop(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("python-campaign")
    shop = Shop(herdbook_with(tiny.state / "archive", folder / "state"), folder)
    shop.parent.write_text(PARENT)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"jinja2=={OLD}\n")
    shop.herdbook.must("lock", shop.parent)
    older = json.loads(shop.lock.read_text())["python"]
    (folder / "older.json").write_text(json.dumps(older))
    requirements.write_text("jinja2>=3.1\n")
    shop.herdbook.must("lock", shop.parent)
    shop.put_back()
    shop.herdbook.must("build", shop.parent)
    (folder / "child.yaml").write_text(CHILD)
    (folder / "hello.txt").write_text("hello\n")
    shop.herdbook.must("build", folder / "child.yaml")
    return shop


def test_what_the_ranges_allow_is_seen_and_carried_to_all_images(shop: Shop) -> None:
    """The environment is made anew, Debian's packages stay, and the image on top follows."""
    seen = shop.herdbook.json("watch", "--languages")["sightings"]
    (found,) = [each for each in seen if each["source"] == "jinja2"]
    assert found["held"] == [OLD]
    newest = found["available"]

    before = json.loads(shop.lock.read_text())
    shop.herdbook.must("campaign", "start", "jinja2", "--yes")
    after = json.loads(shop.lock.read_text())
    assert after["packages"] == before["packages"]
    versions = {each["name"]: each["version"] for each in after["python"]["wheels"]}
    assert versions["jinja2"] == newest != OLD

    for image in ("shop/web", "shop/child"):
        bill = json.loads(shop.herdbook.must("sbom", image))
        held = [each["version"] for each in bill["components"] if each["name"] == "jinja2"]
        assert held == [newest]
    for recipe in ("web.yaml", "child.yaml"):
        assert "is up to date" in shop.herdbook.must("build", shop.folder / recipe)


def test_an_older_lock_does_not_take_back_what_a_campaign_brought(shop: Shop) -> None:
    shop.put_back()
    result = shop.herdbook.run("build", shop.parent)
    assert result.returncode == 10
    assert "would take that back: jinja2 from" in " ".join(result.stderr.split())
    assert "herdbook lock" in result.stderr
