"""Real servers on loopback for what leaves the office: a mail server and a receiver of webhooks.

    async with MailServer(security="starttls") as server:
        server.mood = Mood("rcpt", "451 later", times=2)
        ... Mailer(SecretStr(server.url), "Một cửa <motcua@example.vn>", ca_file=server.ca_file) ...
        assert [each.key for each in server.received]

Both run in the event loop of the test, take certificates from an authority of their own, and keep what they
took apart from what the client heard of: `unheard` was taken although no answer ever came.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import tempfile
import warnings
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from standardwebhooks import Webhook

HOST = "localhost"
"""The name in the certificates."""
Stage = Literal["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]


class Authority:
    """A certificate authority, with its certificate in a file."""

    def __init__(self, *names: str) -> None:
        self._authority = trustme.CA()
        self._certificate = self._authority.issue_cert(*(names or (HOST,)))
        directory = tempfile.mkdtemp(prefix="motcua-ca-")
        weakref.finalize(self, shutil.rmtree, directory)
        self.file = Path(directory) / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def context(self) -> ssl.SSLContext:
        """What a server presents."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._certificate.configure_cert(context)
        return context


# Mail


@dataclass
class Mood:
    """How a mail server is at one stage of every session: it hangs, drops the connection, or gives an answer.

    "dot" comes after the content, so that with "hang" and "drop" the message has been taken all the same.
    """

    stage: Stage
    act: str
    """`hang`, `drop`, or an answer like `451 later`; `{to}` in it is the recipient."""
    times: int | None = None
    """How often; None: always."""

    def strikes(self, stage: Stage) -> bool:
        """Whether it is this stage's turn; counts."""
        if stage != self.stage or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Received:
    """A message that a mail server took."""

    sender: str
    recipients: list[str]
    options: list[str]
    raw: bytes
    message: EmailMessage

    @property
    def id(self) -> str:
        """Its Message-ID."""
        return str(self.message["Message-ID"])

    def body(self, kind: Literal["plain", "html"]) -> str:
        """One of its texts."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """A mail server with TLS, a login and moods. `port` and `url` are there once it is entered."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    login: tuple[str, str] | None = ("motcua", "mật khẩu/@:?#%")
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    smtputf8: bool = True
    most_bytes: int = 2**25
    authority: Authority | None = None
    """Whose certificate it presents; its own if none is given."""

    mood: Mood | None = None
    received: list[Received] = field(default_factory=list)
    """All that was taken, in order."""
    unheard: list[Received] = field(default_factory=list)
    """What was taken although the client never heard so; it is among `received` as well."""
    connections: int = 0
    handshakes: int = 0
    logins: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """For MOTCUA_SMTP_URL."""
        scheme = {"starttls": "smtp", "tls": "smtps", "none": "smtp+plain"}[self.security]
        user = f"{quote(self.login[0], '')}:{quote(self.login[1], '')}@" if self.login else ""
        return f"{scheme}://{user}{HOST}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """For MOTCUA_CA_FILE."""
        assert self.authority is not None
        return self.authority.file

    @property
    def ids(self) -> list[str]:
        """The Message-IDs of all that was taken."""
        return [each.id for each in self.received]

    @property
    def open_sessions(self) -> int:
        """Connections that are open now."""
        return sum(not session.gone for session in self._sessions)

    def close_idle(self) -> None:
        """Close every connection, as servers do that wait no longer."""
        for session in list(self._sessions):
            session.drop()

    async def __aenter__(self) -> Self:
        self._sessions: set[_Session] = set()
        self.authority = self.authority or Authority()
        context = self.authority.context()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Session(self, context if self.security == "starttls" else None),
            HOST,
            self.port,
            ssl=context if self.security == "tls" else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await asyncio.gather(*(session.end() for session in list(self._sessions)), return_exceptions=True)

    async def handle_DATA(self, session: _Session, _: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd when a message has come."""
        raw = envelope.original_content or b""
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        taken = Received(
            str(envelope.mail_from), [*envelope.rcpt_tos], [*envelope.mail_options], raw, message
        )
        mood = self.mood
        if mood is not None and mood.strikes("dot"):
            if mood.act in ("hang", "drop"):
                self.received.append(taken)
                self.unheard.append(taken)
            return await session.act(mood, envelope.rcpt_tos[0])
        self.received.append(taken)
        return f"250 2.0.0 OK queued as {len(self.received)}"

    def handle_STARTTLS(self, *_: Any) -> bool:
        """Called by aiosmtpd after a handshake."""
        self.handshakes += 1
        return True


