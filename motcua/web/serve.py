"""Serves the pages, and tells open ones of what changes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from motcua.supervision import supervised
from motcua.web.app import create_app
from motcua.web.house import House
from motcua.web.server import answering


@asynccontextmanager
async def serving(house: House, listening: socket.socket) -> AsyncIterator[None]:
    """Answer on a socket until the end of the block, and tell open pages of what changes."""
    app = create_app(house)
    async with supervised(changes=app.live.run()), answering(app, listening):
        try:
            yield
        finally:
            app.live.close()
