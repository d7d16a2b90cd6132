"""One running office for all integration tests that do not break it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from motcua.telemetry import configure_logging, runtime
from tests.running import Running, Telemetry, running


@pytest.fixture(scope="session")
def telemetry() -> Telemetry:
    """The runtime and the log as a worker process makes them."""
    configure_logging("warning")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return Telemetry(runtime(port), port)


@pytest.fixture(scope="session")
async def office(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """Servers, worker, desk, store and clocks."""
    async with running(tmp_path_factory.mktemp("running"), telemetry.runtime) as office:
        yield office
