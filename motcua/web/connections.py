"""Connections with deadlines and an upper bound, so that slow or stalled clients cannot keep others out.

uvicorn closes idle connections, but waits for ever for the rest of a request that has begun, and its limit of
concurrency counts requests that are complete: connections take descriptors long before that.

Some places are kept for health checks. A request that would take one of them has the oldest stream of changes
closed for it, which its page opens again; where there is none it is marked, for the application to refuse.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from motcua.descriptors import HEALTH_CONNECTIONS

HEADER_SECONDS = 20.0
"""From the first byte of a request, or from the beginning of a connection, to the end of its header."""
BODY_SECONDS, BODY_RATE = 30.0, 1_000
"""A body has so many seconds, and one more for each so many bytes that have come."""
UNREAD_SECONDS = 60.0
"""For how long a client may leave unread what has been sent to it."""
HEALTH, STREAM = ("/healthz", "/readyz"), "/events"
CROWDED = "motcua.crowded"
"""In the scope of a request: whether there is no place for it; true for none but health checks."""


class BoundedProtocol(H11Protocol):
    """One connection. Over the bound, the one of all that has been waited for longest is closed."""

    most = 1_000
    """How many connections may be open; a subclass for each server sets it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._application: Any = self.app
        self.app = self._admit

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and make room where it is one too many."""
        super().connection_made(transport)
        now = self.loop.time()
        self._heard = now
        self._begun: float | None = now
        self._body_begun: float | None = None
        self._body_bytes = 0
        self._until: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._wait_until(now + HEADER_SECONDS)
        if not self._room(streams=False) and len(self._open()) > self.most and not self._room(streams=True):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; sets how long the rest is waited for."""
        now = self._heard = self.loop.time()
        if self._begun is None:
            self._begun = now
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            if self._body_begun is None:
                self._body_begun, self._body_bytes = now, 0
            self._body_bytes += len(data)
            self._wait_until(self._body_begun + BODY_SECONDS + self._body_bytes / BODY_RATE)
        elif state is h11.IDLE:
            self._wait_until(self._begun + HEADER_SECONDS)
        else:  # the request is complete
            self._begun = self._body_begun = self._until = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        for timer in (self._timer, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is sent to."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait_until(self, moment: float) -> None:
        self._until = moment
        if self._timer is not None and self._timer.when() > moment:  # that of a large body, say
            self._timer.cancel()
            self._timer = None
        if self._timer is None:  # one that runs looks at the deadline of then
            self._timer = self.loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._until is None:
            return
        now = self.loop.time()
        if self.flow.read_paused:  # it is we who do not read
            self._wait_until(now + BODY_SECONDS)
        elif now < self._until:
            self._wait_until(self._until)
        else:
            self.transport.abort()

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with a mark where there is no place for it."""
        if scope["path"] not in HEALTH:
            # A page would open its stream again, and close another one's, for ever.
            scope[CROWDED] = not self._room(streams=scope["path"] != STREAM)
        await self._application(scope, receive, send)

    def _room(self, *, streams: bool) -> bool:
        """Whether there is a place for this connection, if need be that of another, which may be a stream."""
        bound = self.most - HEALTH_CONNECTIONS
        if len(self.connections) <= bound or len(opened := self._open()) <= bound:
            return True
        others = [each for each in opened if each is not self]
        giving_way = [each for each in others if each.conn.their_state in (h11.IDLE, h11.SEND_BODY)]
        if streams and not giving_way:
            giving_way = [each for each in others if each.cycle is not None and each.scope["path"] == STREAM]
        if not giving_way:
            return False
        min(giving_way, key=lambda each: each._heard).transport.abort()
        return True

    def _open(self) -> list[BoundedProtocol]:
        return [
            each
            for each in self.connections
            if isinstance(each, BoundedProtocol) and not each.transport.is_closing()
        ]
