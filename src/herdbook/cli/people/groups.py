"""Commands about groups of our own, beside this machine's: group add, remove, ls."""

from collections import defaultdict
from typing import Annotated

import typer

from herdbook.cli.completion import complete_group, complete_subject
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.people.model import Subject, SubjectKind, read_subject

_Name = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=complete_group)]
_Members = Annotated[
    list[str],
    typer.Argument(
        metavar="MEMBER...", help="user:NAME or robot:NAME.", autocompletion=complete_subject
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(help="Groups of our own, beside this machine's.", no_args_is_help=True)
    group.command()(add)
    group.command()(remove)
    group.command()(ls)
    app.add_typer(group, name="group")


def add(group: _Name, members: _Members, as_json: AsJson = False) -> None:
    """Put users and robots into a group, which is there from then on."""
    from herdbook.actions.keep_people import join_group
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    joined = join_group(open_session(output), group, _subjects(members))
    if as_json:
        output.json({"group": group, "joined": [str(each) for each in joined]})
    else:
        new = ", ".join(map(str, joined))
        output.text(f"in {group} now, too: {new}" if new else f"all of them are in {group} already")


def remove(group: _Name, members: _Members, as_json: AsJson = False) -> None:
    """Take users and robots out of a group."""
    from herdbook.actions.keep_people import leave_group
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    left = leave_group(open_session(output), group, _subjects(members))
    if as_json:
        output.json({"group": group, "left": [str(each) for each in left]})
    else:
        output.text(f"no longer in {group}: {', '.join(map(str, left))}")


def ls(as_json: AsJson = False) -> None:
    """List groups of our own, and who is in them; this machine's are not among them."""
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = defaultdict(list)
    for name, member in open_session(output).people.members():
        found[name].append(str(member))
    if as_json:
        output.json([{"group": name, "members": members} for name, members in found.items()])
        return
    if not found:
        output.note("There is none beside this machine's. Make one: herdbook group add NAME MEMBER")
        return
    rows = [[name, ", ".join(members)] for name, members in found.items()]
    output.table(["group", "members"], rows)


def _subjects(texts: list[str]) -> list[Subject]:
    found = [read_subject(each, SubjectKind.USER, SubjectKind.ROBOT) for each in texts]
    return list(dict.fromkeys(found))
