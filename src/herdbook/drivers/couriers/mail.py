"""Sends mail: one text to one address, over a server that somebody has named."""

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NetworkError
from herdbook.notifications.model import Message, is_mail_address

_SECONDS = 5.0
"""For each step, of which there are some: who ends the server does not wait for long."""

_PORTS = {"smtp": 25, "smtps": 465}
_HOW = "Name it in HERDBOOK_SMTP: smtp://USER:PASSWORD@HOST:587, or smtps://..."


@dataclass(frozen=True)
class MailServer:
    """A server for mail; `sealed` from the first byte on, or as soon as it offers that."""

    host: str
    port: int
    sealed: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, address: str) -> "MailServer":
        """Read an address; raises InvalidInputError for none, and for what is no such address."""
        if not address:
            raise InvalidInputError("No server for mail is named", hint=_HOW)
        wrong = InvalidInputError("HERDBOOK_SMTP names no server for mail", hint=_HOW)
        try:
            parts = urlsplit(address)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise wrong from error
        if not (port and parts.hostname and parts.scheme in _PORTS):
            raise wrong
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port, parts.scheme == "smtps", user, password)


def send_mail(
    server: MailServer, sender: str, address: str, message: Message, now: datetime
) -> None:
    """Send a text; raises NetworkError where the server does not take it.

    A password is never sent in the clear.
    """
    if not is_mail_address(sender):
        raise InvalidInputError(
            f"HERDBOOK_MAIL_FROM is no address of mail: {sender!r}", hint="Name one: NAME@DOMAIN."
        )
    mail = _mail(sender, address, message, now)
    try:
        with _connected(server) as connection:
            if server.user:
                _log_in(connection, server)
            connection.send_message(mail)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise NetworkError(
            f"{server.host} does not take the mail: {_plainly(error)}",
            hint="It is tried again; see: herdbook notify ls",
        ) from error


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.sealed:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    try:
        connection.ehlo()
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
            connection.ehlo()
    except (OSError, smtplib.SMTPException):
        connection.close()
        raise
    return connection


def _log_in(connection: smtplib.SMTP, server: MailServer) -> None:
    if not isinstance(connection.sock, ssl.SSLSocket):
        raise NetworkError(
            f"{server.host} offers no TLS, and the password would go in the clear",
            hint="Name a server that does, or none with a password.",
        )
    connection.login(server.user, server.password)


def _mail(sender: str, address: str, message: Message, now: datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = Address("Herdbook", addr_spec=sender)
    mail["To"] = Address(addr_spec=address)
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = format_datetime(now)
    # The same for the same records: a server that gets them twice can tell.
    identity = digests.hexadecimal(Digest(message.identity))[:32]
    mail["Message-ID"] = f"<{identity}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.content.decode())
    return mail


def _plainly(error: OSError | ValueError | smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        return f"{error.smtp_code} {text}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "it refuses whom it is for"
    return str(error) or type(error).__name__
