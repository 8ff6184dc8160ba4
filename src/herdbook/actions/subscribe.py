"""Has somebody be told of what is written down, or not any more."""

from herdbook.actions.note import entry
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Head, following
from herdbook.core.errors import NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.notifications.composing import event, text
from herdbook.notifications.model import (
    Course,
    Kind,
    Subscription,
    check_address,
    check_subscription_name,
)
from herdbook.notifications.signing import new_secret
from herdbook.people.acts import Act

VAULT = "notify:"
"""Under which the vault keeps the secrets of webhooks: no application has such a name."""

_SIGNING = "signing"


def subscribe(workshop: Workshop, wanted: Subscription) -> str:
    """Keep a subscription; return the secret of a webhook, which is shown once, or nothing.

    Raises InvalidInputError for its name or address, ConflictError for a name that is taken.
    """
    require_role(workshop, Act.SUBSCRIBE)
    check_subscription_name(wanted.name)
    check_address(wanted.kind, wanted.address)
    secret = new_secret() if wanted.kind is Kind.WEBHOOK else ""
    fingerprint = ""
    if secret:
        fingerprint = workshop.vault.keep(VAULT + wanted.name, _SIGNING, secret.encode())
    kept = Subscription(
        wanted.name,
        wanted.kind,
        wanted.address,
        wanted.verbs,
        wanted.subjects,
        fingerprint,
    )
    written = entry(workshop, "subscribe", kept.name, kind=kept.kind.value, verbs=[*kept.verbs])
    workshop.subscriptions.add(kept, written, workshop.clock.now())
    return secret


def unsubscribe(workshop: Workshop, name: str) -> None:
    """Remove a subscription; raises NotFoundError with the nearest name."""
    require_role(workshop, Act.UNSUBSCRIBE)
    subscription_named(workshop, name)
    written = entry(workshop, "unsubscribe", name)
    workshop.subscriptions.remove(name, written, workshop.clock.now())
    workshop.vault.forget(VAULT + name)


def subscription_named(workshop: Workshop, name: str) -> tuple[Subscription, Course]:
    """Return a subscription with how far it is; raises NotFoundError with the nearest name."""
    every = workshop.subscriptions.every()
    for each, course in every:
        if each.name == name:
            return each, course
    raise NotFoundError(
        f"There is no subscription {name!r}",
        hint=did_you_mean(name, [each.name for each, _ in every], "See all: herdbook notify ls"),
    )


def secret_of(workshop: Workshop, subscription: Subscription) -> str:
    """Return the secret that a webhook's messages are signed with; nothing for mail."""
    if not subscription.secret:
        return ""
    try:
        kept = workshop.vault.open(VAULT + subscription.name, _SIGNING, subscription.secret)
    except NotFoundError as error:
        raise NotFoundError(
            f"The secret of {subscription.name} is not kept any more",
            hint=f"Make another one: herdbook notify rm {subscription.name}, and add it again.",
        ) from error
    return kept.decode()


def source_of(workshop: Workshop) -> str:
    """Return what names this installation: the first record of its audit, which stays."""
    with_first = workshop.audit.records()
    try:
        first = next(with_first, None)
    finally:
        with_first.close()
    digest = first.digest if first else Head().digest
    return f"urn:herdbook:{digest.removeprefix('sha256:')[:16]}"


def send_test(workshop: Workshop, name: str) -> Subscription:
    """Send a message that nothing has happened, now; raises as the courier."""
    require_role(workshop, Act.SUBSCRIBE)
    subscription, _ = subscription_named(workshop, name)
    now, source = workshop.clock.now(), source_of(workshop)
    record = following(Head(), entry(workshop, "test", name, why="to see that it arrives"), now)
    mail = subscription.kind is Kind.MAIL
    message = text([record], source) if mail else event(record, source)
    workshop.courier.deliver(subscription, message, secret_of(workshop, subscription), now)
    return subscription
