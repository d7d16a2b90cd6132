"""One definition of overdue on every page, in every list, report, mail and metric, under both measures."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic_core import to_jsonable_python

from models.chain import fingerprint
from models.fold import fold
from models.people import EMAIL
from models.view import row
from motcua.cli.reporting import period
from motcua.notices.post import _text
from motcua.notices.topics import Topics
from motcua.reports import report
from motcua.store import Store, TaskFilter
from motcua.store import migrate as migrations
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeRecord
from motcua.store.screens import Edges, Screens
from tests.integration.test_store import database
from tests.present import now
from tests.running import CATALOGUE, Life, Running, Telemetry, running, scrape
from tests.unit.office import CALENDAR, LOUD, PEOPLE, Case, at, procedure, stage, tell
from tests.web import Web, web

DUE_DAY, NEXT_DAY = at("2026-03-09 08:15"), at("2026-03-10 07:00")
ACCEPT = "receiver1 accept due='until 2026-03-09T08:00:00+07:00'"
"""Both dossiers are due on that Monday at 08:00."""
EXPECTED = {
    ("by-date", DUE_DAY): ("due today", "until the end of today"),
    ("by-instant", DUE_DAY): ("late", "late by 15 working minutes"),
    ("by-date", NEXT_DAY): ("late", "late by 7 working hours"),
    ("by-instant", NEXT_DAY): ("late", "late by 7 working hours"),
}


class Clock:
    """Office time of the pages."""

    moment = DUE_DAY

    def __call__(self) -> datetime:
        """Now."""
        return self.moment


@pytest.fixture(scope="module")
def clock() -> Clock:
    """Set by each test."""
    return Clock()


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own, in which all that is counted is known."""
    async with running(tmp_path_factory.mktemp("overdue"), telemetry.runtime) as office:
        yield office


@pytest.fixture(scope="module")
async def lives(office: Running) -> dict[str, Life]:
    """One dossier under each measure, with the same handler."""
    lines = (ACCEPT, "receiver1 complete", "handler1 claim")
    return {name: await Life.begin(office, *lines, procedure=name) for name in ("by-date", "by-instant")}


@pytest.fixture(scope="module")
async def desk(office: Running, clock: Clock) -> AsyncIterator[Web]:
    """Its desk."""
    async with web(office, CALENDAR, clock=clock) as served:
        yield served


def line(text: str, code: str) -> str:
    """What a list says of a dossier."""
    found = re.findall(r"<tr[^>]*data-code=.*?</tr>", text, re.DOTALL)
    shown = next(each for each in found if f'data-code="{code}"' in each)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


@pytest.mark.parametrize("moment", [DUE_DAY, NEXT_DAY])
async def test_every_page_list_and_count_says_the_same(
    lives: dict[str, Life], desk: Web, clock: Clock, office: Running, moment: datetime
) -> None:
    """Inbox with its states, the dossier's page, board, charts, `tasks --overdue` and the report."""
    clock.moment = moment
    late = {name for name in lives if EXPECTED[name, moment][0] == "late"}
    visitor, leader = await desk.visitor("handler1"), await desk.visitor("leader1")
    for name, life in lives.items():
        state, left = EXPECTED[name, moment]
        inbox = await visitor.get(f"/inbox?q={life.code}")
        assert f" {state} {left} " in line(inbox.text, life.code)
        page = await visitor.get(f"/dossiers/{life.code}")
        assert f"{state} {left}" in page.words
        for view, shown in (("late", name in late), ("today", name not in late)):
            listed = await visitor.get(f"/inbox?view=unit&state={view}")
            assert (f'data-code="{life.code}"' in listed.text) == shown
            found = await visitor.get(f"/inbox?view=unit&state={view}&q={life.code}")
            assert (f'data-code="{life.code}"' in found.text) == shown
    board = await leader.get("/board")
    figures = dict(re.findall(r'<li class="(\w+)"><strong>(\d+)</strong>', board.text))
    assert (figures["late"], figures["today"]) == (str(len(late)), str(len(lives) - len(late)))
    screens = Screens(office.store)
    assert sum(each["late"] for each in await screens.ageing("demo", moment)) == len(late)
    listed_late = await office.store.tasks(TaskFilter(overdue_at=moment))
    assert {task["code"] for task in listed_late} == {lives[name].code for name in late}
    begin, end = at("2026-03-01 00:00"), at("2026-04-01 00:00")
    found = (await report(office.store, begin, end, at=moment, by=None)).whole.open
    assert (found.overdue, found.in_time) == (len(late), len(lives) - len(late))


