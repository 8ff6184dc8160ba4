"""The promises of the port Herd, proven on every kind of database."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import herds
import pytest
from herds import MOMENT, bill, built, digest, move_of, openssl, proof, release_date
from sqlalchemy import Engine, func, insert, inspect, select, update

from herdbook.campaigns.ports import ImageClass, Member
from herdbook.catalogue.holders import ComponentQuery
from herdbook.catalogue.model import NewVersion, Variant, Version
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.images.documents import created_of
from herdbook.images.rebasing import Rebase
from herdbook.store import schema
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.components import SqlComponents
from herdbook.store.herd import SqlHerd
from herdbook.store.packing import pack_documents
from herdbook.store.versions import SqlVersions

OLD = [openssl(1).digest]
MANY_STACKS = {"sqlite": 70_000, "postgresql": 17_000}
"""Four times as many parameters are too many for one statement."""

KILLED = """
import os, signal, sys
from sqlalchemy import event
from herds import MOMENT, moves_of
from herdbook.store.database import open_database
from herdbook.store.herd import SqlHerd

def stop(*arguments):
    if sys.argv[2] in arguments[2]:
        os.kill(os.getpid(), signal.SIGKILL)

engine = open_database(sys.argv[1])
herd = SqlHerd(engine)
moves = moves_of(herd)
event.listen(engine, "after_cursor_execute", stop)
herd.rebase(1, moves, now=MOMENT, limit=100)
"""


@dataclass
class Register:
    """A database with an open campaign, and all that speaks of it."""

    engine: Engine
    versions: SqlVersions = field(init=False)
    herd: SqlHerd = field(init=False)
    campaigns: SqlCampaigns = field(init=False)
    number: int = field(init=False)

    def __post_init__(self) -> None:
        self.versions = SqlVersions(self.engine)
        self.herd = SqlHerd(self.engine)
        self.campaigns = SqlCampaigns(self.engine)
        self.number = self.campaigns.open(herds.new_campaign())[0].number

    def add(self, *new: NewVersion) -> None:
        self.versions.add_all(new)

    def newest(self, image: str) -> Version:
        found = self.versions.find(image)
        assert found is not None
        return found

    def only_class(self) -> ImageClass:
        (found,) = self.herd.classes(OLD)
        return found

    def rebase(
        self,
        *classes: ImageClass,
        limit: int = 100,
        first: Sequence[str] = (),
        now: datetime = MOMENT,
    ) -> int:
        moves = [move_of(each) for each in classes]
        return self.herd.rebase(self.number, moves, now=now, limit=limit, first=first)

    def numbers(self) -> dict[str, int]:
        return {each.name: each.number for each in self.versions.images()}

    def count(self, table: str) -> int:
        query = select(func.count()).select_from(schema.metadata.tables[table])
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())


@pytest.fixture
def register(engine: Engine) -> Register:
    return Register(engine)


def test_images_of_one_lock_and_the_same_layers_are_a_class(register: Register) -> None:
    register.add(*(built(name, 3) for name in "ab"), built("c", 4))
    classes = {each.lock: each for each in register.herd.classes(OLD)}
    assert {lock: each.images for lock, each in classes.items()} == {
        herds.lock_text(3, 1): 2,
        herds.lock_text(4, 1): 1,
    }
    found = classes[herds.lock_text(3, 1)]
    assert found.layers == {
        variant: tuple(herds.common_layers(3, 1, variant)) for variant in herds.BOTH
    }
    assert (found.opaque, found.allowed, found.complete) == (False, True, True)


@pytest.mark.parametrize("kind", list(Variant))
def test_a_class_of_one_variant_has_the_layers_of_that_one(
    register: Register, kind: Variant
) -> None:
    register.add(built("a", variants=[kind]), built("b"))
    found = {tuple(each.layers): each.images for each in register.herd.classes(OLD)}
    assert found == {(kind,): 1, herds.BOTH: 1}


def test_another_lock_of_the_same_layers_is_another_class(register: Register) -> None:
    register.add(built("a"), replace(built("b"), lock="0 1 other lock"))
    assert len(register.herd.classes(OLD)) == 2


def test_a_class_says_what_its_images_allow_and_what_is_known_of_them(register: Register) -> None:
    register.add(
        built("plain"),
        built("opaque", opaque=True),
        replace(built("never"), may_rebase=False),
        replace(built("older"), wishes=None),
    )
    told = {
        next(register.herd.members(each)).image: (each.opaque, each.allowed, each.complete)
        for each in register.herd.classes(OLD)
    }
    assert told == {
        "plain": (False, True, True),
        "opaque": (True, True, True),
        "never": (False, False, True),
        "older": (False, True, False),
    }


def test_a_step_in_one_variant_makes_a_class_opaque(register: Register) -> None:
    new = built("a")
    machine = new.variants[1]
    steps = replace(machine.layers[-1], inputs=digest("steps"))
    marked = replace(machine, layers=(*machine.layers[:-1], steps))
    register.add(replace(new, variants=(new.variants[0], marked)))
    assert register.only_class().opaque


def test_classes_are_those_of_the_newest_versions_with_one_of_the_layers(
    register: Register,
) -> None:
    """A version that was followed by a patched one does not count, nor do layers nobody has."""
    register.add(built("a"), built("a", release=2), built("b"), built("c", 5, 3))
    assert [each.images for each in register.herd.classes(OLD)] == [1]
    both = register.herd.classes([*OLD, openssl(3).digest])
    assert sorted(each.lock for each in both) == [herds.lock_text(0, 1), herds.lock_text(5, 3)]
    assert register.herd.classes([digest("nobody's")]) == []
    assert register.herd.classes([]) == []


def test_a_layer_in_what_is_an_images_own_counts_too(register: Register) -> None:
    """Versions of older schemas have all their layers there; so has what came with files."""
    new = built("a")
    alone = tuple(replace(each, common=0) for each in new.variants)
    register.add(replace(new, variants=alone), built("b", 1))
    found = [each.image for of in register.herd.classes(OLD) for each in register.herd.members(of)]
    assert sorted(found) == ["a", "b"]


def test_the_key_of_an_image_is_that_of_its_class(register: Register) -> None:
    register.add(built("a"), built("b", opaque=True), built("c", variants=[Variant.VM]))
    for each in register.herd.classes(OLD):
        (member,) = register.herd.members(each)
        assert register.herd.key(member.image) == each.key
    assert register.herd.key("d") is None


def test_an_image_whose_versions_are_gone_has_no_key(register: Register) -> None:
    register.add(built("a"))
    register.versions.forget([register.newest("a")])
    assert register.herd.key("a") is None
    assert register.herd.classes(OLD) == []


def test_members_are_told_by_name_with_what_they_were_built_from(register: Register) -> None:
    register.add(built("b"), built("a"), built("a", 9), built("a"))
    register.add(replace(built("c"), home=""), built("d", opaque=True))
    (of,) = (each for each in register.herd.classes(OLD) if not each.opaque)
    home = "/srv/0/catalogue.yaml"
    assert list(register.herd.members(of)) == [
        Member("a", 3, home, digest("wishes", "a")),
        Member("b", 1, home, digest("wishes", "b")),
        Member("c", 1, "", digest("wishes", "c")),
    ]


def test_members_of_which_no_wishes_are_known_are_told_too(register: Register) -> None:
    register.add(replace(built("a"), wishes=None))
    assert list(register.herd.members(register.only_class())) == [
        Member("a", 1, "/srv/0/catalogue.yaml", None)
    ]


@pytest.mark.parametrize("variants", [herds.BOTH, [Variant.CONTAINER], [Variant.VM]])
def test_a_rebased_version_is_what_a_build_would_make(
    register: Register, variants: Sequence[Variant]
) -> None:
    register.add(built("a", variants=variants))
    assert register.rebase(register.only_class()) == 1
    found, wanted = register.newest("a"), built("a", release=2, variants=variants)
    assert (found.number, found.digest, found.build_key) == (2, wanted.digest, wanted.build_key)
    assert (found.lock, found.recipe) == (wanted.lock, wanted.recipe)
    assert found.variants == wanted.variants
    assert (found.wishes, found.home) == (wanted.wishes, wanted.home)
    before = register.versions.find("a", 1)
    assert before is not None
    assert before.digest == built("a", variants=variants).digest


def test_documents_are_what_a_rebase_renders_and_are_found_by_digest(register: Register) -> None:
    register.add(*(built(name) for name in "abc"))
    move = move_of(register.only_class())
    register.rebase(move.of)
    for name in "abc":
        old, wanted = built(name).documents, built(name, release=2).documents
        made = Rebase(move.replaced, move.floor).of(old).documents
        assert {each.digest for each in made} == {each.digest for each in wanted}
        for document in (*old, *made):
            assert register.versions.document(document.digest) == document


def test_a_rebased_version_is_rebased_again(register: Register) -> None:
    """Its documents are packed against another's, and are read before they are made anew."""
    register.add(*(built(name) for name in "ab"))
    register.rebase(register.only_class())
    (again,) = register.herd.classes([openssl(2).digest])
    assert register.rebase(again) == 2
    wanted = built("b", release=3)
    found = register.newest("b")
    assert (found.number, found.digest, found.variants) == (3, wanted.digest, wanted.variants)
    for document in wanted.documents:
        assert register.versions.document(document.digest) == document
    assert register.herd.classes([*OLD, openssl(2).digest]) == []


