"""The leader's board: who has how much, what is late, who is away; and what only leaders do."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from models.chain import fingerprint
from models.changes import Change, name_of
from models.commands import own_request_id
from models.procedure import Role
from models.refusals import BadInput, Problem, http_status
from motcua.calendars import Totals, Touched
from motcua.catalogue.changes import change_of
from motcua.store.screens import Wanted
from motcua.web import charts
from motcua.web.asking import NotANumber, OutOfRange
from motcua.web.bulk import Chosen, NothingChosen, chosen_dossiers, chosen_tasks, with_each
from motcua.web.doors import Member, form_of, whole
from motcua.web.inbox import _shown
from motcua.web.names import ROLES
from motcua.web.visit import Visit

router = APIRouter()
REST = 30
"""For so many working days at most alarms are let rest from the board."""

WEEKS = 12
MOST = 200
LINES = 40


class NoSuchDay(BadInput):
    """Something else where a date is needed."""

    sentence = "{text} is no date."


@router.get("/board")
async def board(visit: Member, request: Request) -> Response:
    """Load, lateness, absences, drafts and charts, of the leader's unit or the whole office."""
    visit.must("board")
    house, unit, edges = visit.house, _unit(visit, request.query_params.get("unit")), visit.edges
    mondays = _mondays(visit)
    load, weeks, ageing, drafts, rings, absent = await asyncio.gather(
        house.screens.load(unit, edges),
        house.screens.weeks(unit, mondays[:-1], [visit.midnight(each) for each in mondays]),
        house.screens.ageing(unit, visit.now),
        house.store.apologies(unit, 50),
        house.bell.of(visit.person, visit.now, visit.today(), most=50),
        house.notices.absence_rows(visit.today()),
    )
    directory = await house.directory(visit.now)
    lines = [
        {
            **row,
            "who": visit.who(row["assignee"], directory),
            "role_name": visit.say(ROLES[Role(row["role"])]),
            "unit_name": visit.unit_name(row["unit"]),
        }
        for row in load
    ]
    # Of a large office the whole is looked at by its units; the officers, where somebody is behind.
    shown = lines if unit or len(lines) <= LINES else sorted(lines, key=_behind)[:LINES]
    return visit.page(
        "board.html",
        directory=directory,
        unit=unit,
        units=list(house.units.values()) if visit.unit is None else [],
        lines=shown,
        more=len(lines) - len(shown),
        by_unit=_by_unit(lines) if unit is None else [],
        totals=_sum(lines),
        drafts=drafts,
        rings=rings,
        absent=[row for row in absent if _concerns(visit, unit, row["person"])],
        came=charts.weeks(weeks, mondays[:-1], visit),
        age=charts.ageing(ageing, visit),
        done=request.query_params.get("done", ""),
    )


def _behind(line: dict[str, Any]) -> tuple[int, int]:
    return -line["late"], -line["tasks"]


def _sum(lines: list[dict[str, Any]]) -> dict[str, int]:
    return {key: sum(line[key] for line in lines) for key in ("tasks", "late", "today", "soon", "paused")}