async def test_the_edge_is_the_same_everywhere(lives: dict[str, Life], office: Running) -> None:
    """One microsecond before it and at it: list, counts and report move together, dossier by dossier."""
    screens, begin, end = Screens(office.store), at("2026-03-01 00:00"), at("2026-04-01 00:00")
    edges = sorted({(await office.desk.row(life.code)).overdue_from for life in lives.values()}, key=str)
    assert edges == [at("2026-03-09 08:00") + timedelta.resolution, at("2026-03-10 00:00")]
    for number, edge in enumerate(edges):
        assert edge is not None
        for moment, late in ((edge - timedelta.resolution, number), (edge, number + 1)):
            bounds = Edges(moment, at("2026-03-11 00:00"), at("2026-03-12 00:00"))
            load = await screens.load("demo", bounds)
            counts = (
                sum(each["late"] for each in load),
                len(await office.store.tasks(TaskFilter(overdue_at=moment))),
                (await report(office.store, begin, end, at=moment, by=None)).whole.open.overdue,
            )
            assert counts == (late,) * 3


# Texts and the morning mail


@pytest.fixture
async def scratch(office: Running) -> AsyncIterator[Store]:
    """A database of its own."""
    async with database(office, "overdue") as url:
        await migrate(url)
        async with Store.connect(url) as store:
            yield store


async def put(store: Store, case: Case) -> None:
    """Record a case that is not on record."""
    d = case.dossier
    await store.add_rules(fingerprint(d.procedure), "procedure", d.procedure.model_dump_json())
    await store.add_rules(fingerprint(case.empty.calendar), "calendar", case.empty.calendar.model_dump_json())
    assert fold(case.empty, case.facts) == d
    await store.append(row(d), tuple(case.facts))


def topics(store: Store) -> Topics:
    """What gathers the topics of mails."""

    async def calendar() -> Any:
        return CALENDAR

    return Topics(store, CATALOGUE, calendar, None)


@pytest.mark.parametrize("measure", ["date", "instant"])
async def test_mails_say_late_when_it_is(scratch: Store, measure: str) -> None:
    """The rung at the due instant, to staff and to the applicant; and the morning mail of each day."""
    to = ["handler", "applicant"]
    rung = {"name": "due", "offset": "0", "kind": "due", "to": to}
    case = stage("handling", rules=procedure(timeliness=measure, ladder=[rung], step_ladder=[]))
    facts = case.tick("2026-03-09 08:00")
    await put(scratch, case)
    gathered, shown = topics(scratch), row(case.dossier)
    told = {each.recipient: each for each in tell(case.dossier, facts, LOUD) if each.channel == EMAIL}
    day = date(2026, 3, 9)
    (open_task,) = await NoticeRecord(scratch).urgent(await gathered.horizon(day))
    for moment, overdue in ((DUE_DAY, measure == "instant"), (NEXT_DAY, True)):
        staff = await gathered.of(told["handler1"], shown, PEOPLE, "vi", moment)
        assert staff.alarm is not None
        assert (staff.alarm.overdue, staff.alarm.late is not None, staff.alarm.left) == (
            overdue,
            overdue,
            None,
        )
        applicant = await gathered.of(told["applicant"], shown, PEOPLE, "vi", moment)
        assert _text(told["applicant"], applicant) == ("applicant-late" if overdue else "applicant-due")
        person, today = PEOPLE.people["leader1"], CALENDAR.local(moment).date()
        digest = (await gathered.morning([open_task], today, moment, PEOPLE, person)).digest
        assert digest is not None
        # The open step was due days ago, and a step is late from its instant on.
        assert [each.code for each in digest.late] == [case.dossier.code]
        whole_only = open_task | {"due_at": None, "overdue_from": shown.overdue_from}
        digest = (await gathered.morning([whole_only], today, moment, PEOPLE, person)).digest
        assert digest is not None
        assert (len(digest.late), len(digest.today)) == ((1, 0) if overdue else (0, 1))


# Metrics


