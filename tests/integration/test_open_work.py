"""The desk that a demo leaves: every state, with everybody, beside a report that stays what it is."""

from __future__ import annotations

from collections import Counter
from datetime import time, timedelta
from pathlib import Path

import pytest

from motcua.caseloads.open_work import OpenWorkPlan, read_open_work
from motcua.caseloads.player import Player
from motcua.caseloads.town import TownPlan, read_town
from motcua.reports import report
from motcua.rulebook import rulebook
from motcua.store.screens import Edges, Screens, Wanted
from tests.running import CATALOGUE, SETTINGS, Telemetry, running
from tests.unit.test_town import CALENDAR, Played

FOLDER = SETTINGS.catalog_dir / "caseloads"
WORK, TOWN = read_open_work(FOLDER / "hoa-thanh-open.toml"), read_town(FOLDER / "hoa-thanh.toml")


@pytest.mark.slow  # sixty dossiers, each brought to a state of its own
async def test_a_desk_worth_looking_at(tmp_path: Path, telemetry: Telemetry) -> None:
    """After a demo exactly one dossier was open."""
    plan = OpenWorkPlan(WORK, CATALOGUE, 1)
    # A slow one, one that is not finished, and ordinary ones.
    town = TownPlan(TOWN, CATALOGUE, 1, left_at=plan.moment).cases(100)[:30]
    async with running(tmp_path, telemetry.runtime, book=rulebook(CATALOGUE, CALENDAR)) as office:
        tally = await Player(office.desk, office.clocks).play([*town, *plan.draw().cases], lambda _: None)
        assert dict(tally.refused) == {}

        # What the town's report says is what the rules make of the town alone.
        start, end = CALENDAR.instant(TOWN.first, time()), CALENDAR.instant(TOWN.last + timedelta(1), time())
        whole = (await report(office.store, start, end, at=end, by=None)).whole
        before = TownPlan(TOWN, CATALOGUE, 1).cases(100)[:30]
        alone = Counter(Played(case, CALENDAR).dossier.timeliness for case in before)
        solved = whole.solved
        assert (whole.received.total, whole.open.in_time, solved.overdue) == (30, 1, 1)
        assert (solved.early, solved.on_time, solved.overdue) == tuple(
            alone[how] for how in ("early", "on_time", "overdue")
        )
        assert (whole.open.in_time, whole.open.overdue) == (alone[None], 0)

        edges = Edges(plan.moment, CALENDAR.instant(WORK.day + timedelta(1), time()), plan.soon)
        screens = Screens(office.store)
        counts = await screens.counts(Wanted(unit="demo"), edges)
        assert all(
            counts[state] > 0 for state in ("late", "today", "soon", "comfortable", "paused", "waiting")
        )
        assert 60 <= sum(counts.values()) <= 110
        load = {row["assignee"] for row in await screens.load("demo", edges)}
        assert load >= {"handler1", "handler2", "leader1", "approver1", "approver2", "clerk1", None}
        assert len(await office.store.apologies("demo")) >= WORK.states["apology"]
        for unit in ("police", "insurance"):  # each link has its dossier, which waits to be accepted
            theirs = await screens.counts(Wanted(unit=unit), edges)
            assert sum(theirs.values()) == WORK.states["linked"]
        rows = await screens.inbox(Wanted(unit="demo"), edges, None, 200)
        dossiers = [await office.refolded(row["code"]) for row in rows]
        statuses = Counter(dossier.status for dossier in dossiers)
        for status in ("submitted", "awaiting-supplement", "awaiting-payment", "ready", "processing"):
            assert statuses[status] > 0, status
        waiting = [dossier for dossier in dossiers if dossier.links]
        assert len(waiting) == WORK.states["linked"]
        assert all(d.links[0].news == "opened" for d in waiting)
        rests = [term.rests_until for dossier in dossiers for term in dossier.terms if term.rests_until]
        assert len([at for at in rests if at > plan.moment]) >= WORK.states["resting"]
        latest = [dossier.latest for dossier in dossiers if dossier.latest]
        assert max(latest) <= plan.moment
