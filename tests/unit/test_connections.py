"""Deadlines of a connection: each request has its own, whatever came before it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from motcua.web import connections
from motcua.web.connections import BoundedProtocol
from tests.waiting import PATIENCE


class Wire(asyncio.Transport):
    """A connection to nobody, which is cut or is not."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = asyncio.Event()

    def abort(self) -> None:
        """Cut it."""
        self.cut.set()

    close = abort

    def is_closing(self) -> bool:
        """Whether it is cut."""
        return self.cut.is_set()

    def write(self, data: Any) -> None:
        """Nobody reads it."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    resume_reading = pause_reading


async def test_a_header_behind_a_large_body_has_its_own_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large body has hours; the connection that brought it is cut all the same when it stalls later."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    answered = asyncio.Event()

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        answered.set()

    config = uvicorn.Config(application, log_config=None)
    config.load()
    protocol = BoundedProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    wire, size = Wire(), 10_000_000
    protocol.connection_made(wire)
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size)
    for _ in range(9):
        protocol.data_received(bytes(size // 10))
        await asyncio.sleep(0.02)  # meanwhile the deadline of the header passes, and that of the body counts
    protocol.data_received(bytes(size // 10))
    await answered.wait()
    protocol.data_received(b"GET / HTTP/1.1\r\nho")
    async with asyncio.timeout(PATIENCE):
        await wire.cut.wait()
