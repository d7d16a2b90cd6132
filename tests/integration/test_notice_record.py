"""What the record says of notices: which are not needed any more, what became of each, who is away."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic_core import to_jsonable_python

from models.fold import fold
from models.notices import Notice, Standing, occasions
from models.people import EMAIL, Absence
from models.view import row
from motcua.bell import Bell
from motcua.store import Store
from motcua.store import migrate as migrations
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeFilter, NoticeRecord
from motcua.store.record import Record
from tests.integration.test_store import database, rows
from tests.running import Running
from tests.unit.office import LOUD, PEOPLE, Case, at, procedure, stage, tell

LATE = "2026-03-11 09:00"


@pytest.fixture
async def url(office: Running) -> AsyncIterator[str]:
    """An empty database of its own."""
    async with database(office, "notice_record") as url:
        await migrate(url)
        yield url


@pytest.fixture
async def record(url: str) -> AsyncIterator[NoticeRecord]:
    """The notices in it."""
    async with Store.connect(url) as store:
        yield NoticeRecord(store)


async def put(record: NoticeRecord, case: Case) -> list[Notice]:
    """Record what is not on record of a case, with its notices; returns them."""
    found = await record._store.row(case.dossier.code)
    seq = found.seq if found else 0
    facts = tuple(case.facts[seq:])
    told = tell(case.dossier, facts, LOUD)
    assert fold(case.empty, case.facts) == case.dossier
    await record._store.append(row(case.dossier), facts, tuple(occasions(case.dossier, facts)), told)
    return told


async def gone(record: NoticeRecord, notice: Notice, now: str = LATE) -> str | None:
    """Why a notice is not needed any more, if it is not."""
    return (await record.look(notice.id, 0, at(now))).standing.gone


async def test_the_outbox_has_what_leaves_the_office_once(record: NoticeRecord, url: str) -> None:
    """In the transaction of the fact; when a block fails it is still to be given, and stays until its end."""
    case = stage("handling", "handler1 claim")
    await put(record, case)
    case.tick(LATE)
    told = await put(record, case)
    leaving = {notice.id for notice in told}
    waiting = {entry["notice"] for entry in await rows(url, "select notice from outbox")}
    assert leaving < waiting  # and the applicant's receipt
    assert (await record.backlog())[0] == len(waiting)

    async def die() -> None:
        async with record.claim(100) as parcels:
            assert {parcel.notice for parcel in parcels} == waiting
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await die()
    async with record.claim(1) as first, record.claim(100) as others:
        assert {parcel.notice for parcel in (*first, *others)} == waiting
        assert len(first) == 1
    assert await record.backlog() == (0, 0.0)
    assert [parcel.tell_at for parcel in (*first, *others) if parcel.notice in leaving] == [
        notice.tell_at for notice in told
    ]
    assert {entry["notice"] for entry in await rows(url, "select notice from outbox")} == waiting
    await record.lost(timedelta(hours=1))
    assert await record.backlog() == (0, 0.0)


async def test_a_term_that_is_opened_again_keeps_its_alarms(record: NoticeRecord, url: str) -> None:
    """Corrected after it was issued late, its alarms were gone from the bell, and would have stayed so."""
    case = stage("issuing")
    await put(record, case)
    case.tick("2026-03-10 08:00")
    await put(record, case)
    alarmed = "select id, alarmed_at, alarm_to from terms where alarmed_at is not null"
    before = await rows(url, alarmed)
    assert before != []
    case.run("@ 2026-03-11 08:00", "clerk1 complete number=12 date=2026-03-11T01:00:00Z")
    await put(record, case)
    assert await rows(url, alarmed) == []
    case.run("clerk1 correct")
    await put(record, case)
    whole = [each for each in await rows(url, alarmed) if each["id"] in {row["id"] for row in before}]
    assert whole != []
    assert (await Record(record._store).of([case.dossier.code])).derived == {}


async def test_what_temporal_has_lost_is_given_to_it_again(record: NoticeRecord) -> None:
    """It stayed "sending" for ever, and nobody could have it sent again."""
    case = stage("handling", "handler1 claim")
    await put(record, case)
    (told,) = [each for each in await put(record, case.tick(LATE) and case) if each.recipient == "head1"]
    async with record.claim(100):
        pass
    await record.lost(timedelta(0))
    async with record.claim(100) as again:
        assert told.id in {parcel.notice for parcel in again}
    await record.end(told.id, 0, "sent", "250 OK")
    await record.lost(timedelta(0))
    async with record.claim(100) as again:
        assert told.id not in {parcel.notice for parcel in again}


@pytest.mark.parametrize(
    ("lines", "standing"),
    [
        ((), {}),
        (("handler1 complete",), {}),
        (("handler1 release", "handler2 claim"), {}),
        (("head1 stop",), {"paused": True}),
        (("citizen1 withdraw",), {"gone": "resolved"}),
        (
            ("leader1 acknowledge until=2026-03-11T09:00:00Z",),
            {"rests_until": datetime(2026, 3, 11, 9, tzinfo=UTC)},
        ),
    ],
)
async def test_how_it_stands_with_the_cause_of_an_escalation(
    record: NoticeRecord, lines: tuple[str, ...], standing: dict[str, Any]
) -> None:
    """It is gone, stands still, or is known of."""
    case = stage("handling", "handler1 claim")
    (told,) = [
        notice for notice in await put(record, case.tick(LATE) and case) if notice.recipient == "head1"
    ]
    assert (told.alarm, told.channel) == ("escalation", EMAIL)
    await put(record, case.run(*lines))
    assert (await record.look(told.id, 0, at(LATE))).standing == Standing(**standing)


async def test_of_what_lies_behind_only_the_highest_is_told(record: NoticeRecord) -> None:
    """A mail server that was away for days: the leader got every rung of them at once."""
    case, told = stage("handling", "handler1 claim"), []
    for moment in (LATE, "2026-03-12 09:00"):
        told += [each for each in await put(record, case.tick(moment) and case) if each.recipient == "head1"]
    first, second = told
    assert await gone(record, first) is None  # to its own clock the second lies ahead
    assert await gone(record, first, "2026-03-12 09:00") == "superseded"
    assert await gone(record, second, "2026-03-12 09:00") is None
    await record.end(second.id, 0, "void", "resolved")
    assert await gone(record, first, "2026-03-12 09:00") is None


async def test_a_due_instant_that_moved_on_makes_void_what_it_had_said(record: NoticeRecord) -> None:
    """The rung lies ahead again, and will sound again with a notice of its own."""
    case = stage("handling", "@ 2026-03-06 09:00")
    case.tick()
    told = next(n for n in await put(record, case) if n.name == "soon" and n.channel == EMAIL)
    assert await gone(record, told) is None
    await put(record, case.run("leader1 extend until=2026-03-20T02:00:00Z legal_basis=x"))
    assert await gone(record, told) == "resolved"
    case.tick("2026-03-19 09:00")
    again = next(n for n in await put(record, case) if n.name == "soon" and n.channel == EMAIL)
    assert (again.generation, await gone(record, again, "2026-03-19 09:00")) == (1, None)


async def test_others_are_told_instead(record: NoticeRecord, url: str) -> None:
    """Who is told already is not told twice; who had been passed over is told after all."""
    case = stage("handling", "handler1 claim")
    await put(record, case)
    first = next(n for n in await put(record, case.tick("2026-03-06 08:30") and case) if n.name == "soon")
    assert first.recipient == "handler1"
    second = first.model_copy(update={"recipient": "handler2"})
    now = at("2026-03-06 09:00")
    await record.pass_on(first.id, 0, [second], "handler2", now)
    assert (await record.look(first.id, 0, now)).ended == "passed"
    async with record.claim(100) as parcels:
        assert (second.id, 0) in {(parcel.notice, parcel.round) for parcel in parcels}
    await record.pass_on(second.id, 0, [first], "handler1", now)
    async with record.claim(100) as parcels:
        (again,) = parcels
        assert (again.notice, again.round, again.tell_at) == (first.id, 1, now)
    await record.end(first.id, 1, "sent", "250 OK")
    listed = {each["id"]: each["state"] for each in await record.listed(NoticeFilter(code=first.code))}
    assert (listed[first.id], listed[second.id]) == ("sent", "passed")
    assert [each["id"] for each in await record.listed(NoticeFilter(state="passed"))] == [second.id]
    await record.pass_on(second.id, 1, [first], "handler1", now)  # it is told already
    async with record.claim(100) as parcels:
        assert parcels == []


async def test_facts_that_tell_are_void_when_they_are_answered(record: NoticeRecord) -> None:
    """A supplement that has come; a draft that was decided; a result that was fetched, or corrected."""
    rules = procedure(apology="-1 day", rating_window=None)
    case = stage("handling", rules=rules)
    await put(record, case)

    async def told(kind: str, *lines: str) -> Notice:
        return next(each for each in await put(record, case.run(*lines)) if each.alarm == kind)

    asked = await told("supplement-requested", "handler1 request-supplement")
    assert await gone(record, asked) is None
    await put(record, case.run("citizen1 supply"))
    assert await gone(record, asked) == "answered"
    case.tick("2026-03-06 08:30")
    drafted = next(each for each in await put(record, case) if each.alarm == "apology-drafted")
    assert await gone(record, drafted) is None
    promised = await told("extended", "leader1 apologise")
    assert await gone(record, drafted) == "decided"
    ready = await told(
        "ready",
        *("handler1 complete", "leader1 complete", "approver1 approve"),
        "clerk1 complete number=12 date=2026-03-06T02:00:00Z",
    )
    assert (await gone(record, promised), await gone(record, ready)) == (None, None)
    await put(record, case.run("clerk1 correct"))
    assert await gone(record, ready) == "corrected"
    await put(record, case.run("clerk1 complete number=12 date=2026-03-06T02:00:00Z", "returner1 return"))
    assert await gone(record, ready) == "returned"


async def test_a_stop_that_has_ended_is_not_told_any_more(record: NoticeRecord) -> None:
    """The mail server was away longer than the dossier stood still."""
    case = stage("handling", "head1 stop")
    told = next(each for each in await put(record, case) if each.alarm == "stopped")
    assert await gone(record, told) is None
    await put(record, case.run("head1 resume"))
    assert await gone(record, told) == "resumed"


async def test_what_became_of_a_notice_is_put_down_once_for_each_round(
    record: NoticeRecord, url: str
) -> None:
    """Failures are counted until there is an end; only a refused one goes out again, on somebody's word."""
    case = stage("handling", "handler1 claim")
    told = next(n for n in await put(record, case.tick(LATE) and case) if n.channel == EMAIL)

    async def state() -> tuple[str, int, str | None]:
        (found,) = [each for each in await record.listed(NoticeFilter()) if each["id"] == told.id]
        return found["state"], found["failed"], found["why"]

    assert await state() == ("sending", 0, None)
    for _ in range(2):
        await record.failed(told.id, 0, "no answer")
    assert await state() == ("trying", 2, "no answer")
    assert await record.again(told.id, "head1") is None
    await record.end(told.id, 0, "refused", "550 no such user")
    await record.end(told.id, 0, "sent", "250 OK")  # a second worker that was slower
    assert await state() == ("refused", 0, "550 no such user")
    assert (await record.look(told.id, 0, at(LATE))).ended == "refused"
    await record.failed(told.id, 0, "a third worker that was slower still")
    assert await state() == ("refused", 0, "550 no such user")

    assert await record.again(told.id, "head1") == 1
    assert await record.again(told.id, "head1") is None
    assert (await state())[0] == "again"
    assert (await record.look(told.id, 1, at(LATE))).ended is None
    async with record.claim(100) as parcels:
        assert (told.id, 1) in {(parcel.notice, parcel.round) for parcel in parcels}
    await record.end(told.id, 1, "sent", "250 OK")
    assert await state() == ("sent", 0, "250 OK")
    assert [
        each["outcome"] for each in await rows(url, "select outcome from deliveries order by number")
    ] == [
        "refused",
        "again",
        "sent",
    ]
    assert [each["id"] for each in await record.listed(NoticeFilter(state="sent"))] == [told.id]
    for sql in ("update deliveries set why = ''", "delete from deliveries", "truncate deliveries"):
        with pytest.raises(asyncpg.PostgresError, match="never changed or deleted"):
            await rows(url, sql)


