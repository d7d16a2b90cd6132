"""Whether an office can serve: what `/readyz` answers, for load balancers and supervisors."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from temporalio.client import Client

from motcua.store import Store
from motcua.temporal import check_namespace, polled

log = structlog.get_logger()

CHECK_SECONDS = 2.0
"""For how long one check is waited for; they run at the same time."""
KEPT_SECONDS = 1.0
"""For how long a result is kept, so that being asked often costs no more."""


class Health:
    """The services that one process of an office needs."""

    def __init__(self, store: Store, client: Client, task_queue: str) -> None:
        self._checks: Mapping[str, Callable[[], Awaitable[bool]]] = {
            "database": store.answers,
            "temporal": lambda: check_namespace(client),
            "worker": lambda: polled(client, task_queue),
        }
        self._found = dict.fromkeys(self._checks, False)
        self._looked = -KEPT_SECONDS
        self._one = asyncio.Lock()

    async def ready(self) -> dict[str, bool]:
        """Whether the database and Temporal answer, and whether a worker polls for dossiers; never raises."""
        async with self._one:
            if time.monotonic() - self._looked >= KEPT_SECONDS:
                results = await asyncio.gather(*map(self._check, self._checks))
                self._found = dict(zip(self._checks, results, strict=True))
                self._looked = time.monotonic()
        return self._found

    async def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """HTTP status and document for `/healthz` (this process answers) or `/readyz` (it can serve)."""
        if path == "/healthz":
            return 200, {"status": "live"}
        if path != "/readyz":
            return 404, {"status": "unknown"}
        checks = await self.ready()
        whole = all(checks.values())
        return 200 if whole else 503, {"status": "ready" if whole else "not ready", "checks": checks}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The same as an ASGI application, for a process without pages."""
        if scope["type"] != "http":
            return
        status, document = await self.answer(scope["path"])
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})

    async def _check(self, name: str) -> bool:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                holds = await self._checks[name]()
        except Exception as error:  # whatever a service says that is not well, it is not ready
            log.warning("a service is not ready", service=name, why=str(error) or type(error).__name__)
            return False
        return holds
