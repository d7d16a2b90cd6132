"""Deadlines in virtual time: rungs at their instants, pauses, lapses, and one timer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from models.commands import SimulatedTime
from models.facts import ClockResumed, Fact, RungReached, Stopped
from models.refusals import DossierClosed
from tests.running import PLAIN, Life, Running, Telemetry, count_events, scrape
from tests.unit.office import at, calendar, local
from tests.waiting import a_few_at_once, until

HANDLING = PLAIN[:3]
"""Accepted on Monday, 2 March, at 08:00 (due on the 9th), and with the handler since 09:00."""
SOON = timedelta(hours=1)
"""Before anything else happens in office time; how long a busy machine takes is not asserted."""


def when(instant: datetime | None) -> str | None:
    """Office time to the nearest minute: a clock that was moved to an hour stands some ms after it."""
    return local(instant + timedelta(seconds=30)) if instant else None


def rungs(facts: list[Fact]) -> Iterator[tuple[str, str | None]]:
    """The rungs that were reached, each with its instant; each fact is of that instant, too."""
    for fact in facts:
        if isinstance(event := fact.event, RungReached):
            assert timedelta(0) <= fact.at - event.due_at < SOON
            yield event.name, when(event.due_at)


async def told(office: Running, code: str) -> list[tuple[str, str]]:
    """Who is told of which rung, in words and in order."""
    connection = await asyncpg.connect(office.local.run.database_url)
    try:
        found = await connection.fetch(
            "select * from occasions where code = $1 and rung >= 0 order by fact", code
        )
    finally:
        await connection.close()
    return [(occasion["name"], " ".join(occasion["to"])) for occasion in found]


def most_timers_at_once(history: WorkflowHistory) -> int:
    """How many timers ran at the same time, at most."""
    running = most = 0
    for event in history.events:
        match event.event_type:
            case EventType.EVENT_TYPE_TIMER_STARTED:
                running += 1
            case EventType.EVENT_TYPE_TIMER_FIRED | EventType.EVENT_TYPE_TIMER_CANCELED:
                running -= 1
        most = max(most, running)
    return most


async def test_rungs_are_reached_at_their_instants(office: Running, telemetry: Telemetry) -> None:
    """Nobody acts for eleven days: each rung is a fact of its instant, told once, and its lag is measured."""
    life = await Life.begin(office, *HANDLING)
    counted = "motcua_rungs_reached_total", "motcua_rung_lag_seconds_count", "motcua_rung_lag_seconds_sum"
    before = [await scrape(telemetry.port, name) for name in counted]
    await life.forward("2026-03-13 12:00")
    assert list(rungs(await life.facts())) == [
        ("due", "2026-03-03 15:00"),  # of the handler's step: 1.5 days
        ("late", "2026-03-04 09:00"),
        ("soon", "2026-03-06 08:00"),  # of the dossier: 5 days
        ("due", "2026-03-09 08:00"),
        ("late", "2026-03-11 07:00"),  # by date: from the opening after its day
        ("late", "2026-03-12 07:00"),
        ("late", "2026-03-13 07:00"),
    ]
    assert await told(office, life.code) == [
        ("due", "assignee"),
        ("late", "unit-leader"),
        ("soon", "assignee"),
        ("due", "assignee unit-leader"),
        *[("late", "office-leader")] * 3,
    ]
    reached, measured, lag = [await scrape(telemetry.port, name) for name in counted]
    assert (reached - before[0], measured - before[1]) == (7, 7)
    assert 0 < lag - before[2] < 7 * SOON.total_seconds()
    assert await office.state(life.code) == await office.refolded(life.code)


async def test_a_supplement_stops_the_clock_until_it_is_supplied(office: Running) -> None:
    """Two working days of waiting move every instant by two working days, and no alarm sounds meanwhile."""
    life = await Life.begin(office, *HANDLING, "@ 2026-03-03 09:00")
    await life.run("handler1 request-supplement reason='a plan'", "@ 2026-03-05 09:00")
    assert (await office.desk.row(life.code)).status == "awaiting-supplement"
    assert list(rungs(await life.facts())) == []
    answer = await life.do("citizen1 supply", papers="the plan")
    assert when(answer.due_at) == "2026-03-11 08:00"
    resumed = (await life.facts())[-1].event
    assert isinstance(resumed, ClockResumed)
    assert [when(move.due_at) for move in resumed.moves] == ["2026-03-11 08:00", "2026-03-05 15:00"]
    await life.run("@ 2026-03-10 09:00")
    assert list(rungs(await life.facts())) == [
        ("due", "2026-03-05 15:00"),
        ("late", "2026-03-06 09:00"),
        ("soon", "2026-03-10 08:00"),
    ]
    row = await office.desk.row(life.code)
    assert (when(row.due_at), when(row.original_due_at)) == ("2026-03-11 08:00", "2026-03-09 08:00")
    assert most_timers_at_once(await office.history(life.code)) == 1


async def test_an_unanswered_supplement_stops_the_dossier_for_good(office: Running) -> None:
    """At the end of its seven days, as the clock's own act; nothing can be supplied any more."""
    life = await Life.begin(office, *HANDLING, "@ 2026-03-03 09:00")
    await life.run("handler1 request-supplement reason='a plan'", "@ 2026-03-13 09:00")
    stopped = (await life.facts())[-1]
    assert stopped.event == Stopped(final=True, timeliness="early")
    assert (stopped.actor, when(stopped.at)) == ("clock", "2026-03-12 09:00")
    assert (await office.desk.row(life.code)).status == "stopped"
    await office.client.get_workflow_handle(life.code).result()
    with pytest.raises(DossierClosed):
        await life.do("citizen1 supply")


