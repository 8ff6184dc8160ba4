"""Which member gets which slot: what must hold whatever was wished before."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from herdbook.drivers.haproxy import config
from herdbook.drivers.haproxy.assigning import assign
from herdbook.drivers.haproxy.config import Surroundings
from herdbook.drivers.haproxy.layout import Layout, Place
from herdbook.fleet.balancing import Door, Member, MemberState

_DOORS = [Door("web", "127.0.0.1", 80, slots=1), Door("api", "127.0.0.1", 81, slots=2)]
_MEMBERS = st.lists(
    st.builds(
        Member,
        st.sampled_from(["one", "two", "three", "four", "five"]),
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        st.sampled_from([80, 81]),
        st.integers(0, 100),
        st.sampled_from(MemberState),
    ),
    max_size=5,
    unique_by=lambda member: member.instance,
)
_SURROUNDINGS = Surroundings(Path("/run/h.sock"), Path("/var/empty"), "haproxy", 100, 2)
_WISHES = st.lists(st.fixed_dictionaries({"web": _MEMBERS, "api": _MEMBERS}), max_size=8)


@given(_WISHES, st.data())
def test_whatever_was_wished_before(
    wishes: list[Mapping[str, Sequence[Member]]], data: st.DataObject
) -> None:
    """Just the wanted members are behind each door; a slot with sessions is nobody else's; whoever
    keeps an address keeps the slot; memberships have numbers of their own; a wish is done once."""
    layout = Layout().with_doors(_DOORS, "")
    numbers: dict[int, tuple[Place, str, str, int]] = {}
    for wish in wishes:
        leaving = sorted(layout.leaving())
        over = data.draw(st.sets(st.sampled_from(leaving))) if leaving else set()
        before = layout.freed(over)
        layout = assign(before, wish)
        for door, behind in wish.items():
            held = [slot.member for slot in layout.slots[door] if slot.member and not slot.leaving]
            assert sorted(map(repr, held)) == sorted(map(repr, behind))
        for place, slot in layout.places():
            if slot.member:
                whose = (place, slot.member.instance, slot.member.address, slot.member.port)
                assert numbers.setdefault(slot.membership, whose) == whose
        after = dict(layout.places())
        assert all(after[place] == slot for place, slot in before.places() if slot.leaving)
        assert assign(layout, wish) == layout


@given(_WISHES)
def test_a_configuration_says_what_it_was_made_from(
    wishes: list[Mapping[str, Sequence[Member]]],
) -> None:
    layout = Layout().with_doors(_DOORS, "")
    for wish in wishes:
        layout = assign(layout, wish)
    text = config.render(layout, _SURROUNDINGS)
    assert config.read(text) == layout
    assert config.read(text[:40]) is None
    assert config.read("") is None
