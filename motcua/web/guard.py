"""What every request passes: limits on its size, and headers that keep others' pages and scripts out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from models.refusals import BadInput, Forbidden, Problem, http_status
from motcua.web.live import Live
from motcua.web.oversize import Body, GuestForms, NoRoom
from motcua.web.visit import Visit

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
BODY = "motcua.body"
"""In the scope of a request: what has been read of it."""
TURN = "motcua.turn"
"""In the scope of a request: waits for the turn of a large body that comes without a session."""
FORM = 1_000_000
"""Bytes of a form without a file."""


class TooLarge(BadInput):
    """The body of a request is larger than what is taken."""

    sentence = "This is too large: more than {most} MB are not taken at once."


def status_of(problem: Problem) -> int:
    """The HTTP status that a problem is answered with."""
    return 413 if isinstance(problem, TooLarge) else http_status(problem)


class AnotherSite(Forbidden):
    """A browser says that a page of somebody else sends this form."""

    sentence = "This form was sent from another site. Nothing was done."


class Manners:
    """Lets what pages fetch by themselves wait, a moment at most, while somebody waits for a click."""

    PATIENCE = 1.0
    """Seconds."""

    def __init__(self) -> None:
        self._clicks, self._one = 0, asyncio.Lock()
        self._calm = asyncio.Event()
        self._calm.set()

    @contextmanager
    def click(self) -> Iterator[None]:
        """Somebody waits for what is done in this block."""
        self._clicks += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._clicks -= 1
            if not self._clicks:
                self._calm.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for calm, one behind the other; whoever has waited long enough goes ahead all the same."""
        async with AsyncExitStack() as held:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.PATIENCE):
                    await held.enter_async_context(self._one)
                    await self._calm.wait()
            yield


class Guard:
    """Wraps the application. `upload` is how many bytes a form with a file may have."""

    def __init__(self, app: FastAPI, live: Live, *, upload: int) -> None:
        self._app, self._upload, self.live = app, upload, live
        self._manners, self._guests = Manners(), GuestForms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _header_only(send)
        with suppress(ClientDisconnect):  # in the middle of a form: there is nobody to answer
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: dict[bytes, bytes] = dict(scope["headers"])
        most = self._upload if b"multipart/form-data" in sent.get(b"content-type", b"") else FORM
        length = sent.get(b"content-length")
        announced = int(length) if length is not None and length.isdigit() else None
        if announced is None and b"transfer-encoding" not in sent:
            announced = 0  # it has no body
        body = Body(receive, sent.get(b"content-type", b""), announced, most)
        async with AsyncExitStack() as held:
            scope = {**scope, BODY: body, TURN: partial(self._turn, held)}
            await self._answer(scope, receive, send, sent, body)

    async def _turn(self, held: AsyncExitStack) -> None:
        """Have a large body without a session wait for its turn, which it keeps until it is answered."""
        await held.enter_async_context(self._guests.turn())

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, sent: dict[bytes, bytes], body: Body
    ) -> None:
        began = time.perf_counter()

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 303 and b"x-once" in sent:
                    # The page's script goes there itself; else the page would be fetched, and seen, twice.
                    headers = [
                        (b"x-goto" if name == b"location" else name, at) for name, at in message["headers"]
                    ]
                    message["status"], message["headers"] = 200, headers
                if body.too_long:  # nobody reads the rest
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in there),
                    (b"server-timing", f"desk;dur={(time.perf_counter() - began) * 1000:.1f}".encode()),
                ]
            await send(message)

        async def refuse(problem: Problem, status: int) -> None:
            visit = Visit(Request({**scope, "app": self._app}), self._app.state.house, None)
            page = visit.page("problem.html", status=status, title=visit.problem(problem), words="")
            await page(scope, receive, guarded)

        if scope["method"] != "GET" and _foreign(sent):
            await refuse(AnotherSite(), 403)
            return
        if scope["path"] == "/events":
            await self._app(scope, body.receive, guarded)
        elif b"x-fragment" in sent:
            async with self._manners.turn():
                await self._app(scope, body.receive, guarded)
        else:
            with self._manners.click():
                await self._app(scope, body.receive, guarded)


def check_body(request: Request) -> None:
    """Refuse a request whose body, which has been read, is too large or found no room."""
    body: Body = request.scope[BODY]
    if body.too_large:
        raise TooLarge(most=body.most // 1_000_000)
    if body.no_room is not None:
        raise NoRoom from body.no_room


def _header_only(send: Send) -> Send:
    """Send the header of a page and none of its body; a stream that would never end hears that it is over."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})

    return sending


def _foreign(sent: dict[bytes, bytes]) -> bool:
    """Whether a browser says that another site's page sends this form."""
    site, origin = sent.get(b"sec-fetch-site"), sent.get(b"origin")
    if site is not None and site not in (b"same-origin", b"none"):
        return True
    if origin is None:
        return False
    try:
        return urlsplit(origin.decode("latin-1")).netloc.encode("latin-1") != sent.get(b"host")
    except ValueError:  # no address at all
        return True
