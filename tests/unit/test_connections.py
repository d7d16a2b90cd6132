"""Deadlines of a connection: each request has its own, whatever came before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from motcua.descriptors import HEALTH_CONNECTIONS
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


class Crowd:
    """Connections to one server, each with a request that is never answered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self._config = uvicorn.Config(self._application, interface="asgi3", log_config=None)
        self._config.load()
        self._state = ServerState()

    async def _application(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.asked.append((scope["path"], scope.get(connections.CROWDED, False)))
        await asyncio.Event().wait()

    async def ask(self, path: str) -> Wire:
        """Open a connection and send a request on it; with an empty path only open it."""
        protocol = BoundedProtocol(self._config, self._state, {}, asyncio.get_running_loop())
        wire, before = Wire(), len(self.asked)
        protocol.connection_made(wire)
        if path:
            protocol.data_received(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            async with asyncio.timeout(PATIENCE):
                while len(self.asked) == before:  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0)
        return wire

    async def end(self) -> None:
        """Answer nobody any more."""
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)


@pytest.fixture
async def crowd(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crowd]:
    """A server with four places for pages."""
    monkeypatch.setattr(BoundedProtocol, "most", 4 + HEALTH_CONNECTIONS)
    found = Crowd()
    yield found
    await found.end()


async def test_health_checks_have_places_of_their_own(crowd: Crowd) -> None:
    """However many pages wait for a service; those that find no place are marked, and cut nobody off."""
    wires = [await crowd.ask("/inbox") for _ in range(6)]
    assert [marked for _, marked in crowd.asked] == [False] * 4 + [True] * 2
    wires += [await crowd.ask(path) for path in (*connections.HEALTH, "/inbox")]
    assert crowd.asked[6:] == [("/healthz", False), ("/readyz", False), ("/inbox", True)]
    assert not any(wire.is_closing() for wire in wires)


async def test_the_oldest_stream_gives_way_to_a_page(crowd: Crowd) -> None:
    """Pages open their streams again by themselves; for another stream none is closed."""
    streams = [await crowd.ask("/events") for _ in range(4)]
    another = await crowd.ask("/events")
    assert crowd.asked[-1] == ("/events", True)
    assert not any(wire.is_closing() for wire in (*streams, another))
    page = await crowd.ask("/inbox")
    assert crowd.asked[-1] == ("/inbox", False)
    assert [wire.is_closing() for wire in streams] == [True, False, False, False]
    assert not page.is_closing()


async def test_an_idle_connection_gives_way_before_a_stream(crowd: Crowd) -> None:
    """Nobody waits for anything on it."""
    stream, idle = await crowd.ask("/events"), await crowd.ask("")
    for _ in range(3):
        await crowd.ask("/inbox")
    assert (stream.is_closing(), idle.is_closing()) == (False, True)


async def test_somebody_who_takes_all_places_keeps_nobody_out(crowd: Crowd) -> None:
    """Also those of health checks: the oldest stream is closed, or else the newcomer's connection."""
    stream = await crowd.ask("/events")
    others = [await crowd.ask("/healthz") for _ in range(3 + HEALTH_CONNECTIONS)]
    assert not stream.is_closing()
    await crowd.ask("/healthz")
    assert stream.is_closing()
    last = await crowd.ask("")
    assert last.is_closing()
    assert not any(wire.is_closing() for wire in others)
