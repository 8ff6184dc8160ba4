"""Nothing is dropped while releases come, go and fail, and what dies comes back."""

import signal
import time
from collections.abc import Iterator

import pytest
from applications import TinyApplication, kill, tiny_application, wait_for
from open_loop import Load, Observed
from service_image import compiles

pytestmark = [
    pytest.mark.podman,
    pytest.mark.root,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not compiles(), reason="needs a C compiler with a static libc"),
]

RATE = 200
SLOW = 40

# What is promised on an idle machine is measured by benchmarks/fleet.py. Tests share theirs.
PATIENCE = 5.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyApplication]:
    """One application for all: coming up and going down takes longer than what is tested."""
    with tiny_application(tmp_path_factory.mktemp("rollouts")) as made:
        yield made


@pytest.fixture
def application(shared: TinyApplication) -> TinyApplication:
    """Three containers that serve, whatever became of the test before."""
    shared.settle()
    return shared


def _nothing_failed(observed: Observed, application: TinyApplication) -> None:
    assert not observed.failures, f"{observed.told()}\n{application.words()}"
    assert observed.total > RATE


def _whole(application: TinyApplication) -> None:
    wait_for(application.is_whole, 30, "just what is wanted is there")


def _loaded(application: TinyApplication, *versions: str) -> Load:
    return application.load(RATE, slow=SLOW, versions=versions)


def test_a_rolling_update_drops_nothing(application: TinyApplication) -> None:
    old, new = application.version, application.another_version()
    with _loaded(application, old, new) as load:
        application.up(new)
        application.until("complete")
        done = time.monotonic()
        application.version = new
        time.sleep(0.5)
    _nothing_failed(load.observed, application)
    assert max(load.observed.answered_at(old)) < done
    assert load.observed.by_version[new] > 0
    _whole(application)


def test_a_canary_gets_its_share_until_somebody_says_resume(application: TinyApplication) -> None:
    old, new = application.version, application.another_version()
    application.policy = {
        "strategy": "canary",
        "canary": {"instances": 1, "weight": 20, "analysis": "1s", "hold": True},
    }
    with _loaded(application, old, new) as load:
        said = application.up(new)
        assert said["rollout"]["state"] == "holding", application.words()
        held = time.monotonic()
        time.sleep(2)
        resumed = time.monotonic()
        application.said("rollout", "resume", application.name)
        application.until("complete")
        application.version = new
    _nothing_failed(load.observed, application)
    young = sum(held < each < resumed for each in load.observed.answered_at(new))
    others = sum(held < each < resumed for each in load.observed.answered_at(old))
    assert 0.1 < young / (young + others) < 0.3
    _whole(application)


def test_blue_and_green_change_places_at_once(application: TinyApplication) -> None:
    old, new = application.version, application.another_version()
    application.policy = {"strategy": "blue-green"}
    with _loaded(application, old, new) as load:
        application.up(new)
        application.until("complete")
        application.version = new
    _nothing_failed(load.observed, application)
    beside = max(load.observed.answered_at(old)) - min(load.observed.answered_at(new))
    assert beside < 0.2 * PATIENCE
    _whole(application)


def test_a_release_aborted_midway_drops_nothing(application: TinyApplication) -> None:
    old, new = application.version, application.another_version()
    application.update = {"parallelism": 1, "delay": "60s"}
    with _loaded(application, old, new) as load:
        application.up(new, "--no-wait")
        wait_for(lambda: _one_of_the_new_serves(application), 60, "a new one serves")
        application.said("rollout", "abort", application.name)
        application.until("rolled back")
        back = time.monotonic()
        time.sleep(0.5)
    _nothing_failed(load.observed, application)
    assert load.observed.by_version[new] > 0
    assert max(load.observed.answered_at(new)) < back
    _whole(application)


def test_a_release_that_is_never_well_never_serves(application: TinyApplication) -> None:
    old, new = application.version, application.another_version()
    application.policy = {"deadline": "2s"}
    with _loaded(application, old, new) as load:
        said = application.up(new, NEVER_WELL="yes")
        assert said["rollout"]["state"] == "rolled back", application.words()
    _nothing_failed(load.observed, application)
    assert load.observed.by_version[new] == 0
    _whole(application)


