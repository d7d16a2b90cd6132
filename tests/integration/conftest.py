"""One running office for all integration tests that do not break it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from temporalio.runtime import Runtime

from motcua.telemetry import runtime
from tests.running import Running, running


class Telemetry(NamedTuple):
    """The process's one Temporal runtime, and the port where its metrics are."""

    runtime: Runtime
    port: int


@pytest.fixture(scope="session")
def telemetry() -> Telemetry:
    """The runtime as a worker process makes it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return Telemetry(runtime(port), port)


@pytest.fixture(scope="session")
async def office(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """Servers, worker, desk, store and clocks."""
    async with running(tmp_path_factory.mktemp("running"), telemetry.runtime) as office:
        yield office
