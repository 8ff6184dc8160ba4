"""Tells one subscription of what was written down since, in order, each at least once."""

from collections.abc import Callable
from dataclasses import replace

from herdbook.actions.subscribe import secret_of, source_of
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import HerdbookError
from herdbook.notifications.composing import event, text
from herdbook.notifications.deciding import failed, is_due, next_of, told
from herdbook.notifications.model import Course, Kind, Subscription

_MOST = 20
"""So many messages one after the other; then others have their turn."""


def tell_subscriber(
    workshop: Workshop,
    subscription: Subscription,
    course: Course,
    ended: Callable[[], bool] = lambda: False,
) -> Course:
    """Send what is due, until it is `ended`; keep and return how far it is then.

    It is kept after each message: killed in between, the last one is sent again.
    """
    for _ in range(_MOST):
        if ended() or not is_due(course, workshop.clock.now()):
            break
        after = _step(workshop, subscription, course)
        if after == course:
            break
        if not workshop.subscriptions.keep(subscription, course, after):
            break  # it was removed, or is another one by now
        course = after
    return course


def _step(workshop: Workshop, subscription: Subscription, course: Course) -> Course:
    now = workshop.clock.now()
    records = workshop.audit.records(course.number)
    try:
        found = next_of(subscription, course, records, now)
    finally:
        records.close()
    if not found.records:
        return found.course
    source = source_of(workshop)
    mail = subscription.kind is Kind.MAIL
    message = text(found.records, source) if mail else event(found.records[0], source)
    try:
        secret = secret_of(workshop, subscription)
        workshop.courier.deliver(subscription, message, secret, now)
    except HerdbookError as error:
        before = replace(found.course, number=found.records[0].number - 1)
        return failed(before, now, error.message)
    except Exception as error:  # noqa: BLE001 - a fault of ours must wait as long as one of theirs
        before = replace(found.course, number=found.records[0].number - 1)
        return failed(before, now, f"a fault in Herdbook: {type(error).__name__}")
    return told(found.course, now)
