"""Dossiers on true dates in virtual time: desk and pages on days that a calendar alone cannot make."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from motcua.desk import Desk
from tests.present import shipped
from tests.running import Life, Running, rulebook
from tests.unit.office import at, local
from tests.waiting import PATIENCE
from tests.web import web

CALENDAR = shipped().model_copy(update={"last": date(2030, 12, 31)})
"""The calendar of the catalogue, which knows 29 February 2028 as well."""
PAGES = ("/inbox", "/inbox?view=unit", "/board", "/absences", "/search?q=nguyen")

# The limit is five working days; the office is open 07:00 to 11:30 and 13:30 to 17:00.
DAYS = [
    ("2026-11-29 10:00", "261129", "2026-12-07 07:00"),  # a Sunday: it starts on Monday at 07:00
    ("2027-02-06 10:00", "270206", "2027-02-18 07:00"),  # Tết lasts from the 4th to the 10th
    ("2026-12-31 16:59", "261231", "2027-01-08 16:59"),  # the last minute before closing
    ("2026-12-31 23:58", "261231", "2027-01-11 07:00"),  # New Year's Day is a Friday
    ("2027-01-01 00:01", "270101", "2027-01-11 07:00"),
    ("2028-02-29 10:00", "280229", "2028-03-07 10:00"),
    ("2026-03-03 02:00", "260303", "2026-03-10 07:00"),  # at night
]


@pytest.mark.parametrize(("opened", "day", "due"), DAYS)
async def test_a_dossier_lives_and_is_shown_on_any_day(
    office: Running, opened: str, day: str, due: str
) -> None:
    """Its code carries the office's date, its due date is right, every page shows it, and it ends on time."""
    desk = Desk(office.client, office.store, rulebook(CALENDAR), rpc_timeout=PATIENCE / 2)
    there = replace(office, desk=desk)
    life = await Life.begin(there, "receiver1 accept", procedure="unrated", opened=opened)
    assert life.code.split("-")[1] == day
    row = await desk.row(life.code)
    assert row.due_at is not None
    assert local(row.due_at + timedelta(seconds=30)) == due
    async with web(there, CALENDAR, clock=lambda: at(opened)) as served:
        leader, guest = await served.visitor("leader1"), await served.visitor()
        for path in (*PAGES, f"/dossiers/{life.code}"):
            page = await leader.get(path)
            assert page.status == 200, (path, page.words[:300])
        assert (await guest.get(f"/track/{life.code}")).status == 200
    issue = f"clerk1 complete number=12/GP date={opened.replace(' ', 'T')}"
    await life.run("receiver1 complete", "handler1 complete", "leader1 complete", "approver1 approve", issue)
    await life.run("returner1 return")
    assert (await desk.row(life.code)).timeliness == "early"
