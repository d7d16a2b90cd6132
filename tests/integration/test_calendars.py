"""The office's calendar is changed, and changed back, while people work: each dossier exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from models.calendar import Calendar, SpecialDay
from models.changes import Change, Day, carries
from models.facts import CalendarAmended, Fact
from models.refusals import WrongRole
from models.view import row
from motcua.calendars import (
    CalendarChangedSince,
    Calendars,
    ChangeDiffers,
    ChangeUndone,
    ChangeUnfinished,
    OfficeWouldClose,
    Outcome,
    Totals,
    Touched,
    UnknownChange,
)
from motcua.desk import Desk, TemporalGone
from motcua.store.changes import CalendarRecord
from tests.integration.test_clock import rungs, when
from tests.running import PLAIN, Life, Running, Telemetry, rulebook, running, submission
from tests.unit.office import CALENDAR, Case, at
from tests.waiting import a_few_at_once, until

HANDLING = PLAIN[:3]
THURSDAY = date(2026, 3, 5)
_OFF = SpecialDay(date=THURSDAY, kind="holiday", name="new feast", source="D1")


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: a change reaches every dossier there is."""
    async with running(tmp_path_factory.mktemp("calendars"), telemetry.runtime) as office:
        yield office


def change(name: str, *days: Day, calendar: str = "vn") -> Change:
    """A decree about these days; one feast on Thursday, 5 March, unless told."""
    return Change(
        id=name,
        calendar=calendar,
        decree=f"decree {name}",
        title="new feast",
        issued=date(2026, 3, 1),
        days=days or (Day(date=THURSDAY, special=_OFF),),
    )


def acts_of(office: Running, **options: Any) -> Calendars:
    """The acts of an administrator at a desk in a process of its own."""
    desk = Desk(office.client, office.store, rulebook(), rpc_timeout=office.desk._timeout)
    return Calendars(desk, office.store, **options)


async def preview(office: Running, wanted: Change) -> tuple[dict[str, Touched], Totals]:
    """What a change would do, by code."""
    totals = Totals()
    return {one.code: one async for one in acts_of(office).preview(wanted, totals)}, totals


def amendments(facts: list[Fact]) -> list[tuple[str, CalendarAmended]]:
    """The commands by which a dossier's calendar was amended, and how."""
    return [(fact.command, fact.event) for fact in facts if isinstance(fact.event, CalendarAmended)]


def instants(life: Any) -> dict[int, datetime]:
    """When each open term is due."""
    return {term.id: term.due_at for term in life.terms if term.closed_at is None}


async def withdrawn(lives: list[Life]) -> None:
    """End these dossiers, for each change of the tests that follow would reach every one of them."""
    await a_few_at_once(life.do("citizen1 withdraw") for life in lives)


