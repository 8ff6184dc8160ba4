"""Who subscribes is told of all that comes after, at least once; others' deafness is not theirs."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from channel_images import add_versions
from fleet_workshop import fleet_workshop

from herdbook.actions.promote import promote
from herdbook.actions.subscribe import (
    secret_of,
    send_test,
    source_of,
    subscribe,
    subscription_named,
    unsubscribe,
)
from herdbook.actions.tell_subscribers import tell_subscriber
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.drivers.fake.courier import FakeCourier
from herdbook.loops.notify_on_time import NoticesOnTime
from herdbook.notifications.model import Kind, Message, Subscription

CHAT = Subscription("chat", Kind.WEBHOOK, "https://chat.example/hook", ("promote",))
OPS = Subscription("ops", Kind.MAIL, "ops@example.org")


@pytest.fixture
def courier() -> FakeCourier:
    return FakeCourier()


@pytest.fixture
def workshop(tmp_path: Path, courier: FakeCourier) -> Workshop:
    made = replace(fleet_workshop(tmp_path / "state"), actor="anna", courier=courier)
    add_versions(made, 3)
    return made


def tell(workshop: Workshop, name: str) -> None:
    tell_subscriber(workshop, *subscription_named(workshop, name))


def event_of(message: Message) -> Any:
    return json.loads(message.content)


def test_one_is_told_of_what_comes_after_and_not_twice(
    workshop: Workshop, courier: FakeCourier
) -> None:
    promote(workshop, "shop/web:1", "production")
    subscribe(workshop, CHAT)
    for number in (2, 3):
        promote(workshop, f"shop/web:{number}", "production", "because")
    tell(workshop, "chat")
    tell(workshop, "chat")
    told = [event_of(each) for each in courier.delivered["chat"]]
    assert [each["data"]["details"]["version"] for each in told] == [2, 3]
    assert {each["source"] for each in told} == {source_of(workshop)}
    assert len({each["id"] for each in told}) == 2


def test_the_secret_is_shown_once_and_kept_sealed(workshop: Workshop, tmp_path: Path) -> None:
    secret = subscribe(workshop, CHAT)
    kept, _ = subscription_named(workshop, "chat")
    assert secret.startswith("whsec_")
    assert secret_of(workshop, kept) == secret
    files = (path for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert not any(secret.encode() in path.read_bytes() for path in files)
    unsubscribe(workshop, "chat")
    with pytest.raises(NotFoundError):
        secret_of(workshop, kept)


def test_one_who_is_deaf_is_told_later_and_others_meanwhile(
    workshop: Workshop, courier: FakeCourier
) -> None:
    subscribe(workshop, CHAT)
    subscribe(workshop, OPS)
    promote(workshop, "shop/web:1", "production")
    courier.deaf.add("chat")
    for name in ("chat", "ops"):
        tell(workshop, name)
    _, course = subscription_named(workshop, "chat")
    assert (course.failures, "chat" in courier.delivered) == (1, False)
    assert "shop/web@production" in courier.delivered["ops"][0].subject
    courier.deaf.clear()
    tell(workshop, "chat")  # too early
    assert "chat" not in courier.delivered
    workshop.clock.sleep(10)
    tell(workshop, "chat")
    assert len(courier.delivered["chat"]) == 1
    assert subscription_named(workshop, "chat")[1].trouble == ""


def test_after_a_day_it_is_given_up_and_the_next_is_told(
    workshop: Workshop, courier: FakeCourier
) -> None:
    subscribe(workshop, CHAT)
    promote(workshop, "shop/web:1", "production")
    workshop.clock.sleep(timedelta(days=2).total_seconds())
    promote(workshop, "shop/web:2", "production")
    tell(workshop, "chat")
    assert [event_of(each)["data"]["details"]["version"] for each in courier.delivered["chat"]] == [
        2
    ]
    assert subscription_named(workshop, "chat")[1].given_up == 1


def test_killed_between_sending_and_keeping_it_is_sent_again(
    workshop: Workshop, courier: FakeCourier
) -> None:
    subscribe(workshop, CHAT)
    subscription, before = subscription_named(workshop, "chat")
    promote(workshop, "shop/web:1", "production")
    tell(workshop, "chat")
    _, after = subscription_named(workshop, "chat")
    workshop.subscriptions.keep(subscription, after, before)  # as if it had not been kept
    tell(workshop, subscription.name)
    first, second = courier.delivered["chat"]
    assert first.identity == second.identity


def test_an_end_is_heeded_between_two_messages(workshop: Workshop, courier: FakeCourier) -> None:
    subscribe(workshop, CHAT)
    promote(workshop, "shop/web:1", "production")
    tell_subscriber(workshop, *subscription_named(workshop, "chat"), lambda: True)
    assert courier.delivered == {}


def test_a_trial_arrives_at_once_and_changes_nothing(
    workshop: Workshop, courier: FakeCourier
) -> None:
    subscribe(workshop, CHAT)
    subscribe(workshop, OPS)
    before = workshop.subscriptions.every()
    for name in ("chat", "ops"):
        send_test(workshop, name)
    assert event_of(courier.delivered["chat"][0])["type"] == "io.herdbook.test"
    assert b"to see that it arrives" in courier.delivered["ops"][0].content
    assert workshop.subscriptions.every() == before


def test_what_cannot_be_is_refused_with_the_next_step(workshop: Workshop) -> None:
    subscribe(workshop, CHAT)
    with pytest.raises(ConflictError, match="already"):
        subscribe(workshop, CHAT)
    with pytest.raises(InvalidInputError, match="no address"):
        subscribe(workshop, replace(CHAT, name="other", address="chat.example"))
    with pytest.raises(NotFoundError) as caught:
        unsubscribe(workshop, "cat")
    assert "chat" in caught.value.hint


def test_the_server_tells_beside_all_else_and_says_once_who_is_deaf(
    workshop: Workshop, courier: FakeCourier
) -> None:
    said: list[str] = []
    loop = NoticesOnTime(workshop, said.append)
    subscribe(workshop, CHAT)
    promote(workshop, "shop/web:1", "production")
    courier.deaf.add("chat")
    waiting = Event()
    for _ in range(200):
        loop.turn()
        workshop.clock.sleep(5)
        waiting.wait(0.01)
        if subscription_named(workshop, "chat")[1].failures > 1:
            courier.deaf.clear()
        if courier.delivered:
            break
    loop.close()
    assert len(courier.delivered["chat"]) == 1
    assert said == ["chat is not told: chat does not take it"]
