"""Commands about the data of applications: snapshots, backup, backups, restore."""

from pathlib import Path
from typing import Annotated

import typer

from herdbook.cli.completion import complete_volume
from herdbook.cli.options import ApplicationName, AsJson
from herdbook.cli.output import Output

_VOLUME_HELP = "A volume's name, with or without that of the application."
_KeyFile = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="The backup.key of another installation."),
]
_From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="PLACE",
        help="Where the backups are, a directory or s3://BUCKET/PREFIX; where the service says "
        "by default.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (snapshots, backup, backups, restore):
        app.command()(command)


def snapshots(
    application: ApplicationName,
    volume: Annotated[
        str,
        typer.Argument(
            metavar="[VOLUME]",
            show_default=False,
            help=_VOLUME_HELP,
            autocompletion=complete_volume,
        ),
    ] = "",
    take: Annotated[bool, typer.Option("--take", help="Take one now, and prove it.")] = False,
    forget: Annotated[
        str, typer.Option(metavar="SNAPSHOT", help="Remove one of the volume for good.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List, take or forget snapshots: copies of volumes on this machine."""
    from herdbook.actions.back_up import take_snapshots
    from herdbook.actions.list_data import forget_snapshot, snapshots_of
    from herdbook.cli.applications.data_shapes import snapshot_rows, snapshot_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    if forget:
        forget_snapshot(workshop, application, volume, forget)
    taken = take_snapshots(workshop, application, volume) if take else []
    found = [
        (held, each)
        for held, every in snapshots_of(workshop, application, volume)
        for each in every
        if not take or each.name in taken
    ]
    if as_json:
        output.json([snapshot_shape(held, each) for held, each in found])
        return
    if not found:
        output.note(f"There are no snapshots. Take some: herdbook snapshots {application} --take")
        return
    output.table(["volume", "snapshot", "taken", "#size", "proven"], snapshot_rows(found))


def backup(
    application: ApplicationName,
    to: Annotated[
        str,
        typer.Option(
            metavar="PLACE",
            help="Where to, a directory or s3://BUCKET/PREFIX; where the volume's service says by "
            "default.",
        ),
    ] = "",
    volume: Annotated[
        str,
        typer.Option(metavar="VOLUME", help=_VOLUME_HELP, autocompletion=complete_volume),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Back volumes up, sealed, and prove each backup by restoring it on trial."""
    from herdbook.actions.back_up import back_up
    from herdbook.cli.applications.data_shapes import made_shape
    from herdbook.cli.output import human_size
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    is_new = not workshop.backup_key.exists()
    done = back_up(workshop, application, to=_whole(to), volume=volume)
    if as_json:
        output.json({"key": str(workshop.backup_key), "backups": list(map(made_shape, done))})
        return
    output.table(
        ["volume", "backup", "#size", "#new there", "where"],
        [
            [
                each.backup.volume,
                each.backup.name,
                human_size(each.backup.size_bytes),
                human_size(each.new_bytes),
                each.where,
            ]
            for each in done
        ],
    )
    if is_new:
        output.note(
            f"They are sealed with the key in {workshop.backup_key}, made just now. Keep a copy "
            "of it elsewhere: without it, nobody can read them."
        )


def backups(
    application: ApplicationName,
    source: _From = "",
    key_file: _KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List the backups of an application."""
    from herdbook.actions.list_data import backups_of
    from herdbook.cli.applications.data_shapes import backup_rows, backup_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    found = backups_of(workshop, application, _whole(source), key_file)
    for where, shelf in found:
        if shelf.unreadable:
            output.note(
                f"{len(shelf.unreadable)} backups in {where} are damaged, so nothing is tidied up "
                f"there: {', '.join(shelf.unreadable)}"
            )
    if as_json:
        output.json([backup_shape(each, where) for where, shelf in found for each in shelf.backups])
        return
    rows = backup_rows(found)
    if not rows:
        output.note(f"There are no backups. Make some: herdbook backup {application}")
        return
    output.table(["volume", "backup", "taken", "#size", "where"], rows)


def restore(
    application: ApplicationName,
    volume: Annotated[
        str,
        typer.Argument(
            metavar="VOLUME",
            show_default=False,
            help=_VOLUME_HELP,
            autocompletion=complete_volume,
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="[BACKUP|SNAPSHOT]", show_default=False, help="The newest backup by default."
        ),
    ] = "",
    source: _From = "",
    key_file: _KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup or a snapshot in place of a volume of an application that is down."""
    from herdbook.actions.restore_data import RestoreWish
    from herdbook.actions.restore_data import restore as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    done = act(workshop, RestoreWish(application, volume, name, _whole(source), key_file))
    if as_json:
        output.json(
            {
                "volume": done.volume,
                "from": done.name,
                "taken_at": done.taken_at.isoformat(),
                "aside": done.aside or None,
            }
        )
        return
    output.text(f"{done.volume} holds what it held at {done.taken_at:%Y-%m-%d %H:%M:%S} UTC")
    if done.aside:
        output.note(
            f"What it held before is the snapshot {done.aside}. Back to it: "
            f"herdbook restore {application} {done.volume} {done.aside}"
        )


def _whole(address: str) -> str:
    """Return an address that means the same wherever it is read."""
    return str(Path(address).absolute()) if address and "://" not in address else address
