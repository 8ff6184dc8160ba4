"""However often a campaign is killed, it ends where one that was never disturbed ends."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import herds
from herds import MOMENT, built, new_campaign, rebase_all

from herdbook.campaigns.model import Campaign, CampaignState, Proof
from herdbook.core.digests import Digest
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.database import open_database
from herdbook.store.herd import SqlHerd
from herdbook.store.versions import SqlVersions

IMAGES = 200
CLASSES = 10
AT_ONCE = 7
TIMES = 200 if os.environ.get("HERDBOOK_CRASHES") == "long" else 20

WORKS = f"""
import sys
from herds import MOMENT, rebase_all
from herdbook.campaigns.model import CampaignState
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.database import open_database
from herdbook.store.herd import SqlHerd

engine = open_database(sys.argv[1])
campaigns = SqlCampaigns(engine)
print("begins", flush=True)
for _ in rebase_all(campaigns, SqlHerd(engine), 1, limit={AT_ONCE}):
    pass
campaigns.move(1, CampaignState.DONE, MOMENT)
print("done", flush=True)
"""


class Kept(NamedTuple):
    """What is left of a version when all is over, and what made it."""

    image: str
    number: int
    digest: Digest
    build_key: Digest
    cause: tuple[int, int, Proof] | None


@dataclass(frozen=True)
class Register:
    """A register in a folder of its own, opened for each look at it alone."""

    folder: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/herdbook.db"

    def fill(self) -> None:
        engine = open_database(self.url)
        names = (f"{each % CLASSES}/{each:03}" for each in range(IMAGES))
        SqlVersions(engine).add_all(built(name, int(name[0])) for name in names)
        SqlCampaigns(engine).open(new_campaign())
        engine.dispose()

    def copy(self, folder: Path) -> "Register":
        shutil.copytree(self.folder, folder)
        return Register(folder)

    def program(self) -> "subprocess.Popen[str]":
        """Begin to work at the campaign in a process of its own."""
        environment = {"PYTHONPATH": str(Path(herds.__file__).parent)}
        begun = subprocess.Popen(
            [sys.executable, "-c", WORKS, self.url],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert begun.stdout is not None
        assert begun.stdout.readline() == "begins\n"
        return begun

    def finish(self) -> int:
        """Work at the campaign to its end, and return how many images had not yet followed."""
        engine = open_database(self.url)
        campaigns = SqlCampaigns(engine)
        left = sum(rebase_all(campaigns, SqlHerd(engine), 1, limit=AT_ONCE))
        campaigns.move(1, CampaignState.DONE, MOMENT)
        engine.dispose()
        return left

    def kept(self) -> list[Kept]:
        engine = open_database(self.url)
        campaigns = SqlCampaigns(engine)
        followers = campaigns.followers(1)
        proofs = {number: campaigns.proof(number) for number in {each.proof for each in followers}}
        causes = {
            (each.image, each.number): (1, each.before, proofs[each.proof]) for each in followers
        }
        versions = SqlVersions(engine)
        found = [
            Kept(
                *(each.image, each.number, each.digest, each.build_key),
                causes.get((each.image, each.number)),
            )
            for each in versions.every()
        ]
        for each in found[:: IMAGES // 10]:
            assert versions.document(each.digest).digest == each.digest
        engine.dispose()
        return found

    def campaign(self) -> Campaign:
        engine = open_database(self.url)
        found = SqlCampaigns(engine).find(1)
        engine.dispose()
        assert found is not None
        return found


def test_a_campaign_that_is_killed_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    """It is killed at any moment, between transactions and within them, and run to its end."""
    begun = Register(tmp_path / "begun")
    begun.folder.mkdir()
    begun.fill()
    undisturbed = begun.copy(tmp_path / "undisturbed")
    with undisturbed.program() as program:
        started = time.monotonic()
        assert program.communicate()[0] == "done\n"
        seconds = time.monotonic() - started
    wanted, campaign = undisturbed.kept(), undisturbed.campaign()
    assert campaign.state is CampaignState.DONE
    assert len(wanted) == 2 * IMAGES
    assert sum(each.cause is not None for each in wanted) == IMAGES
    chance, half_way = random.Random(5), 0  # noqa: S311 - no secret
    for number in range(TIMES):
        register = begun.copy(tmp_path / "killed")
        with register.program() as program:
            time.sleep(chance.uniform(0, seconds))
            program.send_signal(signal.SIGKILL)
        left = register.finish()
        half_way += 0 < left < IMAGES
        assert left in (0, IMAGES) or left % AT_ONCE == IMAGES % AT_ONCE, "a transaction was torn"
        assert register.kept() == wanted, f"the campaign killed for the {number}th time"
        assert register.campaign() == campaign
        shutil.rmtree(register.folder)
    assert half_way > TIMES // 4, "hardly any was killed while it worked"


def test_a_campaign_that_is_killed_again_and_again_still_ends_there(tmp_path: Path) -> None:
    begun = Register(tmp_path / "begun")
    begun.folder.mkdir()
    begun.fill()
    undisturbed = begun.copy(tmp_path / "undisturbed")
    undisturbed.finish()
    chance = random.Random(7)  # noqa: S311 - no secret
    for _ in range(max(5, TIMES // 10)):
        with begun.program() as program:
            time.sleep(chance.uniform(0, 0.05))
            program.send_signal(signal.SIGKILL)
    if begun.campaign().state is CampaignState.RUNNING:
        begun.finish()
    assert begun.kept() == undisturbed.kept()
    assert begun.campaign() == undisturbed.campaign()