async def test_a_finished_dossier_is_counted_once(office: Running, telemetry: Telemetry) -> None:
    """A result that is ready may be corrected: it is counted when it is handed over, as it came out."""
    name = "motcua_dossiers_finished_total"
    before = await scrape(telemetry.port, name)
    issue = "clerk1 complete number=12/GP date=2026-03-02T09:00"
    way = (ACCEPT, "receiver1 complete", "handler1 complete", "leader1 complete")
    life = await Life.begin(office, *way, "approver1 approve", issue, procedure="by-date")
    for _ in range(2):
        await life.run("clerk1 correct reason=wrong", issue)
    assert (await life.kinds()).count("ready") == 3
    await life.run("returner1 return")
    assert await scrape(telemetry.port, name) == before + 1
    gone = await Life.begin(office, *way, "citizen1 withdraw", procedure="by-date")
    assert await scrape(telemetry.port, name) == before + 2
    await office.desk.row(gone.code)


# Rows from before


LINES = (
    ("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 claim"),
    ("receiver1 file",),
    (
        *("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 complete"),
        *("leader1 complete", "approver1 approve", "clerk1 complete number=1 date=2026-03-02T02:00:00Z"),
    ),
)
"""What each of them has been through: a task, no due instant yet, and a result that is ready."""


@pytest.mark.parametrize("measure", ["date", "instant"])
async def test_rows_from_before_know_when_they_are_overdue(
    office: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: str
) -> None:
    """The migration fills in what the rules say, by the measure and the calendar on record."""
    shutil.copytree(migrations.HERE / "migrations", tmp_path / "migrations")
    later = sorted(path for path in (tmp_path / "migrations").iterdir() if path.name >= "0016")
    for path in later:
        path.unlink()
    rules = procedure(timeliness=measure)
    cases = []
    for number, lines in enumerate(LINES):
        case = Case(rules=rules)
        case.empty = case.dossier = case.empty.model_copy(update={"code": f"H53-260302-{number:04}"})
        cases.append(case.run(*lines))
    async with database(office, "rows_from_before") as url:
        with monkeypatch.context() as earlier:
            earlier.setattr(migrations, "HERE", tmp_path)
            await migrate(url)
        owner = await asyncpg.connect(url)
        try:
            for case in cases:
                batch = {"row": row(case.dossier), "facts": case.facts, "notices": []}
                await owner.execute("select append_facts($1::jsonb)", json.dumps(to_jsonable_python(batch)))
            for kind, value in (("procedure", rules), ("calendar", CALENDAR)):
                await owner.execute(
                    "insert into rules (fingerprint, kind, body) values ($1, $2, $3::jsonb)",
                    *(fingerprint(value), kind, value.model_dump_json()),
                )
        finally:
            await owner.close()
        assert await migrate(url) == [path.name for path in later]
        async with Store.connect(url) as store:
            for case in cases:
                assert await store.row(case.dossier.code) == row(case.dossier)


# The report


async def test_a_report_does_not_judge_at_a_moment_that_has_not_come(scratch: Store, office: Running) -> None:
    """A period that ends later than now: what is due between now and its end is in time, as of now."""
    case = stage("handling")
    ahead = now() + timedelta(days=400)
    shown = row(case.dossier).model_copy(update={"due_at": ahead, "overdue_from": ahead})
    await scratch.append(shown, tuple(case.facts))
    found = await period(office.desk, scratch, date(2026, 3, 1), ahead.date() + timedelta(days=400))
    assert (found.whole.open.in_time, found.whole.open.overdue) == (1, 0)
    assert found.at < ahead < found.end
    past = await period(office.desk, scratch, date(2026, 3, 1), date(2026, 3, 8))
    assert past.at == past.end  # what is over is judged at its end


async def test_a_simulated_office_is_judged_at_its_last_fact(lives: dict[str, Life], scratch: Store) -> None:
    """Its clock is not the real one: years later its open dossiers are no later than they were."""
    assert lives
    case = Case()
    case.empty = case.dossier = case.empty.model_copy(update={"simulated": True})
    case.run("receiver1 file", "receiver1 accept", "receiver1 complete", "@ 2026-03-06 08:00", "clock tick")
    await put(scratch, case)
    assert await scratch.now() == at("2026-03-06 08:00")
    found = await period(next(iter(lives.values())).office.desk, scratch, date(2026, 3, 1), date(2150, 1, 1))
    assert (found.whole.open.in_time, found.whole.open.overdue, found.at) == (1, 0, at("2026-03-06 08:00"))