async def bell(record: NoticeRecord, user: str, when: str) -> set[tuple[str, str | None]]:
    """What somebody's bell shows, and in whose place."""
    units = {person.unit for person in PEOPLE.people.values()}
    rings = await Bell(record, PEOPLE.people, units).of(PEOPLE.people[user], at(when), at(when).date())
    return {(ring.name, ring.in_place_of) for ring in rings}


async def test_a_bell_shows_what_is_still_so(record: NoticeRecord) -> None:
    """The latest alarm of each term, for those whom it concerns, as long as its cause is there."""
    case, now = stage("handling", "handler1 claim"), "2026-03-09 08:30"
    await put(record, case.tick(now) and case)
    assert await bell(record, "leader1", now) == {("due", None), ("late", None)}
    assert await bell(record, "handler1", now) == {("due", None)}
    assert await bell(record, "handler2", now) == set()
    assert await bell(record, "leader1", "2026-03-03 08:30") == set()  # nobody knows of it yet
    await put(record, case.run("leader1 acknowledge until=2026-03-10T02:00:00Z"))
    assert ("due", None) not in await bell(record, "leader1", now)
    assert ("due", None) in await bell(record, "leader1", "2026-03-10 09:00")
    await put(record, case.run("citizen1 withdraw"))
    assert await bell(record, "leader1", now) == await bell(record, "handler1", now) == set()