@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_a_release_that_answers_errors_goes_back_by_itself(
    application: TinyApplication, strategy: str
) -> None:
    """It is well when it is asked, but fails its clients: HAProxy's counters tell."""
    old, new = application.version, application.another_version()
    application.policy = {"strategy": strategy, "bake": "60s"}
    with _loaded(application, old, new) as load:
        application.up(new, BROKEN="yes")
        application.until("rolled back")
        time.sleep(0.5)
    failures = load.observed.failures
    assert {(each.version, each.what) for each in failures} == {(new, "500")}, (
        f"{load.observed.told()}\n{application.words()}"
    )
    bad_seconds = max(each.at for each in failures) - min(each.at for each in failures)
    assert bad_seconds < 10, application.words()
    _whole(application)


def test_a_rollback_to_a_release_by_its_number_drops_nothing(application: TinyApplication) -> None:
    old, between, new = (
        application.version,
        application.another_version(),
        application.another_version(),
    )
    number = next(
        each["release"]
        for each in application.said("releases", application.name)
        if each["running"]
    )
    for version in (between, new):
        application.up(version)
        application.until("complete")  # else going back would be taking it back
    with _loaded(application, old, new) as load:
        application.said("rollback", application.name, str(number))
        application.until("complete")
        done = time.monotonic()
        time.sleep(0.5)
    _nothing_failed(load.observed, application)
    assert max(load.observed.answered_at(new)) < done
    assert load.observed.by_version[old] > 0
    _whole(application)


def test_a_release_that_bakes_is_taken_back_by_a_word(application: TinyApplication) -> None:
    """The old ones were kept running: they serve again at once."""
    old, new = application.version, application.another_version()
    application.policy = {"bake": "60s"}
    application.up(new)
    before = application.processes()
    with _loaded(application, old, new) as load:
        asked = time.monotonic()
        application.said("rollback", application.name)
        application.until("rolled back")
        time.sleep(0.5)
    _nothing_failed(load.observed, application)
    assert max(load.observed.answered_at(new)) - asked < 2 * PATIENCE
    _whole(application)
    assert application.processes().items() <= before.items()


def test_a_server_killed_in_the_middle_of_a_rollout_is_no_loss(
    application: TinyApplication,
) -> None:
    old, new = application.version, application.another_version()
    application.update = {"parallelism": 1}
    with _loaded(application, old, new) as load:
        application.up(new, "--no-wait")
        for _ in range(3):
            time.sleep(0.4)
            kill(application.server_process())
            application.said("up", application.file, "--no-wait")
        application.until("complete")
        application.version = new
    _nothing_failed(load.observed, application)
    assert load.observed.by_version[new] > 0
    _whole(application)


def test_a_killed_balancer_comes_back_with_its_members(application: TinyApplication) -> None:
    with _loaded(application, application.version) as load:
        time.sleep(0.5)
        killed_at = time.monotonic()
        for number in application.balancer_processes():
            kill(number)
        time.sleep(3 * PATIENCE / 2)
    observed = load.observed
    back_at = max(each.at for each in observed.failures)
    assert back_at - killed_at < 3 * PATIENCE / 2
    after = {
        instance
        for due, instance in zip(observed.due_at, observed.instances, strict=True)
        if due > back_at
    }
    assert len(after) == 3


def test_a_killed_container_is_replaced(application: TinyApplication) -> None:
    noticed, made_good = application.healed(0, signal.SIGKILL)
    assert noticed < 0.3 * PATIENCE
    assert made_good < 1.5 * PATIENCE
    _whole(application)


def test_a_hung_container_gets_no_requests_and_is_replaced(application: TinyApplication) -> None:
    noticed, _ = application.healed(1, signal.SIGSTOP)
    assert noticed < 3.0 * PATIENCE
    _whole(application)


def test_down_leaves_nothing_on_the_machine(application: TinyApplication) -> None:
    assert application.left()
    application.herdbook.must("down", application.name)
    assert application.left() == []


def _one_of_the_new_serves(application: TinyApplication) -> bool:
    shown = application.shown()
    return any(
        each["role"] == "serving" and each["release"] == shown["to_release"]
        for each in shown["instances"]
    )