async def test_a_preview_is_what_is_done_then_and_undone_exactly(office: Running) -> None:
    """Every kind of open dossier: what was foretold happens, once, and is taken back to the minute."""
    running = await Life.begin(office, *HANDLING)
    asked = await Life.begin(office, *HANDLING, "handler1 request-supplement reason='a plan'")
    promised = await Life.begin(
        office, *HANDLING, "leader1 extend reason=x until=2026-03-11T10:00 legal_basis=art.19"
    )
    # A preview takes a simulated dossier where its last fact left it: here on the day after the due one.
    late = await Life.begin(office, *HANDLING, "@ 2026-03-10 09:00", "handler1 note text='too late'")
    filed = await Life.begin(office)
    later = await Life.begin(office, "receiver1 accept", opened="2026-03-12 08:00")
    closed = await Life.begin(office, *PLAIN, procedure="unrated")
    lives = [running, asked, promised, late, filed, later]
    before = {life.code: await office.refolded(life.code) for life in lives}
    was = {life.code: await office.history(life.code) for life in lives}

    wednesday = _OFF.model_copy(update={"date": date(2026, 3, 11)})
    wanted = change("exact", *(Day(date=day.date, special=day) for day in (_OFF, wednesday)))
    foretold, totals = await preview(office, wanted)
    assert [len((await office.history(life.code)).events) for life in lives] == [
        len(was[life.code].events) for life in lives
    ]
    assert (totals.open, totals.amended, totals.dossiers) == (6, 5, 3)
    assert set(foretold) == {running.code, asked.code, promised.code, late.code}
    moved = {move.of: (when(move.was), when(move.becomes)) for move in foretold[asked.code].moves}
    assert moved["dossier"] == ("2026-03-09 08:00", "2026-03-10 08:00")
    assert moved["supplement"] == ("2026-03-11 09:00", "2026-03-13 09:00")
    letters = [(letter.kind, when(letter.date)) for letter in foretold[asked.code].letters]
    assert letters == [("receipt", "2026-03-09 08:00"), ("supplement-request", "2026-03-11 09:00")]
    (whole,) = (move for move in foretold[late.code].moves if move.of == "dossier")
    assert (when(whole.becomes), whole.late) == ("2026-03-10 08:00", "saved")
    # The promise stands, but on a day on which nobody will be there.
    assert foretold[promised.code].moves == ()
    assert [letter.kind for letter in foretold[promised.code].letters] == ["extension"]
    assert (totals.saved, totals.newly_late) == (1, 0)

    told: list[tuple[int, int]] = []
    outcome = await acts_of(office).apply(wanted, "admin1", lambda *so_far: told.append(so_far))
    assert outcome == Outcome(
        change="exact", direction="apply", moved=3, unchanged=2, unaffected=1, closed=0, already=0,
        failed=(), finished=True,
    )  # fmt: skip
    assert told[-1] == (6, 6)
    for life in lives:
        done = amendments(await life.facts())
        assert [command for command, _ in done] == (
            [] if life is later else [f"calendar/exact/apply/{life.code}"]
        )
        made = {move.term: move.due_at for _, event in done for move in event.moves}
        expected = foretold[life.code].moves if life.code in foretold else ()
        assert made == {move.term: move.becomes for move in expected}
        assert await office.state(life.code) == await office.refolded(life.code)
    assert amendments(await closed.facts()) == []
    assert (await late.facts())[-1].actor == "admin1"
    assert amendments(await late.facts())[0][1].decree == "decree exact"

    again = await acts_of(office).apply(wanted, "admin1")
    assert (again.moved, again.unchanged, again.already, again.failed) == (0, 0, 5, ())
    back = await acts_of(office).undo("exact", "admin1")
    assert (back.moved, back.unchanged, back.failed, back.finished) == (3, 2, (), True)
    for life in lives:
        now = await office.refolded(life.code)
        assert instants(now) == instants(before[life.code])
        assert now.calendar == before[life.code].calendar
    with pytest.raises(ChangeUndone, match="was undone by admin1"):
        await acts_of(office).undo("exact", "admin1")
    with pytest.raises(ChangeUndone):
        await acts_of(office).apply(wanted, "admin1")
    assert (await office.verify()).broken == ()


async def test_alarms_sound_at_the_new_instants(office: Running) -> None:
    """Not a day too early; and after the undo, when the next step is open, by the old calendar again."""
    life = await Life.begin(office, *HANDLING)
    await acts_of(office).apply(change("alarms"), "admin1")
    await life.run("@ 2026-03-09 12:00")
    assert list(rungs(await life.facts())) == [
        ("due", "2026-03-03 15:00"),  # of the step, which ends before the feast
        ("late", "2026-03-04 09:00"),
        ("soon", "2026-03-09 08:00"),
    ]
    await life.run("@ 2026-03-11 09:00")
    assert list(rungs(await life.facts()))[-1] == ("due", "2026-03-10 08:00")
    shown = await office.desk.row(life.code)
    assert (when(shown.due_at), when(shown.original_due_at)) == ("2026-03-10 08:00", "2026-03-09 08:00")
    # Taken back, it is late since yesterday: the alarm that lies behind now and was not heard sounds at once.
    await acts_of(office).undo("alarms", "admin1")
    await life.run("@ 2026-03-11 12:00")
    assert [(fact.event.name, when(fact.event.due_at)) for fact in (await life.facts())[-1:]] == [  # type: ignore[union-attr]
        ("late", "2026-03-11 07:00")
    ]