async def test_a_bell_knows_who_is_here_today(record: NoticeRecord) -> None:
    """Stand-ins and the new holder of a task saw nothing: it went by the people of another day."""
    case, now = stage("handling", "handler1 claim"), "2026-03-09 08:30"
    await put(record, case.tick(now) and case)
    day = at(now).date()
    number = await record.add_absence(
        Absence(person="handler1", since=day, until=day, substitute="handler2"), "leader1"
    )
    assert ("due", "handler1") in await bell(record, "handler2", now)
    assert await bell(record, "handler1", now) == set()
    await record.end_absence(number, "leader1")
    await put(record, case.run("handler1 release", "handler2 claim"))
    assert await bell(record, "handler1", now) == set()
    assert ("due", None) in await bell(record, "handler2", now)


BEFORE = """
insert into notices (code, term, generation, rung, occurrence, recipient, channel, alarm, name, due_at, fact)
select $1, $2, 0, $3, 0, word, 'desk', 'due', 'due', $4, $5 from unnest($6::text[]) word
"""


async def test_alarms_from_before_name_words(
    office: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the upgrade they were on nobody's bell."""
    shutil.copytree(migrations.HERE / "migrations", tmp_path / "migrations")
    later = sorted(path for path in (tmp_path / "migrations").iterdir() if path.name >= "0006")
    for path in later:
        path.unlink()
    case, now = stage("handling", "handler1 claim"), "2026-03-09 08:30"
    facts = tuple(case.tick(now) and case.facts)
    due = next(each for each in occasions(case.dossier, facts) if each.name == "due")
    async with database(office, "before") as url:
        with monkeypatch.context() as earlier:
            earlier.setattr(migrations, "HERE", tmp_path)
            await migrate(url)
        owner = await asyncpg.connect(url)
        batch = {"row": row(case.dossier), "facts": facts, "notices": []}
        await owner.execute("select append_facts($1::jsonb)", json.dumps(to_jsonable_python(batch)))
        await owner.execute(BEFORE, case.dossier.code, due.term, due.rung, due.at, due.fact, list(due.to))
        await owner.close()
        assert await migrate(url) == [path.name for path in later]
        async with Store.connect(url) as store:
            record = NoticeRecord(store)
            for user in ("handler1", "leader1"):
                assert await bell(record, user, now) == {("due", None)}
            assert {each["state"] for each in await record.listed(NoticeFilter())} == {"shown"}
            assert len(await record.listed(NoticeFilter(state="shown"))) == 2


async def test_absences(record: NoticeRecord) -> None:
    """Entered with who entered them, taken back once, listed while they last."""
    away = Absence(person="handler1", since=date(2026, 3, 2), until=date(2026, 3, 6), substitute="handler2")
    number = await record.add_absence(away, "leader1")
    assert await record.absences(date(2026, 3, 6)) == (away,)
    assert await record.absences(date(2026, 3, 6) + timedelta(days=1)) == ()
    ((entry,), ended) = (
        await record.absence_rows(date(2026, 3, 2)),
        await record.end_absence(number, "head1"),
    )
    assert (entry["entered_by"], ended) == ("leader1", "handler1")
    assert await record.end_absence(number, "head1") is None
    assert await record.absences(date(2026, 3, 2)) == ()
