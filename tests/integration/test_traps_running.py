"""Traps that other products fell into and that only a running engine can show, by product and issue.

The others are in tests/unit/test_traps.py. March 2nd 2026 is a Monday.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from models import rules
from models.facts import Event
from motcua.reports import report
from tests.running import PLAIN, Life, Running
from tests.unit.office import at, local
from tests.waiting import until

HANDLING = PLAIN[:3]
"""Accepted on Monday, 2 March, at 08:00 (due on the 9th), and with the handler since 09:00."""


async def rungs(life: Life) -> list[tuple[str, str | None]]:
    """The rungs that are on record, each with its instant in office time."""
    events = [fact.event for fact in await life.facts()]
    return [(event.name, local(event.due_at)) for event in events if event.kind == "rung-reached"]


async def test_resume_fires_no_timer_that_expired_in_the_pause(office: Running) -> None:
    """Camunda #57549: timers that expired while an instance was suspended fire at once on resume.

    Stopped from Tuesday to Friday: the step's two alarms and the dossier's reminder would have passed.
    """
    life = await Life.begin(office, *HANDLING, "@ 2026-03-03 09:00", "head1 stop reason=outage")
    await life.run("@ 2026-03-09 09:00", "leader1 resume")
    assert await rungs(life) == []
    await life.run("@ 2026-03-09 10:00")
    assert await rungs(life) == []
    await life.run("@ 2026-03-09 16:00")
    assert [name for name, _ in await rungs(life)] == ["due"]  # of the step: six hours were left


async def test_the_deadline_engine_is_called(office: Running) -> None:
    """openregister #3350: a deadline engine that was built and tested, and that nothing ever called.

    Temporal itself holds the timer of the next alarm; it fires without anybody asking, and is on record.
    """
    life = await Life.begin(office, *HANDLING)
    history = await office.history(life.code)
    types = [event.event_type for event in history.events]
    assert EventType.EVENT_TYPE_TIMER_STARTED in types
    assert (await office.refolded(life.code)).next_call() is not None
    await office.clocks.forward(life.code, life.opened_at, at("2026-03-09 09:00"))

    async def rung() -> bool:
        return ("due", "2026-03-09 08:00") in [(name, due and due[:16]) for name, due in await rungs(life)]

    await until(rung)


async def test_an_exception_in_an_overdue_job_is_not_swallowed(
    office: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCPS: the daily overdue job caught every exception at debug level; nobody was told, ever.

    A bug while the clock strikes fails the workflow task for all to see; once mended, the alarm is there,
    with the instant at which it was due.
    """
    life = await Life.begin(office, *HANDLING)
    tick = rules._RULES["tick"]

    def broken(*_: Any) -> Iterator[Event]:
        raise ZeroDivisionError("planted")

    monkeypatch.setitem(rules._RULES, "tick", broken)
    forward = asyncio.create_task(office.clocks.forward(life.code, life.opened_at, at("2026-03-03 15:30")))

    async def failed() -> bool:
        history = await office.history(life.code)
        failures = [
            event.workflow_task_failed_event_attributes.failure.application_failure_info.type
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        ]
        return "ZeroDivisionError" in failures

    await until(failed)
    assert await rungs(life) == []
    monkeypatch.setitem(rules._RULES, "tick", tick)
    await forward

    async def sounded() -> bool:
        return len(await rungs(life)) == 1

    await until(sounded)
    ((name, due),) = await rungs(life)
    assert (name, due) == ("due", "2026-03-03 15:00")


async def test_no_alarm_survives_its_dossier(office: Running) -> None:
    """Zammad #4353: escalations went on after their SLA had been deactivated.

    Withdrawn, the workflow is over and its timer with it; ready, no further alarm of the dossier sounds.
    """
    gone = await Life.begin(office, *HANDLING, "citizen1 withdraw reason=no")
    await office.client.get_workflow_handle(gone.code).result()
    assert await rungs(gone) == []
    ready = await Life.begin(office, *PLAIN[:-2])
    await ready.run("@ 2026-03-20 09:00")
    assert await rungs(ready) == []


async def test_the_report_counts_open_late_dossiers_and_leaves_parked_ones_out(office: Running) -> None:
    """atd-data-tech #20682: open late cases were left out of the rate; Démarches #4690: parked ones drag it.

    One in time, one open and late, one that waits for its applicant past its old due date; and one that was
    late already when its applicant was asked: parking does not make it punctual.
    """
    begin, end, now = (at(f"2026-10-{day}") for day in ("05 00:00", "06 00:00", "13 09:00"))
    before = (await report(office.store, begin, end, at=now, by=None)).whole
    opened = "2026-10-05 08:00"  # a Monday; due on the 12th
    first = await Life.begin(office, opened=opened, officer="receiver1")
    late = await Life.begin(office, opened=opened, officer="receiver1")
    parked = await Life.begin(office, opened=opened, officer="receiver1")
    await first.run("receiver1 complete", "handler1 complete", "leader1 complete", "approver1 approve")
    await first.run("clerk1 complete number=1 date=2026-10-05T08:00")
    await parked.run("receiver1 complete", "handler1 request-supplement reason='a plan'")
    parked_late = await Life.begin(office, opened=opened, officer="receiver1")
    await parked_late.run("receiver1 complete", "@ 2026-10-13 08:30")
    await parked_late.run("handler1 request-supplement reason='a plan'")
    for life in (late, parked, parked_late):
        await life.run("@ 2026-10-13 09:00")
    after = (await report(office.store, begin, end, at=now, by=None)).whole
    assert (after.received.total - before.received.total, after.solved.early - before.solved.early) == (4, 1)
    was, found = before.open, after.open
    assert (found.total - was.total, found.overdue - was.overdue, found.in_time - was.in_time) == (3, 2, 1)
    assert after.in_time_share == round(100 * after.solved.early / after.received.total, 2)