class _Session(SMTP):
    """One session: aiosmtpd's, with the server's mood before each stage."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None) -> None:
        self.server = server
        self._raw: asyncio.BaseTransport | None = None
        with warnings.catch_warnings():
            # aiosmtpd cannot see that implicit TLS protects a login, and warns.
            warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
            super().__init__(
                server,
                hostname=HOST,
                tls_context=context,
                require_starttls=context is not None,
                auth_required=server.login is not None,
                auth_require_tls=context is not None,
                auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(server.mechanisms),
                authenticator=self._login,
                enable_SMTPUTF8=server.smtputf8,
                data_size_limit=server.most_bytes,
                loop=asyncio.get_running_loop(),
            )

    def _login(self, _s: SMTP, _session: Session, _e: Envelope, _how: str, data: LoginPassword) -> AuthResult:
        good = self.server.login == (data.login.decode(), data.password.decode())
        self.server.logins += good
        return AuthResult(success=good, handled=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._raw is None:  # STARTTLS comes by here again
            self._raw = transport
            self.server._sessions.add(self)
            self.server.connections += 1
            self.server.handshakes += self.server.security == "tls"
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.server._sessions.discard(self)
        super().connection_lost(error)

    def drop(self) -> None:
        """Close the connection without a word."""
        assert isinstance(self._raw, asyncio.WriteTransport)
        self._raw.abort()

    @property
    def gone(self) -> bool:
        """Whether the connection is closed; after a failed handshake aiosmtpd does not notice for long."""
        return self._raw is not None and self._raw.is_closing()

    async def end(self) -> None:
        """Close the connection, and end whatever hangs."""
        self.drop()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
            await self._handler_coroutine

    async def act(self, mood: Mood, recipient: str = "") -> str:
        """What a mood does; returns the answer to give, if any is given."""
        if mood.act == "hang":
            await asyncio.Event().wait()
        if mood.act == "drop":
            self.drop()
            await asyncio.Event().wait()  # until the loss of the connection cancels this
        return mood.act.replace("{to}", recipient)

    async def _struck(self, stage: Stage, arg: str = "") -> bool:
        mood = self.server.mood
        if mood is None or not mood.strikes(stage):
            return False
        await self.push(await self.act(mood, arg.removeprefix("TO:<").partition(">")[0]))
        return True

    async def _handle_client(self) -> None:
        try:
            struck = await self._struck("greeting")
        except asyncio.CancelledError:  # the client has gone; aiosmtpd closes what is cancelled later
            self.drop()
            raise
        if struck:
            self.drop_politely()
        else:
            await super()._handle_client()

    def drop_politely(self) -> None:
        """Close the connection after what was said."""
        if self.transport is not None:
            self.transport.close()

    async def smtp_EHLO(self, arg: str) -> None:
        if not await self._struck("ehlo"):
            await super().smtp_EHLO(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:
        mood = self.server.mood
        if mood is not None and mood.stage == "starttls" and mood.act in ("hang", "drop"):
            await self.push("220 Ready to start TLS")  # and then no handshake
        if not await self._struck("starttls"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        if not await self._struck("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._struck("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not await self._struck("rcpt", arg or ""):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if not await self._struck("data"):
            await super().smtp_DATA(arg)


# Webhooks


@dataclass
class Answer:
    """How a receiver of webhooks answers.

    `act`: answer; hang (never answer); drop (close before the answer); cut (close in the middle of its body);
    drip (a body that never ends); trickle (headers that never end). The notice has been taken in all of them
    if the status is one of the 200s.
    """

    status: int = 200
    body: bytes = b"ok"
    act: Literal["answer", "hang", "drop", "cut", "drip", "trickle"] = "answer"
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    """How often; None: always. Then it is friendly again."""


@dataclass
class Delivery:
    """A notice that was taken, its signature verified."""

    id: str
    path: str
    headers: dict[str, str]
    body: bytes
    payload: Any


@dataclass
class HookServer:
    """A receiver of webhooks that verifies signatures, and takes each idempotency key once."""

    secret: str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLBYwDxvcTTGmNdIxgwGp"
    tls: bool = False
    host: str = "127.0.0.1"
    names: tuple[str, ...] = ("127.0.0.1", HOST)
    """For which its certificate is good."""
    authority: Authority | None = None
    """Whose certificate it presents; its own if none is given."""

    answer: Answer | None = None
    received: list[Delivery] = field(default_factory=list)
    """Each notice once."""
    unheard: list[Delivery] = field(default_factory=list)
    """What was taken although the client never heard so; it is among `received` as well, unless it had come
    before."""
    requests: Counter[str] = field(default_factory=Counter)
    """How often each id came, with a good signature."""
    forged: int = 0
    """Requests whose signature was not good; they were answered with 401."""
    connections: int = 0
    server_names: list[str | None] = field(default_factory=list)
    """The names asked for in TLS handshakes."""
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}/hook"

    @property
    def ca_file(self) -> Path:
        """The authority behind its certificate."""
        assert self.authority is not None
        return self.authority.file

    async def __aenter__(self) -> Self:
        self.authority = self.authority or Authority(*self.names)
        self._open: set[asyncio.Task[Any]] = set()
        context = self.authority.context() if self.tls else None
        if context is not None:
            context.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while await self._request(reader, writer):
                pass
            writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        answer = self._answer()
        try:
            payload = Webhook(self.secret).verify(body, headers)
            assert headers["idempotency-key"] == headers["webhook-id"]
        except Exception:
            self.forged += 1
            answer = Answer(401, b"the signature is not good")
        else:
            self._take(Delivery(headers["webhook-id"], head[0].split()[1], headers, body, payload), answer)
        return await _reply(answer, writer)

    def _answer(self) -> Answer:
        answer = self.answer
        if answer is None or answer.times == 0:
            return Answer()
        if answer.times is not None:
            answer.times -= 1
        return answer

    def _take(self, delivery: Delivery, answer: Answer) -> None:
        self.requests[delivery.id] += 1
        if not 200 <= answer.status < 300:
            return
        if all(each.id != delivery.id for each in self.received):
            self.received.append(delivery)
        if answer.act in ("hang", "drop", "trickle"):
            self.unheard.append(delivery)


async def _reply(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    if answer.act == "hang":
        await asyncio.Event().wait()
    if answer.act == "drop":
        return False
    length = 1_000_000 if answer.act in ("cut", "drip") else len(answer.body)
    lines = {"Content-Length": str(length), **answer.headers}
    writer.write(f"HTTP/1.1 {answer.status} Told\r\n".encode())
    writer.write("".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode())
    while answer.act == "trickle":
        await _drip(writer, b"X-More: more\r\n")
    writer.write(b"\r\n" + answer.body)
    while answer.act == "drip":
        await _drip(writer, b".")
    await writer.drain()
    return answer.act != "cut"


async def _drip(writer: asyncio.StreamWriter, drop: bytes) -> None:
    writer.write(drop)
    await writer.drain()
    await asyncio.sleep(0.02)


@asynccontextmanager
async def silence() -> AsyncIterator[int]:
    """A port that takes connections and never says anything, not even a TLS handshake."""
    writers: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError):
            while await reader.read(1000):
                pass
        writer.transport.abort()

    server = await asyncio.start_server(hold, HOST)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
