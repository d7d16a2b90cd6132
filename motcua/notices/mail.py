"""Mail: letters over SMTP, on a few connections that are used again and again."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime, parseaddr
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import errors

from models.refusals import BadInput
from motcua.notices.letter import ChannelAway, Letter, Undeliverable

CHANNEL = "email"
IDLE = 30.0
"""Seconds after which an unused connection is closed: servers do it themselves, and not politely."""
QUEUE = 60.0
"""Seconds that a letter waits for a connection before it is tried again later."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@[^\s@<>(),;:\\\"\[\]]+")
_PLAIN = POLICY.clone(cte_type="7bit")
"""Bodies as printable ASCII: no line is too long, and no server has to know of 8 bits."""

Security = Literal["starttls", "implicit", "none"]
SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("implicit", 465),
    "smtp+plain": ("none", 25),
}


class BadMailSetting(BadInput):
    """A mail server or a sender that cannot be used."""

    sentence = "{what} cannot be used: {reason}"


class Server(NamedTuple):
    """A mail server, and how to talk to it."""

    host: str
    port: int
    security: Security
    user: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Server:
        """Read `smtp://user:password@host` (STARTTLS), `smtps://…` (TLS) or `smtp+plain://host`."""

        def refuse(reason: str) -> BadMailSetting:
            return BadMailSetting(what="The URL of the mail server", reason=reason)

        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise refuse("it is no URL") from error
        if parts.scheme not in SCHEMES:
            raise refuse(f"it begins with none of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
        if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise refuse("it must be a host, perhaps with a port, a user and a password, and nothing else")
        security, usual = SCHEMES[parts.scheme]
        user = unquote(parts.username) if parts.username is not None else None
        password = unquote(parts.password) if parts.password is not None else None
        if (user is None) != (password is None):
            raise refuse("a user needs a password")
        if user is not None and security == "none":
            raise refuse("a password must not travel without TLS")
        return cls(parts.hostname, port or usual, security, user, password)


class Mailer:
    """Sends letters; a connection serves many, and is never used again after anything went wrong."""

    def __init__(
        self,
        url: str,
        sender: str,
        *,
        ca_file: Path | None = None,
        timeout: float = 20.0,
        connections: int = 4,
    ) -> None:
        self._server, self._sender = Server.parse(url), _sender(sender)
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []
        self._tls: ssl.SSLContext | None = None
        if self._server.security != "none":
            try:
                self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            except OSError as error:
                raise BadMailSetting(what=f"The certificates in {ca_file}", reason=str(error)) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            await self._quit(self._idle.pop()[0])

    async def send(self, letter: Letter) -> str:
        """Hand a letter to the server; returns what it said.

        Raises Undeliverable where it refuses it for good, ChannelAway where it may take it later. After a
        ChannelAway it may have it all the same: it knows the letter by its Message-ID.
        """
        message = compose(letter, self._sender)
        try:
            async with asyncio.timeout(QUEUE):
                await self._slots.acquire()
        except TimeoutError as error:
            raise ChannelAway(channel=CHANNEL, reason="all connections are busy") from error
        try:
            return await self._deliver(letter, message)
        finally:
            self._slots.release()

    async def _deliver(self, letter: Letter, message: EmailMessage) -> str:
        smtp: aiosmtplib.SMTP | None = None
        try:
            async with asyncio.timeout(self._timeout):
                smtp = await self._connected()
                answer = await self._transmit(smtp, letter, message)
        except (Undeliverable, ChannelAway):
            self._drop(smtp)
            raise
        except (errors.SMTPException, OSError, TimeoutError) as error:
            self._drop(smtp)
            raise _judged(error, letter) from error
        except BaseException:  # cancelled half way: the server may wait for the rest of a letter
            self._drop(smtp)
            raise
        self._idle.append((smtp, time.monotonic()))
        return answer

    async def _transmit(self, smtp: aiosmtplib.SMTP, letter: Letter, message: EmailMessage) -> str:
        options = []
        if not letter.to.isascii():
            if not smtp.supports_extension("smtputf8"):
                raise Undeliverable(to="recipient", reason="the server takes no address of this alphabet")
            options.append("SMTPUTF8")
        _, said = await smtp.sendmail(
            self._sender.addr_spec, [letter.to], message.as_bytes(), mail_options=options
        )
        return _clean(f"250 {said}", letter)

    async def _connected(self) -> aiosmtplib.SMTP:
        """A connection that works: one that has been idle is asked first."""
        while self._idle:
            smtp, since = self._idle.pop()
            if time.monotonic() - since < IDLE and smtp.is_connected:
                with suppress(errors.SMTPException, OSError):
                    await smtp.noop()
                    return smtp
            self._drop(smtp)
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=self._timeout,
            use_tls=server.security == "implicit",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
        )
        try:
            await smtp.connect()
            if server.user is not None and server.password is not None:
                await smtp.login(server.user, server.password)
        except errors.SMTPException as error:
            # Before a letter is named nothing can be its fault: a wrong password, a host that blocks us.
            self._drop(smtp)
            raise ChannelAway(channel=CHANNEL, reason=_said(error)) from error
        except BaseException:
            self._drop(smtp)
            raise
        return smtp

    @staticmethod
    def _drop(smtp: aiosmtplib.SMTP | None) -> None:
        if smtp is not None:
            smtp.close()

    async def _quit(self, smtp: aiosmtplib.SMTP) -> None:
        with suppress(errors.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(2):
                await smtp.quit()
        self._drop(smtp)


def compose(letter: Letter, sender: Address) -> EmailMessage:
    """A letter as a message; Undeliverable where its address or a header would be more than one."""
    to = _recipient(letter)
    subject = letter.words.subject
    if _UNPRINTABLE.search(subject):
        raise Undeliverable(
            to="recipient", reason="the subject has a line break or a control character in it"
        )
    message = EmailMessage(policy=_PLAIN)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{hashlib.sha256(letter.key.encode()).hexdigest()[:32]}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = letter.language
    message.set_content(letter.words.text)
    message.add_alternative(letter.words.html, subtype="html")
    for attachment in letter.attachments:
        maintype, _, subtype = attachment.media_type.partition("/")
        message.add_attachment(
            attachment.content, maintype=maintype, subtype=subtype, filename=attachment.name
        )
    return message


def _recipient(letter: Letter) -> Address:
    if not _ADDRESS.fullmatch(letter.to) or _UNPRINTABLE.search(letter.to):
        raise Undeliverable(to="recipient", reason="the address is none")
    if _UNPRINTABLE.search(letter.to_name):
        raise Undeliverable(to="recipient", reason="the name has a line break or a control character in it")
    try:
        user, _, domain = letter.to.rpartition("@")
        return Address(display_name=letter.to_name, username=user, domain=domain.encode("idna").decode())
    except (ValueError, IndexError, UnicodeError, MessageError) as error:
        raise Undeliverable(to="recipient", reason="the address is none") from error


def _sender(text: str) -> Address:
    name, address = parseaddr(text)
    try:
        if _UNPRINTABLE.search(text) or not _ADDRESS.fullmatch(address) or not address.isascii():
            raise ValueError
        return Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError) as error:
        raise BadMailSetting(what=f"The sender {text!r}", reason="write it like Name <a@b>") from error


def _judged(error: Exception, letter: Letter) -> Exception:
    """What an error in the middle of a letter means: its server refuses the letter, or is not there now."""
    if isinstance(error, errors.SMTPRecipientsRefused):
        error = error.recipients[0]
    permanent = (errors.SMTPSenderRefused, errors.SMTPRecipientRefused, errors.SMTPDataError)
    if isinstance(error, permanent) and 500 <= error.code < 600:
        return Undeliverable(to="recipient", reason=_clean(f"{error.code} {error.message}", letter))
    return ChannelAway(channel=CHANNEL, reason=_clean(_said(error), letter))


def _said(error: BaseException) -> str:
    if isinstance(error, errors.SMTPResponseException):
        return f"{error.code} {error.message}"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error) or type(error).__name__


def _clean(text: str, letter: Letter) -> str:
    """One line without addresses: it is kept for ever, and an applicant's address must be erasable."""
    text = _UNPRINTABLE.sub(" ", text.replace(letter.to, "<address>"))
    return " ".join(_ADDRESS.sub("<address>", text).replace("<<address>>", "<address>").split())[:300]
