"""A register of many signed versions, all of them promoted, with the audit of all that was done."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from channel_images import whole_version
from pydantic import JsonValue
from register_copy import copy_register
from sqlalchemy import Engine, Table, insert, update
from version_batches import add_in_batches
from versions import MOMENT, digest

from herdbook.actions.set_rules import set_rules
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry, Record, following, sealed
from herdbook.catalogue.model import NewVersion
from herdbook.channels.model import Assignment, Way
from herdbook.channels.signing import PROMOTE, assignment_statement
from herdbook.core.progress import NoProgress
from herdbook.images import documents
from herdbook.images.documents import CONFIG, render
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings
from herdbook.store import channel_schema as schema
from herdbook.store.database import open_database

BUSY = "busy/web"
"""The image that has a tenth of all versions; each other one has a hundred."""

CHANNELS = ("testing", "production")
RECORDS_A_VERSION = 10
_VERSIONS_AN_IMAGE = 100
_AT_ONCE = 20_000
_RULES = "channels: [{channel: production, from: testing}]"


def opened(state: Path, url: str) -> Workshop:
    """Return the workshop on a register; nothing runs."""
    return replace(open_workshop(Settings(state, url), NoProgress()), engines={}, actor="bench")


@dataclass(frozen=True)
class Copied:
    """A register with the same content in another database, and a state of its own."""

    state: Path
    url: str
    versions: int


@dataclass
class SignedRegister:
    """A register that grows: every version is promoted to `testing`, and then to `production`."""

    state: Path
    url: str
    versions: int = 0

    def __post_init__(self) -> None:
        self.workshop = opened(self.state, self.url)
        self.engine: Engine = open_database(self.url)
        self._template = whole_version(self.workshop, "bench/template")
        self._numbers: dict[str, int] = {}
        self._places: dict[tuple[str, str], int] = {}
        rules = self.state / "rules.yaml"
        rules.write_text(_RULES)
        set_rules(self.workshop, rules)

    def grow(self, versions: int) -> None:
        """Fill it until it has so many versions, and ten records of the audit for each."""
        for each in self.workshop.channels.every():  # what was asked has moved some
            self._places[each.image, each.channel] = each.number
        while self.versions < versions:
            until = min(versions, self.versions + _AT_ONCE // RECORDS_A_VERSION)
            made = [self._next(number) for number in range(self.versions, until)]
            self.workshop.versions.add_all(new for number, new in made if number == 1)
            others = [each for each in made if each[0] > 1]
            add_in_batches(self.engine, self.workshop.keys, others)
            assignments = [
                assignment
                for number, new in made
                for channel in CHANNELS
                for assignment in [self._assignment(new, number, channel)]
            ]
            self._put(schema.assignments, [{**vars(each)} for each in assignments])
            self._move_heads(assignments)
            self._write_audit(assignments)
            self.versions = until

    def _next(self, position: int) -> tuple[int, NewVersion]:
        others = position - position // 10
        image = BUSY if position % 10 == 0 else f"team-{others // _VERSIONS_AN_IMAGE}/web"
        number = self._numbers[image] = self._numbers.get(image, 0) + 1
        layers = self._template.variants[0].layers
        seed = f"{image} {number}"
        config = render(
            CONFIG,
            {
                "created": MOMENT.isoformat(),
                "config": {"Env": [], "Labels": {}, "WorkingDir": "/", "User": "1000:1000"},
                "rootfs": {"type": "layers", "diff_ids": [each.digest for each in layers]},
                "seed": seed,
            },
        )
        manifest = documents.manifest(config, layers, {})
        index = documents.index([(manifest, {"io.herdbook.variant": "container"})])
        record = replace(self._template.variants[0], manifest=manifest.digest, config=config.digest)
        return number, replace(
            self._template,
            image=image,
            digest=index.digest,
            build_key=digest(f"inputs {seed}"),
            recipe=f"recipe {seed}",
            variants=(record,),
            documents=(index, manifest, config),
        )

    def _assignment(self, new: NewVersion, number: int, channel: str) -> Assignment:
        place = new.image, channel
        self._places[place] = self._places.get(place, 0) + 1
        made = Assignment(
            *place, self._places[place], number, new.digest, MOMENT, "bench", "", Way.PROMOTED
        )
        envelope = self.workshop.keys.sign(lambda _: assignment_statement(made))
        return replace(made, key=envelope.key, signature=envelope.signature)

    def _move_heads(self, assignments: Sequence[Assignment]) -> None:
        newest = {(each.image, each.channel): each.number for each in assignments}
        table = schema.channels
        with self.engine.begin() as connection:
            for (image, channel), number in newest.items():
                mine = update(table).where(table.c.image == image, table.c.channel == channel)
                if not connection.execute(mine.values(newest=number)).rowcount:
                    row = {"image": image, "channel": channel, "newest": number}
                    connection.execute(insert(table).values(**row))

    def _write_audit(self, assignments: Sequence[Assignment]) -> None:
        head, key = self.workshop.audit.head(), (self.state / "audit.key").read_bytes()
        records: list[Record] = []
        for entry in _entries(assignments):
            records.append(following(head, entry, MOMENT + timedelta(seconds=head.number)))
            head = head.model_copy(
                update={"number": records[-1].number, "digest": records[-1].digest}
            )
        self._put(schema.audit_records, [each.model_dump() for each in records])
        row = {**head.model_dump(), "seal": sealed(key, head)}
        with self.engine.begin() as connection:
            connection.execute(update(schema.audit_head).values(**row))

    def _put(self, table: Table, rows: Sequence[dict[str, object]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table), rows)

    def copied(self, state: Path, url: str) -> Copied:
        """Return it in a PostgreSQL: to fill that statement by statement takes an hour."""
        ignored = shutil.ignore_patterns("herdbook.db*")
        shutil.copytree(self.state, state, ignore=ignored)
        copy_register(self.url, url)
        return Copied(state, url, self.versions)


def _entries(assignments: Sequence[Assignment]) -> Iterator[Entry]:
    """Yield what was done: each promotion, and what people said of the version before it."""
    for each in assignments:
        details: dict[str, JsonValue] = {"version": each.version, "digest": each.digest}
        for number in range(RECORDS_A_VERSION // len(CHANNELS) - 1):
            about = {**details, "channel": each.channel, "said": f"looked at it, {number}"}
            subject = f"{each.image}:{each.version}"
            yield Entry(who=f"person{number}", verb="approve", subject=subject, details=about)
        more = {**details, "before": each.version - 1, "why": "", "followed": [], "proposal": 0}
        yield Entry(who="bench", verb=PROMOTE, subject=each.place, details=more)
