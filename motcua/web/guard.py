"""What every request passes: limits on its size, and headers that keep others' pages and scripts out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send

from models.refusals import BadInput, Forbidden, Problem
from motcua.web.live import Live
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
FORM = 1_000_000
"""Bytes of a form without a file."""


class TooLarge(BadInput):
    """The body of a request is larger than what is taken."""

    sentence = "This is too large: more than {most} MB are not taken at once."


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
        self._manners = Manners()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent: dict[bytes, bytes] = dict(scope["headers"])
        most = self._upload if b"multipart/form-data" in sent.get(b"content-type", b"") else FORM
        counted, began = 0, time.perf_counter()

        async def measured() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > most:
                raise TooLarge(most=most // 1_000_000)
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
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

        if scope["method"] not in ("GET", "HEAD") and _foreign(sent):
            await refuse(AnotherSite(), 403)
            return
        length = sent.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most:
            await _drain(receive, length)
            await refuse(TooLarge(most=most // 1_000_000), 413)
            return
        if scope["path"] == "/events":
            await self._app(scope, measured, guarded)
        elif b"x-fragment" in sent:
            async with self._manners.turn():
                await self._app(scope, measured, guarded)
        else:
            with self._manners.click():
                await self._app(scope, measured, guarded)


async def _drain(receive: Receive, length: bytes) -> None:
    """Take what a browser still sends, within reason: else it shows a broken connection, not the answer."""
    left = min(int(length) if length.isdigit() else 0, 200_000_000)
    while left > 0:
        message: dict[str, Any] = dict(await receive())
        left -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


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