def test_documents_say_no_time_before_the_floor_and_keep_a_later_one(register: Register) -> None:
    late = replace(built("a", release=1), build_key=digest("late"))
    register.add(late)
    of = register.only_class()
    move = replace(move_of(of), floor=release_date(0))
    register.herd.rebase(register.number, [move], now=MOMENT, limit=1)
    config = register.versions.document(register.newest("a").variants[0].config)
    assert created_of(config) == release_date(1)


@pytest.mark.parametrize("hours", [0, 5])
def test_the_moment_of_a_rebase_is_kept_in_utc(register: Register, hours: int) -> None:
    register.add(built("a"))
    zone = timezone(timedelta(hours=hours))
    register.rebase(register.only_class(), now=MOMENT.astimezone(zone))
    assert register.newest("a").created_at == MOMENT


def test_numbers_go_on_even_where_the_newest_version_is_forgotten(register: Register) -> None:
    register.add(built("a"), built("a", 7), built("b"))
    register.versions.forget([register.newest("a")])
    assert register.rebase(register.only_class()) == 2
    assert register.numbers() == {"a": 3, "b": 2}
    assert register.versions.add(built("a", 7)).number == 4
    assert [each.before for each in register.campaigns.followers(register.number)] == [1, 1]


def test_what_a_recipe_allows_stays_as_it_was(register: Register) -> None:
    register.add(replace(built("a"), may_rebase=False))
    register.rebase(register.only_class())
    (found,) = register.herd.classes([openssl(2).digest])
    assert not found.allowed


