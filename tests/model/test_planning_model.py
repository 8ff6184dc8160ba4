"""Whatever a catalogue holds and however it grows, its layer plan keeps what it promises."""

from hypothesis import given
from hypothesis import strategies as st

from herdbook.layers.covering import Layer, cover
from herdbook.layers.planning import ALWAYS_APART, Candidate, plan_layers

NAMES = [f"p{number}" for number in range(18)]
RATES = st.sampled_from([0.0, 0.0, 0.1, 0.5, 3.0, 12.0, ALWAYS_APART])
MEMBERS = st.dictionaries(
    st.sampled_from([f"image-{number}" for number in range(9)]),
    st.sets(st.sampled_from(NAMES), min_size=1),
    min_size=1,
)


@st.composite
def packages(draw: st.DrawFn) -> dict[str, Candidate]:
    sources = {
        f"s{number}": draw(RATES) for number in range(draw(st.integers(min_value=1, max_value=9)))
    }
    found = {}
    for name in NAMES:
        source = draw(st.sampled_from(sorted(sources)))
        size = draw(st.integers(min_value=1_000, max_value=60_000_000))
        found[name] = Candidate(name, source, size, sources[source])
    return found


@given(members=MEMBERS, candidates=packages(), most=st.integers(min_value=2, max_value=12))
def test_every_image_is_covered_by_whole_layers_within_the_limit(
    members: dict[str, set[str]], candidates: dict[str, Candidate], most: int
) -> None:
    plan = plan_layers(members, candidates, most=dict.fromkeys(members, most))
    for names in members.values():
        covered = cover(plan, names, most)
        assert not covered.uncovered
        assert len(covered.layers) <= most
        held = [name for layer in covered.layers for name in layer.packages]
        assert sorted(held) == sorted(names)
    assert len({layer.name for layer in plan}) == len(plan)


@given(first=MEMBERS, later=MEMBERS, candidates=packages(), most=st.integers(2, 12))
def test_a_later_image_moves_no_package_of_an_earlier_one(
    first: dict[str, set[str]],
    later: dict[str, set[str]],
    candidates: dict[str, Candidate],
    most: int,
) -> None:
    plan: list[Layer] = list(plan_layers(first, candidates, most=dict.fromkeys(first, most)))
    before = {name: cover(plan, held, most) for name, held in first.items()}
    members = {**first, **{f"later {name}": held for name, held in later.items()}}
    grown = [*plan, *plan_layers(members, candidates, plan, dict.fromkeys(members, most))]
    assert {name: cover(grown, held, most) for name, held in first.items()} == before
    assert not any(cover(grown, held, most).uncovered for held in members.values())


@given(members=MEMBERS, candidates=packages())
def test_the_order_in_which_images_are_named_makes_no_difference(
    members: dict[str, set[str]], candidates: dict[str, Candidate]
) -> None:
    other_way_round = dict(reversed(members.items()))
    assert plan_layers(members, candidates) == plan_layers(other_way_round, candidates)


@given(members=MEMBERS, candidates=packages())
def test_without_a_limit_a_package_lies_in_one_layer_only(
    members: dict[str, set[str]], candidates: dict[str, Candidate]
) -> None:
    plan = plan_layers(members, candidates, most=dict.fromkeys(members, len(NAMES)))
    held = [name for layer in plan for name in layer.packages]
    assert len(held) == len(set(held))
    assert all(
        len({candidates[name].source for name in layer.packages}) == 1
        for layer in plan
        if layer.apart
    )
