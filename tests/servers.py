"""A real mail server and a real receiver of webhooks, both on loopback, that can be told to misbehave."""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import ssl
import tempfile
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from functools import cache
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

USER, PASSWORD = "motcua", "s3cret/@:"


@cache
def authority() -> tuple[trustme.CA, Path]:
    """The one authority that both servers have their certificates from, and its own certificate."""
    made = trustme.CA()
    folder = tempfile.TemporaryDirectory(prefix="motcua-ca-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, path


class Served:
    """What both servers have: a certificate, connections, and moods.

    `at(stage, what, times)` says what is done at a stage, so often or until `calm()`.
    """

    def __init__(self) -> None:
        self.ca_file = authority()[1]
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority()[0].issue_cert("127.0.0.1", "localhost", "hook.example").configure_cert(self._tls)
        self._moods: dict[str, tuple[Any, int | None]] = {}
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        """How many were made in all."""

    def at(self, stage: str, what: Any, times: int | None = None) -> None:
        """Misbehave at a stage."""
        self._moods[stage] = (what, times)

    def calm(self) -> None:
        """Behave."""
        self._moods.clear()

    def _mood(self, stage: str) -> Any:
        what, times = self._moods.get(stage, (None, None))
        if times is not None:
            if times == 0:
                return None
            self._moods[stage] = (what, times - 1)
        return what

    async def stop(self) -> None:
        """Be away: nobody listens any more, and open connections are cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._cut()

    async def start(self) -> None:
        """Listen, on the same port as before."""
        raise NotImplementedError

    def _cut(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class MailServer(Served):
    """An SMTP server with STARTTLS (or TLS from the start) and passwords.

    Stages are "connect", "AUTH", "MAIL", "RCPT", "DATA" (the letter has come); what is done there is a
    reply ("550 no such user"), "hang", "drop", or "accept and drop": taken, and the connection cut before
    the sender hears of it.
    """

    def __init__(self, *, implicit_tls: bool = False, utf8: bool = True) -> None:
        super().__init__()
        self._implicit, self._utf8 = implicit_tls, utf8
        self.received: list[EmailMessage] = []
        """Every letter that was taken, in order."""
        self.recipients: list[list[str]] = []
        """The addresses that each was handed over for."""
        self._transports: set[Any] = set()

    @property
    def url(self) -> str:
        """Where it is, with user and password."""
        scheme = "smtps" if self._implicit else "smtp"
        return f"{scheme}://{USER}:s3cret%2F%40%3A@127.0.0.1:{self.port}"

    def ids(self) -> Counter[str]:
        """How often each letter was taken, by Message-ID."""
        return Counter(str(letter["Message-ID"]) for letter in self.received)

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Smtp(self), "127.0.0.1", self.port, ssl=self._tls if self._implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _cut(self) -> None:
        for transport in list(self._transports):
            transport.abort()

    # aiosmtpd's hooks

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=good and self._mood("AUTH") is None)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return await self._do("MAIL", server) or self._accept_sender(envelope, address, options)

    def _accept_sender(self, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (reply := await self._do("RCPT", server)) is not None:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mood = self._mood("DATA")
        if mood in (None, "accept and drop"):
            self._take(envelope)
        return await self._act(mood, server) or "250 2.0.0 OK queued"

    def _take(self, envelope: Envelope) -> None:
        content = envelope.original_content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, _class=EmailMessage, policy=POLICY)
        assert isinstance(letter, EmailMessage)
        self.received.append(letter)
        self.recipients.append(list(envelope.rcpt_tos))

    async def _do(self, stage: str, server: SMTP) -> str | None:
        return await self._act(self._mood(stage), server)

    async def _act(self, mood: Any, server: SMTP) -> str | None:
        if mood == "hang":
            await asyncio.Event().wait()
        if mood in ("drop", "accept and drop"):
            server.transport.abort()
            await asyncio.Event().wait()
        return mood if isinstance(mood, str) else None


class _Smtp(SMTP):
    """One connection."""

    def __init__(self, server: MailServer) -> None:
        self._of = server
        super().__init__(
            server,
            hostname="mail.example",
            loop=asyncio.get_running_loop(),  # left to itself it makes another, which nobody runs
            enable_SMTPUTF8=server._utf8,
            tls_context=None if server._implicit else server._tls,
            require_starttls=not server._implicit,
            auth_required=True,
            auth_require_tls=not server._implicit,
            authenticator=server._authenticate,
        )

    def connection_made(self, transport: Any) -> None:
        """Count it, and keep it so that it can be cut."""
        again = self._original_transport is not None  # the same connection, now with TLS
        self._of._transports.add(transport)
        if again:
            super().connection_made(transport)
            return
        self._of.connections += 1
        mood = self._of._mood("connect")
        if mood == "drop":
            transport.abort()
        elif mood == "hang":
            return
        elif mood is not None:
            transport.write(f"{mood}\r\n".encode())
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It has ended."""
        self._of._transports.discard(self.transport)
        if self.session is not None:  # it had been greeted
            super().connection_lost(error)


class HookServer(Served):
    """A receiver of webhooks, over TLS, that checks each signature with an implementation of its own.

    At the stage "answer" it does: a status (302 leads elsewhere), "hang", "drip" (an answer that never
    ends), "close" (in the middle of the answer), "accept and drop".
    """

    def __init__(self, *, tls: bool = True) -> None:
        super().__init__()
        self._with_tls = tls
        self.secret = "whsec_" + base64.b64encode(b"a secret of the hook's own").decode()
        self.seen: Counter[str] = Counter()
        """How often each idempotency key came with a good signature and was accepted."""
        self.accepted: list[dict[str, Any]] = []
        """What was accepted, once for each key."""
        self.forged = 0
        self.asked = 0
        self.paths: list[str] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._with_tls else 'http'}://127.0.0.1:{self.port}/notices"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls if self._with_tls else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked += 1
        self.paths.append(request.split()[1])
        mood = self._mood("answer")
        if mood == "hang":
            await asyncio.Event().wait()
        if mood in (None, "accept and drop", "close", "drip"):
            self._accept(body, headers)
        if mood == "accept and drop":
            return False
        if mood == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.05)
        status = mood if isinstance(mood, int) else 200
        extra = f"Location: {self.url}/elsewhere\r\n" if 300 <= status < 400 else ""
        answer = b"noted\r\nX-Evil: yes"
        length = len(answer) + 10 if mood == "close" else len(answer)
        writer.write(f"HTTP/1.1 {status} Said\r\n{extra}Content-Length: {length}\r\n\r\n".encode() + answer)
        await writer.drain()
        return mood != "close"

    def _accept(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            return
        key = headers["idempotency-key"]
        assert key == headers["webhook-id"]
        if key not in self.seen:
            self.accepted.append(json.loads(body))
        self.seen[key] += 1