def test_layers_of_an_images_own_keep_their_marks(register: Register) -> None:
    register.add(built("a", opaque=True))
    register.rebase(register.only_class())
    assert register.newest("a").variants == built("a", release=2, opaque=True).variants


def test_titles_are_the_same_in_the_register_and_in_the_documents(register: Register) -> None:
    """Two classes may name a layer of the same bytes differently; it is replaced once for both."""
    register.add(built("a"))
    move = move_of(register.only_class())
    named = {old: replace(new, title="another's name") for old, new in move.replaced.items()}
    register.herd.rebase(register.number, [replace(move, replaced=named)], now=MOMENT, limit=1)
    found = register.newest("a")
    assert found.digest == built("a", release=2).digest
    assert [each.title for each in found.variants[0].layers] == [
        each.title for each in built("a", release=2).variants[0].layers
    ]


def test_who_holds_a_component_is_answered_for_rebased_versions(register: Register) -> None:
    register.add(built("a"), built("b", 1), built("c", opaque=True))
    register.rebase(*(each for each in register.herd.classes(OLD) if not each.opaque))
    components = SqlComponents(register.engine)
    held = {}
    for release in (1, 2):
        found = dict(components.matching(ComponentQuery("openssl", version=f"3.0.{release}")))
        layers = {use.layer for use in components.uses(found)}
        held[release] = sorted(each.label for each in components.holders(layers))
    assert held == {1: ["c:1"], 2: ["a:2", "b:2"]}
    assert components.bills([openssl(2).digest]) == [bill(2)]


