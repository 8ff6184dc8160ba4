"""Commands about OpenID providers: issuer add, ls, show, rm, map, unmap, forget."""

from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_issuer, complete_subject
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.people.model import SubjectKind, read_subject

if TYPE_CHECKING:
    from herdbook.people.issuers import Issuer, Person

_Name = Annotated[str, typer.Argument(metavar="ISSUER", autocompletion=complete_issuer)]
_Subject = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT", help="robot:NAME or user:NAME.", autocompletion=complete_subject
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    issuer = typer.Typer(
        help="OpenID providers whose ID tokens say who somebody is.", no_args_is_help=True
    )
    for command in (add, ls, show, rm, map_, unmap, forget):
        issuer.command(command.__name__.rstrip("_"))(command)
    app.add_typer(issuer, name="issuer")


def add(  # noqa: PLR0913, PLR0917 - each is an option
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What its people's names begin with.")
    ],
    url: Annotated[str, typer.Argument(metavar="URL", help="As its tokens have it in `iss`.")],
    client_id: Annotated[
        str, typer.Option(metavar="ID", help="As whom we let people log in: a public client.")
    ] = "",
    audience: Annotated[
        str, typer.Option(metavar="AUDIENCE", help="For whom robots' tokens have to be (`aud`).")
    ] = "",
    name_claim: Annotated[
        str, typer.Option(metavar="CLAIM", help="What people are called by here.")
    ] = "sub",
    groups_claim: Annotated[
        str, typer.Option(metavar="CLAIM", help="Which groups people are in; else in none.")
    ] = "",
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="CLAIM=VALUE", help="What has to hold for all its people."),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="Ask for that, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Believe an OpenID provider, once it has answered; by that alone nobody may do anything."""
    from herdbook.actions.keep_issuers import add_issuer
    from herdbook.cli.people.shapes import issuer_shape
    from herdbook.cli.session import open_session
    from herdbook.people.issuers import Issuer, read_condition

    output = Output(as_json=as_json)
    required = tuple(read_condition(each) for each in require or ())
    workshop = open_session(output)
    wished = Issuer(
        name,
        url,
        workshop.clock.now(),
        workshop.actor,
        client_id=client_id,
        audience=audience,
        name_claim=name_claim,
        groups_claim=groups_claim,
        required=required,
        scopes=tuple(scope or ()),
    )
    made = add_issuer(workshop, wished)
    if as_json:
        output.json(issuer_shape(made))
        return
    output.text(f"{name} is believed: {url}")
    if client_id:
        output.note(f"People log in with: herdbook login {name}")
    if audience:
        output.note(f"Say whose its tokens are: herdbook issuer map {name} robot:NAME --when ...")


def ls(as_json: AsJson = False) -> None:
    """List the OpenID providers that are believed."""
    from herdbook.cli.people.shapes import issuer_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = open_session(output).people.issuers()
    if as_json:
        output.json([issuer_shape(each) for each in found])
        return
    if not found:
        output.note("None is believed. Add one: herdbook issuer add NAME URL --client-id ID")
        return
    output.table(
        ["name", "address", "client", "audience", "#mapped", "since", "by"],
        [
            [
                each.name,
                each.url,
                each.client_id,
                each.audience,
                str(len(each.mappings)),
                f"{each.at:%Y-%m-%d}",
                each.who,
            ]
            for each in found
        ],
    )


def show(name: _Name, as_json: AsJson = False) -> None:
    """Show an OpenID provider, whose its tokens are, and who has come."""
    from herdbook.actions.keep_issuers import issuer_named
    from herdbook.cli.people.shapes import issuer_shape, person_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    found = issuer_named(workshop, name)
    people = workshop.people.people_of(name)
    if as_json:
        output.json({**issuer_shape(found), "people": [person_shape(each) for each in people]})
        return
    _print(output, found)
    if people:
        output.table(["who", "called there", "groups", "told", "state"], list(map(_row, people)))


def rm(name: _Name, as_json: AsJson = False) -> None:
    """Believe an OpenID provider no more; what was granted to its people stays theirs."""
    from herdbook.actions.keep_issuers import remove_issuer
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = remove_issuer(open_session(output), name)
    if as_json:
        output.json({"removed": found.name})
    else:
        output.text(f"{found.name} is not believed any more")


def map_(
    name: _Name,
    subject: _Subject,
    when: Annotated[
        list[str],
        typer.Option(metavar="CLAIM=VALUE", help="What the token has to say, all of them."),
    ],
    as_json: AsJson = False,
) -> None:
    """Say that whose token says all that is a robot, or a user of ours."""
    from herdbook.actions.keep_issuers import map_claims
    from herdbook.cli.people.shapes import mapping_shape
    from herdbook.cli.session import open_session
    from herdbook.people.issuers import read_condition

    output = Output(as_json=as_json)
    whom = read_subject(subject, SubjectKind.USER, SubjectKind.ROBOT)
    conditions = [read_condition(each) for each in when]
    made = map_claims(open_session(output), name, whom, conditions)
    if as_json:
        output.json({"issuer": name, **mapping_shape(made)})
        return
    output.text(f"{whom} is whose token of {name} says {' and '.join(map(str, made.conditions))}")
    if whom.kind is SubjectKind.ROBOT:
        output.note(f"A robot may do what it is granted: herdbook role grant {whom} ROLE")


def unmap(
    name: _Name,
    subject: _Subject,
    when: Annotated[
        list[str] | None, typer.Option(metavar="CLAIM=VALUE", help="Only what was said by these.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take that back."""
    from herdbook.actions.keep_issuers import unmap_claims
    from herdbook.cli.people.shapes import mapping_shape
    from herdbook.cli.session import open_session
    from herdbook.people.issuers import read_condition

    output = Output(as_json=as_json)
    whom = read_subject(subject, SubjectKind.USER, SubjectKind.ROBOT)
    conditions = [read_condition(each) for each in when or ()]
    done = unmap_claims(open_session(output), name, whom, conditions)
    if as_json:
        output.json([{"issuer": name, **mapping_shape(each)} for each in done])
        return
    for each in done:
        output.text(f"{' and '.join(map(str, each.conditions))} is not {whom} any more")


def forget(
    who: Annotated[str, typer.Argument(metavar="ISSUER:NAME", help="As `issuer show` has it.")],
    as_json: AsJson = False,
) -> None:
    """Give a name free for whoever comes by it next."""
    from herdbook.actions.keep_issuers import forget_person
    from herdbook.cli.people.shapes import person_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = forget_person(open_session(output), who)
    if as_json:
        output.json(person_shape(found))
    else:
        output.text(f"{who} is whoever comes by that name next; it was {found.subject}")


def _print(output: Output, issuer: "Issuer") -> None:
    output.text(f"{issuer.name}: {issuer.url}")
    if issuer.client_id:
        groups = f", groups by {issuer.groups_claim}" if issuer.groups_claim else ""
        required = "".join(f", only {each}" for each in issuer.required)
        output.text(
            f"people: client {issuer.client_id}, names by {issuer.name_claim}{groups}{required}"
        )
    if issuer.audience:
        output.text(f"robots: audience {issuer.audience}")
    for mapping in issuer.mappings:
        output.text(f"{mapping.subject} where {' and '.join(map(str, mapping.conditions))}")


def _row(person: "Person") -> list[str]:
    return [
        person.actor,
        person.subject,
        ", ".join(person.groups),
        f"{person.said_at:%Y-%m-%d %H:%M}",
        "disabled" if person.disabled else "",
    ]
