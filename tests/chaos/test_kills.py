"""Worker, Temporal and PostgreSQL die in the middle of a run, and nobody could tell from the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kills import VICTIMS, run
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow  # the demo twice, once under fire

DOSSIERS = 60


async def test_kills_leave_no_trace_in_the_record(tmp_path: Path) -> None:
    """The same report and the same facts as in peace; no dossier lost, nothing twice."""
    peace = await run(tmp_path / "peace", DOSSIERS, seconds=2 * PATIENCE)
    fire = await run(tmp_path / "fire", DOSSIERS, rounds=1, seconds=2 * PATIENCE)
    assert (peace.exit_code, fire.exit_code) == (0, 0), fire.log
    assert [kill["victim"] for kill in fire.kills] == list(VICTIMS)
    assert peace.record["broken"] == []
    assert peace.record["received"]["total"] == DOSSIERS
    assert peace.record["dossiers"] == peace.record["workflows"] > DOSSIERS + 10
    assert fire.record == peace.record
    assert fire.printed["run"]["refused"] == {}