def test_a_rebased_version_is_made_from_the_version_below_that_it_names(
    register: Register,
) -> None:
    register.add(built("below", 1))
    register.add(replace(built("a"), parent=("below", 1)))
    register.add(built("below", 1, 2))
    (of,) = (each for each in register.herd.classes(OLD) if each.lock == herds.lock_text(0, 1))
    move = replace(move_of(of), parent=("below", 2))
    register.herd.rebase(register.number, [move], now=MOMENT, limit=1)
    assert register.versions.children("below", 1) == [("a", 1)]
    assert register.versions.children("below", 2) == [("a", 2)]


def test_no_more_than_the_limit_follow_at_once_until_none_is_left(register: Register) -> None:
    register.add(*(built(f"{group}-{each}", group) for group in range(3) for each in range(3)))
    classes = register.herd.classes(OLD)
    assert [register.rebase(*classes, limit=4) for _ in range(4)] == [4, 4, 1, 0]
    assert set(register.numbers().values()) == {2}
    assert register.rebase(*classes, limit=0) == 0
    assert register.rebase(limit=4) == 0


def test_images_that_run_come_first_within_their_class(register: Register) -> None:
    register.add(*(built(name) for name in "abcdef"))
    of = register.only_class()
    assert register.rebase(of, limit=3, first=["e", "c", "not here"]) == 3
    numbers = register.numbers()
    assert (numbers["c"], numbers["e"]) == (2, 2)
    assert sorted(numbers.values()) == [1, 1, 1, 2, 2, 2]
    assert register.rebase(of, limit=1, first=["f", "d"]) == 1
    assert {register.numbers()[name] for name in "df"} == {1, 2}
    assert register.rebase(of, limit=100, first="abcdef") == 2


def test_more_may_come_first_than_a_database_takes_in_one_question(register: Register) -> None:
    register.add(*(built(name) for name in "ab"))
    names = [*(f"a{each}" for each in range(1200)), "b"]
    assert register.rebase(register.only_class(), limit=1, first=names) == 1
    assert register.numbers() == {"a": 1, "b": 2}


def test_what_was_built_meanwhile_is_no_member_and_stays(register: Register) -> None:
    register.add(*(built(name) for name in "abcde"))
    of = register.only_class()
    register.add(built("a", release=2), built("b", opaque=True), built("c", 8))
    register.add(replace(built("d"), may_rebase=False))
    assert register.rebase(of) == 1
    assert register.numbers() == {"a": 2, "b": 2, "c": 2, "d": 2, "e": 2}
    assert [each.image for each in register.campaigns.followers(register.number)] == ["e"]


def test_a_class_that_is_gone_means_no_other_one_later(register: Register) -> None:
    """Its rows are gone, and what takes their place is not taken for them."""
    register.add(built("a"))
    of = register.only_class()
    register.versions.forget([register.newest("a")])
    register.add(built("b", 1))
    assert list(register.herd.members(of)) == []
    assert register.rebase(of) == 0
    assert register.newest("b").digest == built("b", 1).digest


def test_versions_say_what_made_them_and_why(register: Register) -> None:
    register.add(built("a"), built("b", 1), built("b", 1, 3))
    register.rebase(*register.herd.classes(OLD))
    found = register.campaigns.cause("a", 2)
    assert found is not None
    assert found.campaign == register.campaigns.find(register.number)
    assert (found.proof, found.before) == (proof("group 0 fits"), 1)
    assert register.campaigns.cause("a", 1) is None
    assert register.campaigns.cause("b", 2) is None
    assert register.campaigns.cause("c", 1) is None


