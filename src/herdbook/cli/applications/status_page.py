"""Shows an application's instances and its rollout to people."""

from collections.abc import Sequence

from herdbook.actions.find_application import application_named
from herdbook.actions.workshop import Workshop
from herdbook.cli.applications.shapes import happenings_shape, record_shape, rollout_shape
from herdbook.cli.output import Output
from herdbook.core.errors import NotFoundError
from herdbook.fleet.applications import Release
from herdbook.fleet.balancing import Door, DoorMode
from herdbook.fleet.doors import Doors
from herdbook.fleet.records import Instance

_MOST_HAPPENINGS = 40


def instance_table(output: Output, records: Sequence[Instance]) -> None:
    """Print a table of instances."""
    ordered = sorted(records, key=lambda each: (each.component, each.slot, each.attempt))
    output.table(
        ["instance", "#release", "role", "address", "why"],
        [
            [
                each.name,
                str(each.release),
                each.role.value,
                ", ".join(str(address) for address in each.addresses.values()),
                each.reason,
            ]
            for each in ordered
        ],
    )


def addresses(release: Release | None) -> list[str]:
    """Return where an application is reached from outside."""
    if release is None:
        return []
    return [_address(door) for door in Doors.of(release.settings).doors()]


def _address(door: Door) -> str:
    host = "127.0.0.1" if door.address == "0.0.0.0" else door.address  # noqa: S104 - any
    if door.mode is not DoorMode.HTTP:
        return f"{door.name}  {host}:{door.port}"
    scheme = "https" if door.certificate else "http"
    return f"{door.name}  {scheme}://{door.hosts[0] if door.hosts else host}:{door.port}/"


def show_rollout(workshop: Workshop, output: Output, name: str) -> None:
    """Print the newest rollout of an application, its instances and what happened."""
    application_named(workshop, name)
    rollout = workshop.fleet.newest(name)
    if rollout is None:
        raise NotFoundError(f"Nothing of {name} was rolled out yet", hint="herdbook up")
    records = workshop.fleet.instances(name)
    happened = workshop.fleet.happenings(name, most=_MOST_HAPPENINGS)
    if output.as_json:
        output.json(
            {
                **rollout_shape(rollout),
                "instances": [record_shape(each) for each in records],
                "happened": happenings_shape(happened),
            }
        )
        return
    before = f"release {rollout.before}" if rollout.before else "nothing"
    output.text(f"rollout {rollout.number}: from {before} to release {rollout.after}")
    output.text(f"{rollout.state} since {rollout.since:%H:%M:%S}: {rollout.reason or 'it goes on'}")
    for service, progress in rollout.progress.items():
        failed = (
            f", failed in slots {', '.join(map(str, progress.failed))}" if progress.failed else ""
        )
        output.text(f"  {service}: {progress.stage} stages done{failed}")
    if records:
        instance_table(output, records)
    for each in happened:
        output.text(f"{each.at:%H:%M:%S}  {each.line}")
