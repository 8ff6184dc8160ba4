"""What is sent arrives as others read it: CloudEvents, Standard Webhooks, mail over real SMTP."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from herdbook.audit.chain import Entry, Head, Record, following
from herdbook.core.errors import InvalidInputError, NetworkError
from herdbook.drivers.couriers import HostCourier
from herdbook.drivers.network import HostNetwork
from herdbook.notifications.composing import event, text
from herdbook.notifications.model import Kind, Subscription
from herdbook.notifications.signing import new_secret

pytestmark = pytest.mark.alone  # ports that nobody listens at

SOURCE = "urn:herdbook:0123456789abcdef"
ENTRY = Entry(
    who="änna",
    verb="promote",
    subject="shop/web@production",
    details={"version": 8, "why": "Zahlung auf Rechnung: größer", "followed": ["dev"]},
)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Receiver:
    """A web server that keeps what it is sent, and answers with a status."""

    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def subscription(self) -> Subscription:
        return Subscription("chat", Kind.WEBHOOK, f"http://127.0.0.1:{self.port}/hook?key=private")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.got.append((headers, self.rfile.read(length)))
            self.send_response(made.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = int(server.server_address[1])
        Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def record() -> Record:
    return following(Head(), ENTRY, now())


def test_a_webhook_gets_an_event_that_other_programs_read_and_can_check(
    receiver: Receiver, record: Record
) -> None:
    secret = new_secret()
    HostCourier("", "").deliver(receiver.subscription, event(record, SOURCE), secret, now())
    [(headers, body)] = receiver.got
    assert headers["content-type"] == "application/cloudevents+json"
    data: Any = Webhook(secret).verify(body, headers)
    assert data["data"] == {"number": 1, "who": "änna", "details": dict(ENTRY.details)}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"promote", b"revoke!"), headers)


def test_an_event_is_one_by_the_specification(record: Record) -> None:
    from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
    from cloudevents.core.formats.json import JSONFormat

    message = HTTPMessage(
        {"content-type": "application/cloudevents+json"}, event(record, SOURCE).content
    )
    found = from_structured_event(message, JSONFormat())
    assert (found.get_type(), found.get_source()) == ("io.herdbook.promote", SOURCE)
    assert (found.get_id(), found.get_subject()) == (record.digest, "shop/web@production")
    assert found.get_time() == record.at


@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_is_not_taken_is_told_without_the_address_which_may_hold_a_secret(
    receiver: Receiver, record: Record, status: int
) -> None:
    receiver.status = status
    with pytest.raises(NetworkError, match=f"status {status}") as caught:
        HostCourier("", "").deliver(
            receiver.subscription, event(record, SOURCE), new_secret(), now()
        )
    assert "private" not in caught.value.message
    assert len(receiver.got) == 1


def test_nobody_there_is_told_without_the_address(record: Record) -> None:
    nobody = Subscription("chat", Kind.WEBHOOK, "http://127.0.0.1:9/private")
    with pytest.raises(NetworkError, match="does not answer") as caught:
        HostCourier("", "").deliver(nobody, event(record, SOURCE), new_secret(), now())
    assert "private" not in caught.value.message


# --- Mail


@dataclass
class Post:
    """Keeps the mails that a real server for mail was given; it refuses `refused`."""

    refused: str = ""
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address == self.refused:
            return "550 nobody is called so"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        assert isinstance(envelope.content, bytes)
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        return "250 OK"


@pytest.fixture
def post() -> Iterator[tuple[Post, str]]:
    made = Post()
    port = HostNetwork().free_port()
    controller = Controller(made, hostname="127.0.0.1", port=port)
    controller.start()
    yield made, f"smtp://127.0.0.1:{port}"
    controller.stop()


OPS = Subscription("ops", Kind.MAIL, "ops@example.org")


def test_people_get_a_text_with_all_that_was_done(post: tuple[Post, str], record: Record) -> None:
    made, address = post
    second = following(
        Head(number=1, digest=record.digest), Entry(who="bob", verb="hold", subject="x"), now()
    )
    message = text([record, second], SOURCE)
    HostCourier(address, "herdbook@build.example").deliver(OPS, message, "", now())
    [mail] = made.mails
    assert (mail["from"], mail["to"]) == ("Herdbook <herdbook@build.example>", "ops@example.org")
    assert mail["subject"] == "Herdbook: änna: promote shop/web@production and 1 more"
    content = mail.get_content()
    assert "why: Zahlung auf Rechnung: größer" in content
    assert "bob: hold x" in content
    assert "records 1 to 2 of the audit" in content


def test_the_same_records_have_the_same_identity(post: tuple[Post, str], record: Record) -> None:
    made, address = post
    for _ in range(2):
        message = text([record], SOURCE)
        HostCourier(address, "herdbook@build.example").deliver(OPS, message, "", now())
    first, second = (each["message-id"] for each in made.mails)
    assert first == second


def test_what_a_server_refuses_is_said(post: tuple[Post, str], record: Record) -> None:
    made, address = post
    made.refused = OPS.address
    with pytest.raises(NetworkError, match="refuses whom it is for"):
        HostCourier(address, "herdbook@build.example").deliver(
            OPS, text([record], SOURCE), "", now()
        )


def test_a_password_never_goes_in_the_clear(record: Record) -> None:
    asked: list[object] = []

    def authenticate(*said: object) -> AuthResult:
        asked.append(said)
        return AuthResult(success=True)

    made, port = Post(), HostNetwork().free_port()
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticate,
        auth_require_tls=False,
    )
    controller.start()
    try:
        with pytest.raises(NetworkError, match="offers no TLS"):
            HostCourier(f"smtp://ann:secret@127.0.0.1:{port}", "herdbook@build.example").deliver(
                OPS, text([record], SOURCE), "", now()
            )
    finally:
        controller.stop()
    assert (asked, made.mails) == ([], [])


@pytest.mark.parametrize("server", ["", "http://127.0.0.1", "smtp://", "smtp://h:99999"])
def test_no_server_for_mail_is_a_mistake_that_is_told(record: Record, server: str) -> None:
    with pytest.raises(InvalidInputError, match="server for mail"):
        HostCourier(server, "a@b").deliver(OPS, text([record], SOURCE), "", now())


def test_nobody_can_write_headers_of_a_mail_by_what_they_are_called(
    post: tuple[Post, str],
) -> None:
    made, address = post
    entry = Entry(who="a\nBcc: all@example.org", verb="x", subject="y\r\nZ: 1")
    message = text([following(Head(), entry, now())], SOURCE)
    HostCourier(address, "herdbook@build.example").deliver(OPS, message, "", now())
    [mail] = made.mails
    assert (mail["bcc"], mail["z"]) == (None, None)
    assert mail["subject"] == "Herdbook: a Bcc: all@example.org: x y Z: 1"
