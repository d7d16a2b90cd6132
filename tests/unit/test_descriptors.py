"""Descriptors: the limit that is raised, and the share of the desk's visitors."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from motcua.descriptors import (
    DESCRIPTORS_PER_CONNECTION,
    MAX_CONNECTIONS,
    MIN_CONNECTIONS,
    RESERVED_DESCRIPTORS,
    web_connections,
)
from motcua.telemetry import Repeats

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("soft", "connections"),
    [
        (64, MIN_CONNECTIONS),
        (256, (256 - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION),
        (1024, (1024 - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION),
        (1_048_576, MAX_CONNECTIONS),
        (resource.RLIM_INFINITY, MAX_CONNECTIONS),
    ],
)
def test_visitors_never_take_the_reserve(
    soft: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the limit, enough is kept to start a process again."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert web_connections() == connections


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """In the process that starts, and so in all that it starts; a terminal's usual soft limit is low."""
    code = "from motcua.descriptors import raise_limit; print(raise_limit(), raise_limit())"
    limits = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (100, 300))"
    done = subprocess.run(
        [sys.executable, "-c", f"{limits}; {code}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["300", "300"]


def test_a_message_that_is_repeated_is_written_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one after a minute says how many were left out; other messages are not held back."""
    now = 1000.0
    monkeypatch.setattr("motcua.telemetry.time.monotonic", lambda: now)
    repeats = Repeats()

    def record(text: str, number: int = 0) -> logging.LogRecord:
        return logging.LogRecord(
            "asyncio", logging.ERROR, "", 0, text, (number,) if "%" in text else (), None
        )

    written = [repeats.filter(record("accept failed\nsocket: 7")) for _ in range(1000)]
    assert sum(written) == Repeats.FEW
    assert repeats.filter(record("something else %d", 1))
    now += Repeats.SECONDS
    again = record("accept failed\nsocket: 8")
    assert repeats.filter(again)
    assert again.getMessage().endswith(f"({1000 - Repeats.FEW} more like this were not written)")


def test_different_bugs_are_different_messages() -> None:
    """The same words of a library about exceptions from other places are not held back."""
    repeats = Repeats()

    def told(make: str) -> bool:
        try:
            exec(make)
        except Exception:
            return repeats.filter(
                logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Exception", (), sys.exc_info())
            )
        raise AssertionError

    assert [told("1 / 0") for _ in range(6)] == [True] * 5 + [False]
    assert told("[][0]")
    assert told("\n\n1 / 0")
