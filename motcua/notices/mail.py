"""Letters by e-mail: a few connections that are kept and reused, and what a server's answers mean.

A letter leaves at least once. When a connection breaks before the server has answered the end of the content,
nobody knows whether it took the letter: it is sent again, with the same Message-ID.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from pydantic import SecretStr

from models.addresses import NotAnAddress
from models.refusals import Problem
from motcua.notices.letter import ChannelAway, Letter
from motcua.notices.mime import Mail, Mailbox, compose, undeliverable
from motcua.notices.relay import BadMailSetting, Connection, Relay
from motcua.notices.said import said

IDLE = 30.0
"""Seconds after which an unused connection is closed; servers wait longer."""
LOGIN_NEEDED = (530, 534, 535, 538)
"""Answers that speak of our login, whatever they answer (RFC 4954)."""
CLOSING = 421
NAMED = re.compile(r"(.*)<([^<>]*)>")


class Mailer:
    """Sends letters through one mail server, over at most `connections` connections at a time."""

    def __init__(
        self,
        url: SecretStr,
        sender: str,
        *,
        ca_file: Path | None = None,
        timeout: float = 20.0,
        connections: int = 4,
        idle: float = IDLE,
    ) -> None:
        self._relay = Relay.of(url.get_secret_value())
        self._sender = _sender(sender)
        self._context = self._relay.context(ca_file)
        self._timeout, self._idle_time = timeout, idle
        self._places = asyncio.Semaphore(connections)
        self._idle: dict[Connection, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for connection in list(self._idle):
            self._retire(connection)
        if self._leaving:
            await asyncio.wait(self._leaving)
        await asyncio.sleep(0)  # the loop closes the sockets of dropped connections in its next round

    async def send(self, letter: Letter) -> str:
        """Send a letter; returns what the server answered when it took it.

        Takes no longer than the time limit, waiting for a connection included. A person has to mend what is
        Undeliverable; after ChannelAway the same letter is sent again later.
        """
        mail = compose(letter, self._sender)
        waited = True
        try:
            async with asyncio.timeout(self._timeout), self._places:
                waited = False
                return await self._deliver(mail)
        except (SMTPException, OSError) as error:  # TimeoutError is one, whoever raised it
            if isinstance(error, TimeoutError):
                what = "every connection is busy" if waited else "the server does not answer"
                problem: Problem = _away(f"{what} within {self._timeout:g} s")
            else:
                problem = self._problem(error, mail)
        # Outside of the handler: what the library raised holds the recipient's address.
        raise problem

    async def _deliver(self, mail: Mail) -> str:
        connection = self._take()
        try:
            if connection is None or not await _takes_more(connection, mail):
                connection = await Connection.open(self._relay, self._context, self._sender.domain)
                _check_utf8(connection, mail)
                await connection.announce(mail)
            answer = await connection.data(mail.content)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._keep(connection)
        return said(f"{answer.code} {answer.message}", mail.hidden)

    # The pool: the last one used goes out first, so that the others grow old and are closed

    def _take(self) -> Connection | None:
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.is_connected:
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        timer = asyncio.get_running_loop().call_later(self._idle_time, self._retire, connection)
        self._idle[connection] = timer
        if self._closed:
            self._retire(connection)

    def _retire(self, connection: Connection) -> None:
        self._idle.pop(connection).cancel()
        task = asyncio.create_task(connection.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _problem(self, error: SMTPException | OSError, mail: Mail) -> Problem:
        """What an error means for the letter. Only an answer that speaks of the letter is for good."""
        if isinstance(error, SMTPNotSupported):
            return undeliverable("the address needs SMTPUTF8, which the mail server does not offer")
        if not isinstance(error, SMTPResponseException):
            return _away(said(str(error) or type(error).__name__, mail.hidden))
        words = said(f"{error.code} {error.message}", mail.hidden, self._relay.secrets())
        if isinstance(error, SMTPAuthenticationError) or error.code in LOGIN_NEEDED:
            return _away(f"it refuses our login: {words}")
        of_the_letter = isinstance(error, SMTPSenderRefused | SMTPRecipientRefused | SMTPDataError)
        return undeliverable(words) if of_the_letter and 500 <= error.code < 600 else _away(words)


async def _takes_more(connection: Connection, mail: Mail) -> bool:
    """Begin a mail on a connection that was kept; False if the server has closed it meanwhile.

    Then another one may be tried at once, because nothing of the content has been sent.
    """
    _check_utf8(connection, mail)
    try:
        await connection.announce(mail)
    except (SMTPServerDisconnected, ConnectionError):
        connection.close()
        return False
    except SMTPResponseException as error:
        if error.code != CLOSING:
            raise
        connection.close()
        return False
    return True


def _check_utf8(connection: Connection, mail: Mail) -> None:
    if mail.utf8 and not connection.supports_extension("smtputf8"):
        raise SMTPNotSupported("SMTPUTF8")


def _sender(text: str) -> Mailbox:
    named = NAMED.fullmatch(text.strip())
    name, address = named.groups() if named else ("", text.strip())
    try:
        sender = Mailbox.of(address, name.strip().strip('"'))
    except NotAnAddress as error:
        raise BadMailSetting(setting="MOTCUA_MAIL_FROM", reason=f"its address {error}") from None
    if not sender.local.isascii():
        raise BadMailSetting(setting="MOTCUA_MAIL_FROM", reason="its address must be ASCII")
    return sender


def _away(reason: str) -> ChannelAway:
    return ChannelAway(channel="email", reason=reason)
