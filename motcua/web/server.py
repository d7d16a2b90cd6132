"""An HTTP server within a process that does other things, too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from models.refusals import Unreachable
from motcua.descriptors import web_connections
from motcua.supervision import supervised
from motcua.web.connections import BoundedProtocol

BACKLOG, ACCEPTED_AT_ONCE = 512, 16
"""Connections that wait in the system to be accepted, and those that are accepted in one go."""


class PortInUse(Unreachable):
    """Somebody else listens where this process is to answer."""

    sentence = "{what} cannot be opened on {host}:{port}: {reason}. Set {setting} to a free port."


class _Server(uvicorn.Server):
    """Leaves signals to the process it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(host: str, port: int, *, what: str = "The desk", setting: str = "MOTCUA_WEB_PORT") -> socket.socket:
    """A socket to answer on, so that its address is known before it answers; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # What it accepts inherits this. asyncio sets it only on sockets that it has made, and without it
        # each page waits 40 ms for the browser to acknowledge its headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortInUse(what=what, host=host, port=port, reason=reason, setting=setting) from error


def address(listening: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@asynccontextmanager
async def answering(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """Answer on a socket with an ASGI application until the end of the block."""
    config = uvicorn.Config(
        app,
        http=type("Protocol", (BoundedProtocol,), {"most": web_connections()}),
        # Of so many that wait to be accepted, asyncio takes so many at once, before any is closed again.
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,  # seconds: people think between two clicks
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
    )
    server, closed = _Server(config), asyncio.Event()

    async def answer() -> None:
        try:
            await server.serve([listening])
        finally:
            closed.set()
        if server.should_exit:
            await asyncio.Event().wait()  # asked to end: that is no failure

    async with supervised(server=answer()):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        listening.listen(BACKLOG)  # uvicorn has set its own
        try:
            yield
        finally:
            server.should_exit = True
            await closed.wait()