@pytest.mark.parametrize("table", ["versions", "version_contents", "variants", "version_causes"])
def test_a_rebase_that_is_killed_half_way_has_changed_nothing(
    register: Register, database_url: str, table: str
) -> None:
    """It is killed when the second of two classes is partly written, and does all when repeated."""
    register.add(*(built(f"{group}-{each}", group) for group in range(2) for each in range(3)))
    before = register.versions.every()
    environment = {"PYTHONPATH": str(Path(herds.__file__).parent)}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, database_url, f"INSERT INTO {table}"],
        env=environment,
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert register.versions.every() == before
    assert [register.count(name) for name in ("dictionaries", "proofs", "version_causes")] == [
        *(0, 0, 0)
    ]
    assert register.rebase(*register.herd.classes(OLD)) == 6
    assert set(register.numbers().values()) == {2}


def test_two_that_rebase_at_once_give_no_image_two_versions(
    register: Register, database_url: str
) -> None:
    register.add(*(built(f"{each:02}") for each in range(40)))
    program = (
        "import sys\n"
        "from herds import *\n"
        "from herdbook.store.database import open_database\n"
        "from herdbook.store.herd import SqlHerd\n"
        "herd = SqlHerd(open_database(sys.argv[1]))\n"
        "moves = moves_of(herd)\n"
        "print(sum(iter(lambda: herd.rebase(1, moves, now=MOMENT, limit=3), 0)))\n"
    )
    environment = {"PYTHONPATH": str(Path(herds.__file__).parent)}
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    done = [int(each.communicate()[0]) for each in programs]
    assert sum(done) == 40
    assert set(register.numbers().values()) == {2}


def test_versions_that_a_campaign_made_are_forgotten_with_all_about_them(
    register: Register,
) -> None:
    """What they were packed against is kept as long as one of them is."""
    register.add(*(built(name) for name in "ab"))
    register.rebase(register.only_class())
    register.versions.forget([register.newest("a")])
    assert register.newest("a").number == 1
    assert register.campaigns.cause("a", 2) is None
    wanted = built("b", release=2)
    assert register.versions.document(wanted.digest) == wanted.documents[0]
    assert [register.count(name) for name in ("dictionaries", "version_causes")] == [1, 1]
    register.versions.forget([register.newest("b")])
    assert [register.count(name) for name in ("dictionaries", "version_causes")] == [0, 0]
    with pytest.raises(NotFoundError):
        register.versions.document(wanted.digest)
    assert SqlComponents(register.engine).known([openssl(2).digest]) == set()
    assert register.campaigns.followers(register.number) == []
    assert register.rebase(register.only_class()) == 2
    assert register.numbers() == {"a": 3, "b": 3}


def test_a_follower_stays_whole_when_the_version_before_it_is_forgotten(
    register: Register,
) -> None:
    register.add(built("a"))
    register.rebase(register.only_class())
    first = register.versions.find("a", 1)
    assert first is not None
    register.versions.forget([first])
    wanted = built("a", release=2)
    found = register.newest("a")
    assert (found.number, found.variants, found.home) == (2, wanted.variants, wanted.home)
    assert [register.versions.document(each.digest) for each in wanted.documents] == [
        *wanted.documents
    ]
    (follower,) = register.campaigns.followers(register.number)
    assert (follower.image, follower.number, follower.before) == ("a", 2, 1)
    assert register.campaigns.cause("a", 2) is not None


def test_homes_are_forgotten_with_the_last_version_from_there(register: Register) -> None:
    register.add(built("a"), built("b", 1))
    register.versions.forget([register.newest("a")])
    assert register.count("homes") == 1
    assert register.newest("b").home == "/srv/1/catalogue.yaml"