def _by_unit(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The load of each unit, in the order of the lines."""
    units: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        units.setdefault(line["unit"], []).append(line)
    return [{"unit": unit, "unit_name": each[0]["unit_name"], **_sum(each)} for unit, each in units.items()]


def _unit(visit: Visit, asked: str | None) -> str | None:
    if visit.unit is not None:
        return visit.unit
    return asked if asked in visit.house.units else None


def _mondays(visit: Visit) -> list[date]:
    """With which each week of the charts begins, and the one after the last."""
    first = visit.today() - timedelta(days=visit.today().weekday(), weeks=WEEKS - 1)
    return [first + timedelta(weeks=number) for number in range(WEEKS + 1)]


def _concerns(visit: Visit, unit: str | None, person: str) -> bool:
    known = visit.house.people.get(person)
    return known is not None and unit in (None, known.unit)


@router.get("/board/tasks")
async def tasks(visit: Member, request: Request) -> Response:
    """Somebody's tasks, or those that nobody has: to be given to others, many at once."""
    visit.must("board")
    asked = request.query_params
    unit, who, role = _unit(visit, asked.get("unit")), asked.get("who", ""), asked.get("role", "")
    wanted = Wanted(holder=who) if who else Wanted(unit=unit, holders=(), roles=(role,))
    rows = await visit.house.screens.inbox(wanted, visit.edges, None, MOST)
    shown = [_shown(visit, row) for row in rows if unit in (None, row["unit"]) and role in ("", row["role"])]
    await visit.saw("list", None, str(len(shown)))
    roles = {row["role"] for row in shown}
    return visit.page(
        "assign.html",
        directory=await visit.house.directory(visit.now),
        tasks=shown,
        who=who,
        colleagues=[
            person
            for person in visit.house.people.values()
            if unit in (None, person.unit)
            and roles & set(person.roles)
            and person.holds(visit.today())
            and person.id != who
        ],
        may=visit.may("absences")
        and any(r in visit.person.roles for r in (Role.UNIT_LEADER, Role.OFFICE_LEADER)),
        back=visit.address(),
    )


@router.post("/board/assign")
async def assign(visit: Member, request: Request) -> Response:
    """Give the chosen tasks to somebody, each with its own result."""
    visit.must("board")
    form = await form_of(request)
    to, batch = str(form.get("to", "")), own_request_id(str(form.get("batch", "")))
    if to not in visit.house.people:
        raise NothingChosen

    async def one(each: Chosen) -> str:
        # `seen`: a task that somebody has just taken is not taken from them unseen.
        data = {"to": to, "task": each.task, "seen": each.seen}
        await visit.house.desk.act(each.code, "assign", visit.actor, data, f"{batch}/{each.code}")
        return visit.say("now with {who}", who=visit.name(to))

    results = await with_each(visit, chosen_tasks(map(str, form.getlist("task")), MOST), one)
    return visit.page(
        "bulk.html", results=results, act=visit.say("Assign"), back=str(form.get("back", "/board"))
    )


@router.post("/board/acknowledge")
async def acknowledge(visit: Member, request: Request) -> Response:
    """Let the alarms of the chosen dossiers rest for as many working days as are given."""
    visit.must("board")
    form = await form_of(request)
    days = str(form.get("days", "1"))
    chosen = chosen_dossiers(map(str, form.getlist("code")), MOST)
    if (count := whole(days)) is None:
        raise NotANumber(field="limit", value=days[:20])
    if not 1 <= count <= REST:
        raise OutOfRange(field="limit", value=count, least=1, most=REST)
    batch = own_request_id(str(form.get("batch", "")))

    async def one(each: Chosen) -> str:
        # The dossier counts from when it is done: the same form again stays the same request.
        data = {"limit": f"{count} days"}
        await visit.house.desk.act(each.code, "acknowledge", visit.actor, data, f"{batch}/{each.code}")
        return await _rest(visit, each.code)

    results = await with_each(visit, chosen, one)
    return visit.page("bulk.html", results=results, act=visit.say("Acknowledge the alarms"), back="/board")


async def _rest(visit: Visit, code: str) -> str:
    """Until when the alarms of a dossier rest, as a sentence."""
    row = await visit.house.store.row(code)
    rests = [term.rests_until for term in row.terms if term.rests_until is not None] if row else []
    return visit.say("rests until {until}", until=visit.when(max(rests))) if rests else visit.say("done")


# Absences


@router.get("/absences")
async def absences(visit: Member, request: Request) -> Response:
    """Who is away, and one's own absences."""
    visit.must("work")
    return await _absences(visit, done=request.query_params.get("done", ""))


async def _absences(
    visit: Visit, *, done: str = "", problem: str = "", given: dict[str, str] | None = None, status: int = 200
) -> Response:
    people = visit.house.people
    rows = [
        row
        for row in await visit.house.notices.absence_rows(visit.today())
        if (known := people.get(row["person"])) is not None and visit.person.may_see(known.unit)
    ]
    leads = visit.may("absences")
    return visit.page(
        "absences.html",
        directory=await visit.house.directory(visit.now),
        status=status,
        rows=rows,
        leads=leads,
        staff=[p for p in people.values() if visit.person.may_see(p.unit)] if leads else [visit.person],
        colleagues=[p for p in people.values() if visit.person.may_see(p.unit)],
        problem=problem,
        given=given or {},
        done=done,
    )


@router.post("/absences")
async def add_absence(visit: Member, request: Request) -> Response:
    """Enter an absence, both days included."""
    form = await form_of(request)
    given = {key: str(form.get(key, "")) for key in ("person", "since", "until", "substitute")}
    try:
        person = given["person"] or visit.person.id
        since, until = _day(given["since"]), _day(given["until"])
        substitute = given["substitute"] or None
        await visit.house.absences.add(person, since, until, substitute, visit.person.id, today=visit.today())
    except Problem as problem:
        return await _absences(
            visit, problem=visit.problem(problem), given=given, status=http_status(problem)
        )
    return visit.go("/absences?done=added")


@router.post("/absences/{number}/end")
async def end_absence(visit: Member, number: int) -> Response:
    """Take an absence back."""
    await visit.house.absences.end(number, visit.person.id)
    return visit.go("/absences?done=ended")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NoSuchDay(text=text[:40] or "–") from error


# The calendar


@router.get("/calendar")
async def calendar(visit: Member, request: Request) -> Response:
    """The days of a year that are not like their weekday, and the changes so far."""
    visit.must("calendar")
    return await _calendar(
        visit, request.query_params.get("year", ""), done=request.query_params.get("done", "")
    )


async def _calendar(visit: Visit, year: str = "", *, status: int = 200, **more: Any) -> Response:
    acts = await visit.house.desk.refresh()
    shown = visit.house.calendar
    chosen = (
        asked
        if (asked := whole(year)) is not None and shown.first.year <= asked <= shown.last.year
        else visit.today().year
    )
    page: dict[str, Any] = {
        "problem": "",
        "given": {},
        "totals": None,
        "touched": [],
        "done": "",
        "looked_at": "",
    }
    return visit.page(
        "calendar.html",
        status=status,
        calendar=shown,
        year=chosen,
        days=[day for day in shown.special if day.date.year == chosen],
        acts=acts.acts,
        undoable=acts.undoable,
        may=visit.may("change-calendar"),
        **(page | more),
    )


def _change(visit: Visit, form: FormData) -> Change:
    """The change that the form describes, checked as a file is."""
    columns = (
        [str(value).strip() for value in form.getlist(key)] for key in ("date", "kind", "name", "half")
    )
    days = [_changed(visit, *row) for row in zip(*columns, strict=False) if row[0]]
    said = {key: str(form.get(key, "")).strip() for key in ("id", "decree", "title")}
    issued = _day(str(form.get("issued", "")))
    calendar = visit.house.calendar
    data = {**said, "issued": issued, "calendar": name_of(calendar), "day": days}
    return change_of(data, visit.say("The change"), calendar)


def _changed(visit: Visit, day: str, kind: str, name: str, half: str) -> dict[str, Any]:
    parts = {"make-up": ("morning", "afternoon"), "half-day": (half or "morning",)}.get(kind, ())
    return {"date": _day(day), "kind": kind, "name": name, "hours": [_hours(visit, part) for part in parts]}


def _hours(visit: Visit, part: str) -> dict[str, str]:
    """The office's hours of a morning or afternoon, as an ordinary Monday has them."""
    week = visit.house.calendar.week[0]
    opening = week[0] if part == "morning" else week[-1]
    return {"opens": f"{opening.opens}", "closes": f"{opening.closes}"}


@router.post("/calendar/{act}")
async def change_calendar(visit: Member, request: Request, act: str) -> Response:
    """Look at what a change would do to the open dossiers; or apply it, or take one back."""
    visit.must("calendar")
    form = await form_of(request)
    given = {key: [str(value) for value in form.getlist(key)] for key in form}
    house = visit.house
    try:
        if act == "undo":
            visit.must("change-calendar")
            await house.calendars.undo(str(form.get("id", "")), visit.person.id)
            return visit.go("/calendar?done=undone")
        change = _change(visit, form)
        looked_at, status, note = fingerprint(change), 200, ""
        if act == "apply":
            visit.must("change-calendar")
            if form.get("looked_at") == looked_at:
                await house.calendars.apply(change, visit.person.id)
                return visit.go("/calendar?done=applied")
            status = 409
            note = visit.say(
                "This is not the change that was looked at: see what it would do, then apply it."
            )
        totals, touched = Totals(), list[Touched]()
        async for each in house.calendars.preview(change, totals, at=visit.now):
            if len(touched) < MOST:
                touched.append(each)
    except Problem as problem:
        return await _calendar(
            visit, status=http_status(problem), problem=visit.problem(problem), given=given
        )
    return await _calendar(
        visit,
        status=status,
        problem=note,
        given=given,
        totals=totals,
        touched=touched,
        looked_at=looked_at,
    )