async def test_silence_is_consent(office: Running) -> None:
    """A consulted agency that says nothing for two days has agreed; the work may go on."""
    life = await Life.begin(office, *HANDLING, procedure="consented")
    await life.run("handler1 consult agency=fire-brigade", "@ 2026-03-04 10:00")
    (answered,) = [fact for fact in await life.facts() if fact.kind == "answered"]
    assert (answered.actor, when(answered.at)) == ("clock", "2026-03-04 09:00")
    assert (await life.do("handler1 complete")).status == "processing"


async def test_a_calendar_that_ends_does_not_end_the_dossier(office: Running) -> None:
    """The clock cannot say when the dossier is due after a silent consent: people go on, and mend it.

    The rung at the due instant sounds before the consultation lapses; the one after it once that is mended.
    """
    life = await Life.begin(office, "receiver1 accept", procedure="paused", opened="2026-12-21 08:00")
    await life.run("receiver1 complete", "@ 2026-12-22 09:00")
    await life.do("handler1 consult", agency="fire-brigade", limit="5 days")
    await office.clocks.forward(life.code, life.opened_at, at("2026-12-30 10:00"))
    assert (await life.do("handler1 note", text="is nobody there?")).status == "awaiting-answer"
    assert (await life.kinds())[-2:] == ["rung-reached", "noted"]
    longer = calendar(last="2027-03-31").model_dump(mode="json")
    await life.do("admin1 amend-calendar", calendar=longer, decree="1/2026")

    async def answered() -> bool:
        return "answered" in await life.kinds()

    await until(answered)
    assert (await life.kinds())[-4:] == ["calendar-amended", "rung-reached", "answered", "clock-resumed"]
    assert await told(office, life.code) == [("due", "assignee"), ("late", "unit-leader")]
    row = await office.desk.row(life.code)
    assert (row.status, when(row.due_at)) == ("processing", "2027-01-04 08:00")
    await life.run("@ 2027-01-04 09:00")
    assert list(rungs((await life.facts())[-2:])) == [
        ("soon", "2027-01-01 08:00"),
        ("due", "2027-01-04 08:00"),
    ]


async def test_a_supplement_that_comes_at_its_deadline_is_in_time(office: Running) -> None:
    """The workflow lets the clock act first at that very instant: the alert sounds, and nothing lapses."""
    asked, ends = at("2026-03-03 09:00"), at("2026-03-12 09:00")
    life = await Life.begin(office, *HANDLING, "@ 2026-03-03 09:30")
    planned = SimulatedTime(at=asked, stops_at=ends)
    await office.desk.act(
        life.code, "request-supplement", "handler1", {"reason": "a page is missing"}, simulated=planned
    )
    assert max(term.due_at for term in (await office.refolded(life.code)).terms) == ends
    await office.clocks.forward(life.code, life.opened_at, ends + timedelta(minutes=5))
    supplied = await office.desk.act(life.code, "supply", "receiver1", {}, simulated=SimulatedTime(at=ends))
    assert supplied.status == "processing"
    facts = await life.facts()
    assert [(fact.kind, fact.at) for fact in facts[-3:]] == [
        (kind, ends) for kind in ("rung-reached", "supplied", "clock-resumed")
    ]


async def test_the_chance_to_rate_lapses(office: Running) -> None:
    """The dossier closes by itself ten working days after the return."""
    life = await Life.begin(office, *PLAIN, "@ 2026-03-18 15:00")
    assert (await life.kinds())[-2:] == ["returned", "rating-lapsed"]
    assert when((await life.facts())[-1].at) == "2026-03-18 14:00"
    await office.client.get_workflow_handle(life.code).result()


async def test_a_clock_never_stops_before_its_target(office: Running) -> None:
    """Also where a busy worker came late to a dossier's first task: office time runs from the hand-in."""
    target = "2026-03-02 09:00"

    async def one() -> Fact:
        life = await Life.begin(office, f"@ {target}")
        await life.do("receiver1 note", text="nine")
        return (await life.facts())[-1]

    noted = await a_few_at_once(one() for _ in range(30))
    assert [fact.at for fact in noted if fact.at < at(target)] == []


async def test_one_timer_at_a_time(office: Running) -> None:
    """An alarm that moved later lets the old timer fire and is armed anew; only an earlier one replaces it.

    Timers: intake (replaced by the first step's), first step (fires when the second is open), second step
    (fires during the fourth), fourth step (fires when all is ready), rating.
    """
    life = await Life.begin(office, *PLAIN)
    history = await office.history(life.code)
    events = count_events(history)
    timers = {kind: events[f"TIMER_{kind}"] for kind in ("STARTED", "FIRED", "CANCELED")}
    assert timers == {"STARTED": 5, "FIRED": 3, "CANCELED": 1}
    assert most_timers_at_once(history) == 1
    assert list(rungs(await life.facts())) == []
