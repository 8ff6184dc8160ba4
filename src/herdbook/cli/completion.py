"""Completes names of images, instances and so on in the shell; a failure completes nothing."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import typer

from herdbook.core.errors import HerdbookError

if TYPE_CHECKING:
    from herdbook.actions.workshop import Workshop

_MOST = 200
"""More names than that help nobody to choose."""


def complete_image(incomplete: str) -> list[str]:
    """Return the names of images that begin like this."""
    return _found(lambda workshop: workshop.versions.names(incomplete, _MOST))


def complete_channel(incomplete: str) -> list[str]:
    """Return the names of channels that begin like this, with their images'."""

    def names(workshop: "Workshop") -> Iterable[str]:
        return (f"{each.image}@{each.channel}" for each in workshop.channels.every())

    return _beginning(incomplete, names)


def complete_proposal(incomplete: str) -> list[str]:
    """Return the numbers of open proposals that begin like this, the newest first."""

    def numbers(workshop: "Workshop") -> Iterable[str]:
        return (str(each.number) for each in workshop.channels.proposals())

    return _beginning(incomplete, numbers)


def complete_component(incomplete: str) -> list[str]:
    """Return the names of components that begin like this."""
    return _found(lambda workshop: workshop.components.names(incomplete, _MOST))


def complete_campaign(incomplete: str) -> list[str]:
    """Return the numbers of campaigns that begin like this, the newest first."""

    def numbers(workshop: "Workshop") -> Iterable[str]:
        return (str(each.number) for each in workshop.campaigns.every())

    return _beginning(incomplete, numbers)


def complete_instance(incomplete: str) -> list[str]:
    """Return the names of instances that begin like this."""

    def names(workshop: "Workshop") -> Iterable[str]:
        return (seen.name for engine in workshop.engines.values() for seen in engine.observe())

    return _beginning(incomplete, names)


def complete_application(incomplete: str) -> list[str]:
    """Return the names of applications that begin like this."""
    return _beginning(incomplete, lambda workshop: (each.name for each in workshop.fleet.every()))


def complete_key(incomplete: str) -> list[str]:
    """Return the names of keys that begin like this."""
    return _beginning(
        incomplete, lambda workshop: (each.name for each in workshop.keys.ring().keys)
    )


def complete_subscription(incomplete: str) -> list[str]:
    """Return the names of subscriptions that begin like this."""
    return _beginning(
        incomplete, lambda workshop: (each.name for each, _ in workshop.subscriptions.every())
    )


def complete_user(incomplete: str) -> list[str]:
    """Return the names of users that begin like this."""
    return _beginning(incomplete, lambda workshop: (each.name for each in workshop.people.users()))


def complete_group(incomplete: str) -> list[str]:
    """Return the names of groups of our own that begin like this."""
    return _beginning(incomplete, lambda workshop: dict(workshop.people.members()))


def complete_token(incomplete: str) -> list[str]:
    """Return the names of tokens that can be revoked and begin like this."""

    def names(workshop: "Workshop") -> Iterable[str]:
        return (each.name for each in workshop.people.tokens() if each.revoked_at is None)

    return _beginning(incomplete, names)


def complete_issuer(incomplete: str) -> list[str]:
    """Return the names of OpenID providers that begin like this."""
    return _beginning(
        incomplete, lambda workshop: (each.name for each in workshop.people.issuers())
    )


def complete_subject(incomplete: str) -> list[str]:
    """Return who is known by a grant, a password, a group or a token, and begins like this."""

    def names(workshop: "Workshop") -> Iterable[str]:
        people = workshop.people
        granted = (str(each.subject) for each in people.standing().grants)
        users = (f"user:{each.name}" for each in people.users())
        groups = (f"group:{name}" for name, _ in people.members())
        robots = (str(each.subject) for each in people.tokens())
        return sorted({*granted, *users, *groups, *robots})

    return _beginning(incomplete, names)


def complete_volume(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of volumes of the application that was named before."""
    from herdbook.actions.list_data import volumes_of

    application = context.params.get("application") or ""
    return _beginning(
        incomplete, lambda workshop: (each.name for each in volumes_of(workshop, application))
    )


def _beginning(incomplete: str, read: Callable[["Workshop"], Iterable[str]]) -> list[str]:
    """Return what is read and begins like this."""
    return _found(lambda workshop: (name for name in read(workshop) if name.startswith(incomplete)))


def _found(read: Callable[["Workshop"], Iterable[str]]) -> list[str]:
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        # Whose names these are does not matter: a TAB is no reason to renew somebody's session.
        workshop = open_session(Output(as_json=True), heed_login=False)
        return list(islice(read(workshop), _MOST))
    except (HerdbookError, OSError):
        return []
