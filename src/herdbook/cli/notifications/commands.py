"""Commands of who is told: notify with add, ls, rm, test."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.completion import complete_subscription
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from herdbook.notifications.model import Course, Subscription

_Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_subscription)]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    notify = typer.Typer(
        help="Have programs and people be told of what is done.", no_args_is_help=True
    )
    notify.command()(add)
    notify.command()(ls)
    notify.command()(rm)
    notify.command("test")(send_test)
    app.add_typer(notify, name="notify")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as chat.")],
    webhook: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Who gets signed CloudEvents by POST.")
    ] = "",
    mail: Annotated[str, typer.Option(metavar="ADDRESS", help="Who gets a text by mail.")] = "",
    event: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Verbs of the audit, such as promote or rollout-*."),
    ] = None,
    subject: Annotated[
        str, typer.Option(metavar="PATTERN", help="Such as shop/*: what it is done to.")
    ] = "*",
    as_json: AsJson = False,
) -> None:
    """Have somebody be told from now on of what the audit says."""
    from herdbook.actions.subscribe import subscribe
    from herdbook.cli.session import open_session
    from herdbook.notifications.model import Kind, Subscription

    if bool(webhook) == bool(mail):
        raise InvalidInputError(
            "Say where somebody is told", hint="Give --webhook ADDRESS, or --mail ADDRESS."
        )
    output = Output(as_json=as_json)
    kind = Kind.WEBHOOK if webhook else Kind.MAIL
    wanted = Subscription(name, kind, webhook or mail, tuple(event or ["*"]), subject)
    secret = subscribe(open_session(output), wanted)
    if as_json:
        output.json({"name": name, "secret": secret or None})
        return
    output.text(f"{name} is told from now on, while the server runs")
    if secret:
        output.text(f"secret {secret}")
        output.note("It signs what is sent, and is not shown again: give it to the receiver.")
    output.note(f"Try it: herdbook notify test {name}")


def ls(as_json: AsJson = False) -> None:
    """List who is told of what, and how far they are."""
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    found, head = workshop.subscriptions.every(), workshop.audit.head().number
    if as_json:
        output.json([_shape(each, course, head) for each, course in found])
        return
    if not found:
        output.note("Nobody is told. Begin: herdbook notify add NAME --webhook ADDRESS")
        return
    output.table(
        ["name", "by", "events", "of", "waiting", "told", "trouble"],
        [
            [
                each.name,
                each.kind.value,
                ", ".join(each.verbs),
                each.subjects,
                str(head - course.number),
                f"{course.told_at:%Y-%m-%d %H:%M}" if course.told_at else "",
                _trouble(course),
            ]
            for each, course in found
        ],
    )


def rm(name: _Name, as_json: AsJson = False) -> None:
    """Have somebody be told no more."""
    from herdbook.actions.subscribe import unsubscribe
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    unsubscribe(open_session(output), name)
    if as_json:
        output.json({"removed": name})
    else:
        output.text(f"{name} is told no more")


def send_test(name: _Name, as_json: AsJson = False) -> None:
    """Send a message now that says nothing has happened."""
    from herdbook.actions.subscribe import send_test as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    act(open_session(output), name)
    if as_json:
        output.json({"delivered": name})
    else:
        output.text(f"{name} has taken it")


def _trouble(course: "Course") -> str:
    lost = f"{course.given_up} were too old" if course.given_up else ""
    return "; ".join(filter(None, (course.trouble, lost)))


def _shape(each: "Subscription", course: "Course", head: int) -> dict[str, Any]:
    return {
        "name": each.name,
        "kind": each.kind.value,
        "address": each.address,
        "events": list(each.verbs),
        "subject": each.subjects,
        "waiting": head - course.number,
        "told_at": course.told_at.isoformat() if course.told_at else None,
        "again_at": course.again_at.isoformat() if course.again_at else None,
        "failures": course.failures,
        "trouble": course.trouble,
        "given_up": course.given_up,
    }
