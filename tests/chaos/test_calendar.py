"""A calendar change and its undo, each killed in the middle, with the worker: no dossier moves twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.decree import run

pytestmark = pytest.mark.slow  # an office of its own whose worker is killed four times


async def test_a_calendar_change_under_fire(tmp_path: Path) -> None:
    """Foretold, done once whatever dies, heard at the new instants, and taken back to the minute."""
    fire = await run(tmp_path / "office", 40)
    assert fire.wrong == []
    assert [phase["phase"] for phase in fire.phases if phase["phase"] in ("apply", "undo")] == [
        "apply",
        "undo",
    ]
