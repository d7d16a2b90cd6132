"""Which workers count as polling: by the age of the last poll, and by the process where it is ours."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from motcua.temporal import POLL_SECONDS, identity, pid_namespace, polls

BEGAN = psutil.Process().create_time()
"""When this process began, in seconds since 1970: before every poll of it."""


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_an_old_poll_does_not_count_although_its_process_lives() -> None:
    """A worker that had lost the server counted as polling for as long as it lived."""
    now = BEGAN + 10 * POLL_SECONDS
    for poller in (identity(os.getpid()), f"{os.getpid()}@elsewhere", "a name"):
        assert polls(poller, now - POLL_SECONDS + 1, now)
        assert not polls(poller, now - POLL_SECONDS, now)


def test_a_dead_process_beside_us_does_not_count(dead: int) -> None:
    """Nobody has to wait until it has missed a poll; nor one that has its number since."""
    now = BEGAN + 1
    assert not polls(identity(dead), now, now)
    assert not polls(identity(os.getpid()), BEGAN - 5, BEGAN)


def test_a_process_of_another_namespace_is_not_looked_for(dead: int) -> None:
    """Of a container that shares our host name, say; it was never ready."""
    now = BEGAN + 1
    host = identity(dead).partition("#")[0]
    for poller in (host, f"{host}#", f"{host}#{pid_namespace()[:-2]}0]"):
        assert polls(poller, now, now)