async def test_a_dossier_handed_in_from_then_on_counts_by_the_new_calendar(office: Running) -> None:
    """At a desk that has been open for long and knows of nothing; and by the old one after the undo."""
    old = Desk(office.client, office.store, rulebook())

    async def filed() -> Life:
        answer = await old.submit(submission(), officer="receiver1", at=at("2026-03-02 08:00"))
        return Life(office, answer.code, at("2026-03-02 08:00"))

    first = await filed()
    await acts_of(office).apply(change("from-then"), "admin1")
    second = await filed()
    state = await office.refolded(second.code)
    assert carries(state.calendar, "from-then")
    assert when(state.term.due_at if state.term else None) == "2026-03-10 08:00"
    assert amendments(await second.facts()) == []
    assert (await preview(office, change("from-then")))[1].amended == 0
    undone = await acts_of(office).undo("from-then", "admin1")
    assert undone.unchanged + undone.moved >= 2
    for life in (first, second):
        state = await office.refolded(life.code)
        assert state.calendar == (await office.refolded(first.code)).calendar
        assert when(state.term.due_at if state.term else None) == "2026-03-09 08:00"
    third = await filed()
    assert (await office.refolded(third.code)).calendar == rulebook().excerpt(date(2026, 3, 2))


async def test_what_was_taken_in_before_and_never_begun_is_found(
    office: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its desk died in between: it is begun under the old calendar and brought under the new one."""
    dead = Desk(office.client, office.store, rulebook())
    await dead.refresh()

    async def killed(*_: object) -> None:
        raise TemporalGone(reason="killed")

    monkeypatch.setattr(dead, "_begin", killed)
    with pytest.raises(TemporalGone):
        await dead.submit(submission(request_id="orphan"), officer="receiver1", at=at("2026-03-02 08:00"))
    outcome = await acts_of(office).apply(change("orphans"), "admin1")
    assert outcome.failed == ()
    code, _ = await office.store.progress("orphan")
    assert code is not None
    facts = await office.store.facts(code)
    assert facts[0].kind == "filed"
    assert [command for command, _ in amendments(facts)] == [f"calendar/orphans/apply/{code}"]
    await acts_of(office).undo("orphans", "admin1")


async def test_nothing_is_taken_in_under_a_calendar_that_has_changed(office: Running) -> None:
    """Neither does the act wait for who is being taken in, nor the other way round without an end."""
    record, desk = CalendarRecord(office.store), Desk(office.client, office.store, rulebook())
    acts = await desk.refresh()
    url = office.local.run.database_url
    taking = await asyncpg.connect(url)
    try:
        async with taking.transaction():
            got = await taking.fetchval(
                "select code from take_in_under($1, 'slow', 'd', 'H53.26', '2026-03-02', '{}', '[]')",
                acts.epoch,
            )
            assert got
            ordering = asyncio.create_task(acts_of(office).apply(change("race"), "admin1"))
            done, _ = await asyncio.wait([ordering], timeout=0.3)
            assert not done
            assert (await record.acts()).epoch == acts.epoch
            await taking.execute("delete from pending where code = $1", got)
        assert (await ordering).finished
        late = await taking.fetchval(
            "select code from take_in_under($1, 'stale', 'd', 'H53.26', '2026-03-02', '{}', '[]')", acts.epoch
        )
        assert late is None
        assert await taking.fetchval("select count(*) from intakes where request_id = 'stale'") == 0
    finally:
        await taking.close()
    await acts_of(office).undo("race", "admin1")


async def test_people_go_on_working_meanwhile(office: Running) -> None:
    """They are neither kept waiting nor overwritten, and every dossier is amended once, two at a time."""
    lives = await a_few_at_once(Life.begin(office, *HANDLING) for _ in range(12))
    worked, outcome, twice = await asyncio.gather(
        asyncio.gather(*[life.do("handler1 complete") for life in lives]),
        acts_of(office).apply(change("busy"), "admin1"),
        acts_of(office).apply(change("busy"), "admin1"),
    )
    assert {answer.status for answer in worked} == {"processing"}
    assert (outcome.failed, twice.failed) == ((), ())
    for life in lives:
        facts = await life.facts()
        assert [command for command, _ in amendments(facts)] == [f"calendar/busy/apply/{life.code}"]
        kinds = [fact.kind for fact in facts]
        assert kinds.count("step-completed") == 2
        assert await office.state(life.code) == await office.refolded(life.code)
        assert when((await office.refolded(life.code)).term.due_at) == "2026-03-10 08:00"  # type: ignore[union-attr]
    await acts_of(office).undo("busy", "admin1")
    await withdrawn(lives)


async def test_an_act_that_is_cut_short_goes_on_where_it_stopped(office: Running) -> None:
    """Also in other hands: it stays the act of who ordered it. Nothing else may come in between."""
    lives = await a_few_at_once(Life.begin(office, *HANDLING) for _ in range(30))
    begun = asyncio.Event()
    act = asyncio.create_task(
        acts_of(office).apply(change("cut"), "admin1", lambda done, _: begun.set() if done > 2 else None)
    )
    await begun.wait()
    act.cancel()
    await asyncio.gather(act, return_exceptions=True)
    left = await CalendarRecord(office.store).without("cut", undoing=False)
    assert set(left) & {life.code for life in lives}
    with pytest.raises(ChangeUnfinished, match="cut is half way: first finish it with calendar apply and"):
        await acts_of(office).apply(change("other"), "admin1")
    with pytest.raises(ChangeUnfinished):
        await acts_of(office).undo("cut", "admin1")
    with pytest.raises(ChangeDiffers):
        await acts_of(office).apply(change("cut", Day(date=THURSDAY)), "admin1")
    rest = await acts_of(office).apply(change("cut"), "admin1")
    assert rest.finished
    assert rest.already > 2
    for life in lives:
        assert [name for name, _ in amendments(await life.facts())] == [f"calendar/cut/apply/{life.code}"]

    undo = asyncio.create_task(acts_of(office).undo("cut", "admin1"))
    await until(lambda: CalendarRecord(office.store).amended_so_far("calendar/cut/undo/"))
    undo.cancel()
    await asyncio.gather(undo, return_exceptions=True)
    with pytest.raises(ChangeUnfinished, match="calendar undo cut"):
        await acts_of(office).apply(change("other"), "admin1")
    assert (await acts_of(office).undo("cut", "admin1")).finished
    for life in lives:
        commands = [name for name, _ in amendments(await life.facts())]
        assert commands == [f"calendar/cut/{direction}/{life.code}" for direction in ("apply", "undo")]
    await withdrawn(lives)


async def test_a_change_is_not_undone_under_a_later_one(office: Running) -> None:
    """By name; after the later one is undone it can be, and everything is as it was."""
    life = await Life.begin(office, *HANDLING)
    was = await office.refolded(life.code)
    await acts_of(office).apply(change("under"), "admin1")
    friday = Day(
        date=date(2026, 3, 6), special=_OFF.model_copy(update={"date": date(2026, 3, 6), "source": "D2"})
    )
    await acts_of(office).apply(change("over", friday), "admin1")
    assert when((await office.desk.row(life.code)).due_at) == "2026-03-11 08:00"
    with pytest.raises(CalendarChangedSince, match="was changed since by over"):
        await acts_of(office).undo("under", "admin1")
    await acts_of(office).undo("over", "admin1")
    assert when((await office.desk.row(life.code)).due_at) == "2026-03-10 08:00"
    await acts_of(office).undo("under", "admin1")
    now = await office.refolded(life.code)
    assert (now.calendar, instants(now)) == (was.calendar, instants(was))


async def test_a_dossier_whose_calendar_was_changed_by_hand_is_left_to_people(office: Running) -> None:
    """The undo names it and goes on; the office's calendar is as it was."""
    life = await Life.begin(office, *HANDLING)
    await acts_of(office).apply(change("by-hand"), "admin1")
    other = CALENDAR.model_copy(update={"version": "vn-other"}).model_dump(mode="json")
    await life.do("admin1 amend-calendar", calendar=other, decree="by hand")
    outcome = await acts_of(office).undo("by-hand", "admin1")
    assert [(failed.code, failed.type) for failed in outcome.failed] == [(life.code, "CalendarChangedSince")]
    assert outcome.finished
    await life.do("receiver1 withdraw")


async def test_a_dossier_without_a_workflow_stops_nobody(office: Running) -> None:
    """It is named with the reason, and the rest is done."""
    case = Case("receiver1 file", "receiver1 accept")
    await office.store.append(row(case.dossier), tuple(case.facts))
    from models.chain import fingerprint  # noqa: PLC0415

    for kind, value in (("procedure", case.empty.procedure), ("calendar", case.empty.calendar)):
        await office.store.add_rules(fingerprint(value), kind, value.model_dump_json())
    life = await Life.begin(office, *HANDLING)
    outcome = await acts_of(office).apply(change("ghost"), "admin1")
    assert [(failed.code, failed.type) for failed in outcome.failed] == [
        (case.dossier.code, "WorkflowMissing")
    ]
    assert len(amendments(await life.facts())) == 1
    await acts_of(office).undo("ghost", "admin1")


async def test_only_who_may(office: Running) -> None:
    """Refused before anything is on record; so is what nobody knows."""
    epoch = (await CalendarRecord(office.store).acts()).epoch
    with pytest.raises(WrongRole, match="needs the role office-leader or administrator; leader1 has"):
        await acts_of(office).apply(change("mine"), "leader1")
    with pytest.raises(WrongRole):
        await acts_of(office).undo("alarms", "receiver1")
    with pytest.raises(UnknownChange, match="there is: none"):
        await acts_of(office).undo("never", "admin1")
    assert (await CalendarRecord(office.store).acts()).epoch == epoch


async def test_acts_are_never_altered(office: Running) -> None:
    """Not by the application's role, and not by the owner either."""
    for statement in ("update calendar_acts set change = 'x'", "delete from calendar_acts"):
        async with office.store._connection() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        owner = await asyncpg.connect(office.local.run.admin_database_url)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed or deleted"):
                await owner.execute(statement)
        finally:
            await owner.close()


async def test_a_change_of_another_calendar_moves_nothing(office: Running) -> None:
    """Dossiers say by their calendar's version what they count by."""
    await Life.begin(office, *HANDLING)
    found, totals = await preview(office, change("dutch", calendar="nl"))
    assert (found, totals.amended) == ({}, 0)
    assert totals.open > 0


async def test_changes_that_together_would_close_the_office_are_refused(office: Running) -> None:
    """Each left a working day by itself; with both in force nobody could hand in or undo anything."""
    every = [CALENDAR.first + timedelta(days=number) for number in range(365)]
    off = [_OFF.model_copy(update={"date": day}) for day in every if day != THURSDAY]
    nearly = CALENDAR.model_copy(update={"special": tuple(off)})
    desk = Desk(office.client, office.store, rulebook(Calendar.model_validate(nearly.model_dump())))
    before = (await desk.refresh()).epoch
    with pytest.raises(OfficeWouldClose, match="2026-01-01 to 2026-12-31"):
        await Calendars(desk, office.store).apply(change("last-day"), "admin1")
    with pytest.raises(OfficeWouldClose):
        async for _ in Calendars(desk, office.store).preview(change("last-day"), Totals()):
            pass
    assert (await desk.refresh()).epoch == before


async def test_a_change_of_days_gone_by_is_undone_for_those_who_came_later(office: Running) -> None:
    """They were taken in under it and name it; left there, it kept the change below from being undone."""
    gone = Day(date=date(2026, 3, 3), special=_OFF.model_copy(update={"date": date(2026, 3, 3)}))
    for wanted in (change("below"), change("gone-by", gone)):
        await acts_of(office).apply(wanted, "admin1")
    life = await Life.begin(office, "receiver1 accept", opened="2026-03-04 08:00")
    assert (await office.refolded(life.code)).calendar.version.endswith("+below+gone-by")
    for name in ("gone-by", "below"):
        outcome = await acts_of(office).undo(name, "admin1")
        assert outcome.finished
        assert life.code not in [failed.code for failed in outcome.failed]
    state = await office.refolded(life.code)
    assert "+" not in state.calendar.version
    assert state.term is not None
    assert when(state.term.due_at) == "2026-03-11 08:00"
