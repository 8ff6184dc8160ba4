"""Follows a rollout on the command line, until it is over or waits for somebody."""

import time

import typer

from herdbook.actions.find_application import application_named, left_of
from herdbook.actions.workshop import Workshop
from herdbook.cli.applications.shapes import happenings_shape, record_shape, rollout_shape
from herdbook.cli.applications.status_page import addresses, instance_table
from herdbook.cli.output import Output
from herdbook.core.errors import ConflictError, TimeoutExpiredError
from herdbook.fleet.applications import Release
from herdbook.rollouts.model import WAITING, Rollout, RolloutState, in_force
from herdbook.rollouts.ports import Happening
from herdbook.server.serve import ensure_served, require_served
from herdbook.server.settings import load_settings

_LOOK_SECONDS = 0.2
_DOWN_SECONDS = 300.0
_UNDONE_STATUS = 14
_BAD = WAITING | {RolloutState.ROLLED_BACK}


def follow(
    workshop: Workshop, output: Output, name: str, rollout: Rollout | None, *, wait: bool
) -> None:
    """Have a rollout done, and show it; leave with status 14 where it did not reach its goal.

    All that serves is there once it bakes: nobody has to wait for the end of that.
    """
    seen = _last(workshop, name)
    if ensure_served(load_settings()):
        log = load_settings().state_directory / "server.log"
        output.note(f"Started the server in the background; it writes to {log}")
    told: list[Happening] = []
    if rollout is not None and wait:
        rollout, told = _until_there(workshop, output, rollout, seen)
    release = workshop.fleet.release(name, _running(workshop, name, rollout))
    if output.as_json:
        records = workshop.fleet.instances(name)
        output.json(
            {
                "application": name,
                "rollout": rollout_shape(rollout) if rollout else None,
                "instances": [record_shape(each) for each in records],
                "addresses": addresses(release),
                "happened": happenings_shape(told),
            }
        )
    else:
        _conclude(workshop, output, name, rollout, release)
    if wait and rollout is not None and rollout.state in _BAD:
        raise typer.Exit(_UNDONE_STATUS)


def _running(workshop: Workshop, name: str, rollout: Rollout | None) -> int:
    if rollout is not None:
        return rollout.goal
    application = workshop.fleet.find(name)
    return application.standing if application else 0


def _conclude(
    workshop: Workshop, output: Output, name: str, rollout: Rollout | None, release: Release | None
) -> None:
    records = workshop.fleet.instances(name)
    if records:
        instance_table(output, records)
    for each in addresses(release):
        output.text(each)
    if rollout is None:
        return
    output.text(f"rollout {rollout.number} to release {rollout.after} is {rollout.state}")
    if rollout.state in _BAD:
        output.text(f"because {rollout.reason}")
    if rollout.waits:
        output.note(f"Say: herdbook rollout resume {name}, or: herdbook rollout abort {name}")
    if rollout.state is RolloutState.BAKING:
        output.note("The old instances are kept until it has stayed well for a while.")


def _until_there(
    workshop: Workshop, output: Output, rollout: Rollout, seen: int
) -> tuple[Rollout, list[Happening]]:
    told: list[Happening] = []
    now = rollout
    with workshop.progress.task(f"Rolling out release {rollout.after}") as task:
        while True:
            found = workshop.fleet.happenings(rollout.application, seen)
            for each in found:
                seen = each.number
                told.append(each)
                if not output.as_json:
                    workshop.progress.say(each.line)
            newest = workshop.fleet.newest(rollout.application)
            if newest is None or newest.number != rollout.number:
                return now.model_copy(update={"state": RolloutState.SUPERSEDED}), told
            now = newest
            task.describe(f"Rollout {now.number} is {now.state}")
            if now.over or now.waits or now.state is RolloutState.BAKING:
                return now, told
            require_served(load_settings())
            time.sleep(_LOOK_SECONDS)


def _last(workshop: Workshop, name: str) -> int:
    found = workshop.fleet.happenings(name, most=1)
    return found[-1].number if found else 0


def wait_until_down(workshop: Workshop, name: str) -> None:
    """Wait until nothing of an application is left.

    Raises ConflictError where somebody brings it up again, TimeoutExpiredError where it stays.
    """
    ensure_served(load_settings())
    deadline = time.monotonic() + _DOWN_SECONDS
    with workshop.progress.task(f"Taking {name} down"):
        while left := left_of(workshop, name):
            if in_force(application_named(workshop, name).standing, workshop.fleet.newest(name)):
                raise ConflictError(
                    f"{name} was brought up again meanwhile",
                    hint=f"See where it is: herdbook rollout show {name}",
                )
            if time.monotonic() > deadline:
                raise TimeoutExpiredError(
                    f"Some of {name} does not end: {', '.join(left)}",
                    hint="See which instances there are: herdbook ps",
                )
            require_served(load_settings())
            time.sleep(_LOOK_SECONDS)
