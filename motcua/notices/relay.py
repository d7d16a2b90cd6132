"""The server that takes the office's mail: where it is, and one session with it."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException

from models.refusals import BadInput
from motcua.notices.mime import Mail

Security = Literal["starttls", "tls", "none"]
SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("none", 25),
}
"""How the connection is protected, and the usual port."""
GOODBYE = 2.0
"""Seconds that a server has to answer QUIT."""


class BadMailSetting(BadInput):
    """The mail server or the sender cannot be used as they are configured."""

    sentence = "{setting} cannot be used: {reason}."


@dataclass(frozen=True)
class Relay:
    """A mail server, and how to log in."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Relay:
        """Read a URL. What is said about a bad one quotes nothing of it, for it holds a password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _bad("it is no URL; special characters in user and password are percent-encoded") from None
        if parts.scheme not in SCHEMES:
            raise _bad("it must begin with smtp://, smtps:// or smtp+plain://")
        if any(letter.isspace() or not letter.isprintable() for letter in url):
            raise _bad("it holds spaces or control characters")
        if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in url or "#" in url:
            raise _bad("nothing may stand behind host and port; / ? # in a password are percent-encoded")
        if not parts.hostname or port == 0:
            raise _bad("it names no host, or the port 0")
        security, usual = SCHEMES[parts.scheme]
        if security == "none" and "@" in parts.netloc:
            raise _bad("a password is never sent in the clear: use smtp:// or smtps://")
        if "@" in parts.netloc and not (parts.username and parts.password):
            raise _bad("user and password go together")
        user = unquote(parts.username) if parts.username else None
        return cls(parts.hostname, port or usual, security, user, unquote(parts.password or ""))

    def context(self, ca_file: Path | None) -> ssl.SSLContext:
        """What certificates are held against: the system's authorities, or those of a file alone."""
        try:
            return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        except OSError as error:  # ssl.SSLError is one
            reason = f"{ca_file} is no file with certificates ({error.strerror or error})"
            raise BadMailSetting(setting="MOTCUA_CA_FILE", reason=reason) from error

    def secrets(self) -> tuple[str, ...]:
        """The password, and the forms in which it goes over the wire."""
        if self.user is None:
            return ()
        plain = f"\0{self.user}\0{self.password}"
        return (self.password, *(b64encode(each.encode()).decode() for each in (self.password, plain)))


def _bad(reason: str) -> BadMailSetting:
    return BadMailSetting(setting="MOTCUA_SMTP_URL", reason=reason)


class Connection(SMTP):
    """One session. Without time limits of its own: whoever uses it sets one around everything."""

    @classmethod
    async def open(cls, relay: Relay, context: ssl.SSLContext, name: str) -> Connection:
        """Connect, protect, log in; `name` is what we call ourselves."""
        connection = cls(
            hostname=relay.host,
            port=relay.port,
            local_hostname=name,
            timeout=None,
            use_tls=relay.security == "tls",
            start_tls=False,  # it comes below, where a cancellation finds the transport
            tls_context=context,
        )
        try:
            await connection.connect()
            if relay.security == "starttls":
                await connection.starttls()
            await connection.ehlo()
            if relay.user is not None:
                await connection._log_in(relay.user.encode(), relay.password.encode())
        except BaseException:
            connection.close()
            raise
        return connection

    async def _log_in(self, user: bytes, password: bytes) -> None:
        # SMTP.login would try every method with a wrong password, which locks accounts twice as fast.
        if "plain" in self.server_auth_methods:
            await self.auth_plain(user, password)
        elif "login" in self.server_auth_methods:
            await self.auth_login(user, password)
        else:
            raise SMTPException("it offers neither AUTH PLAIN nor AUTH LOGIN")

    async def announce(self, mail: Mail) -> None:
        """Say from whom and for whom a mail is; of its content nothing is sent."""
        options = []
        if self.supports_extension("size"):
            options.append(f"SIZE={len(mail.content)}")
        if mail.utf8:
            options.append("SMTPUTF8")
        encoding = "utf-8" if mail.utf8 else "ascii"
        await self.mail(mail.sender.address, options=options, encoding=encoding)
        await self.rcpt(mail.recipient.address, encoding=encoding)

    async def leave(self) -> None:
        """Say goodbye, and go without an answer if there is none."""
        with suppress(SMTPException, OSError):
            async with asyncio.timeout(GOODBYE):
                await self.quit()
        self.close()

    def close(self) -> None:
        """Drop the connection at once: a server that hangs never takes what an orderly end has to send."""
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