def test_whatever_rows_point_at_is_looked_up_by_an_index(register: Register) -> None:
    """Forgetting asks for every shared row whether anything points at it still."""
    found = inspect(register.engine)
    for name, table in schema.metadata.tables.items():
        beginnings = {each["column_names"][0] for each in found.get_indexes(name)}
        beginnings |= {each["column_names"][0] for each in found.get_unique_constraints(name)}
        beginnings |= set(found.get_pk_constraint(name)["constrained_columns"][:1])
        assert beginnings >= {key.parent.name for key in table.foreign_keys}, name


def test_more_stacks_may_hold_a_layer_than_a_database_takes_in_one_question(
    register: Register,
) -> None:
    """Every image has a list of its own; here all but one of the lists are nobody's newest."""
    register.add(built("a"))
    with register.engine.begin() as connection:
        layer = connection.execute(
            select(schema.layers.c.id).where(schema.layers.c.digest == OLD[0])
        ).scalar_one()
        numbers = range(100, MANY_STACKS[connection.dialect.name])
        stacks = [{"id": each, "key": digest("stack", each)} for each in numbers]
        connection.execute(insert(schema.stacks), stacks)
        places = {"position": 0, "layer_id": layer, "title": "openssl"}
        connection.execute(
            insert(schema.stack_layers), [{"stack_id": each, **places} for each in numbers]
        )
    assert register.only_class().images == 1


def test_more_layers_may_be_asked_for_than_a_database_takes_in_one_question(
    register: Register,
) -> None:
    register.add(built("a"), built("b", 1, 2))
    with register.engine.begin() as connection:
        many = [{"digest": digest("layer", each), "size": 1} for each in range(70_000)]
        connection.execute(insert(schema.layers), many)
    layers = [*(digest("layer", each) for each in range(70_000)), *OLD, openssl(2).digest]
    assert [each.images for each in register.herd.classes(layers)] == [1, 1]


def test_an_image_that_holds_the_layers_in_several_lists_counts_once(register: Register) -> None:
    new = built("a")
    container, machine = new.variants
    own = replace(machine, common=0)
    both = [openssl(1).digest, *(each.layers[-1].digest for each in new.variants)]
    register.add(replace(new, variants=(container, own)), built("b", 1))
    counted = {each.lock: each.images for each in register.herd.classes(both)}
    assert counted == {herds.lock_text(0, 1): 1, herds.lock_text(1, 1): 1}


def damage(register: Register, image: str, documents: bytes) -> None:
    contents = schema.version_contents
    newest = select(schema.images.c.newest_id).where(schema.images.c.name == image)
    with register.engine.begin() as connection:
        connection.execute(
            update(contents)
            .where(contents.c.version_id == newest.scalar_subquery())
            .values(documents=documents)
        )


@pytest.mark.parametrize(
    "documents",
    [
        b"damaged",
        pack_documents([]),
        pack_documents(built("b").documents[1:]),
        pack_documents(built("other").documents),
    ],
)
def test_damaged_documents_are_told_before_anything_is_written(
    register: Register, documents: bytes
) -> None:
    """Other classes go on without the one of that image."""
    register.add(*(built(name) for name in "abc"), built("d", 1))
    one, other = sorted(register.herd.classes(OLD), key=lambda each: each.lock)
    damage(register, "b", documents)
    before = register.versions.every()
    with pytest.raises(VerificationError, match="The documents of b:1 are damaged"):
        register.rebase(other, one)
    assert register.versions.every() == before
    assert [register.count(name) for name in ("dictionaries", "proofs", "stacks")] == [*(0, 0, 8)]
    assert register.rebase(other) == 1
    register.versions.forget([register.newest("b")])
    assert register.rebase(one) == 2


def test_documents_whose_dictionary_is_damaged_are_told_too(register: Register) -> None:
    register.add(built("a"))
    register.rebase(register.only_class())
    with register.engine.begin() as connection:
        connection.execute(update(schema.dictionaries).values(content=b"damaged"))
    with pytest.raises(VerificationError, match="The documents of a:2 are damaged"):
        register.rebase(*register.herd.classes([openssl(2).digest]))
