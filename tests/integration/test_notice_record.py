"""What the record says of notices: which are not needed any more, what became of each, who is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import asyncpg
import pytest

from models.fold import fold
from models.notices import DESK, EMAIL, Channels, Notice
from models.people import Absence
from models.view import row
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeFilter, NoticeRecord
from tests.integration.test_store import database, rows
from tests.running import Running
from tests.unit.office import Case, procedure, stage, tell

LOUD = Channels(open=frozenset({DESK, EMAIL}), applicant=(EMAIL,))
LATE = "2026-03-10 09:00"


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
    told = tell(case.dossier, case.facts[seq:], LOUD)
    assert fold(case.empty, case.facts) == case.dossier
    await record._store.append(row(case.dossier), tuple(case.facts[seq:]), told)
    return told


async def void(record: NoticeRecord, notice: Notice) -> str | None:
    """Why a notice is not needed, if it is not."""
    return (await record.look(notice.id, 0)).void


async def test_the_outbox_has_what_leaves_the_office_once(record: NoticeRecord, url: str) -> None:
    """In the transaction of the fact; a block that fails leaves it there, one that ends well takes it out."""
    case = stage("handling", "handler1 claim")
    await put(record, case)
    case.tick(LATE)
    told = await put(record, case)
    assert {notice.channel for notice in told} == {DESK, EMAIL}
    leaving = {notice.id for notice in told if notice.channel == EMAIL}
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
        notice.tell_at for notice in told if notice.channel == EMAIL
    ]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((), None),
        (("handler1 complete",), None),
        (("head1 stop",), "paused"),
        (("citizen1 withdraw",), "resolved"),
        (("leader1 acknowledge until=2026-03-11T09:00:00Z",), "acknowledged"),
        (("handler1 release", "handler2 claim"), None),
    ],
)
async def test_why_an_escalation_is_not_needed(
    record: NoticeRecord, lines: tuple[str, ...], why: str | None
) -> None:
    """Its cause is gone, stands still, or is known."""
    case = stage("handling", "handler1 claim")
    told = [notice for notice in await put(record, case.tick(LATE) and case) if notice.recipient == "head1"]
    assert [(notice.alarm, notice.channel) for notice in told] == [
        ("escalation", DESK),
        ("escalation", EMAIL),
    ]
    await put(record, case.run(*lines))
    assert {await void(record, notice) for notice in told} == {why}


async def test_a_due_instant_that_moved_on_makes_void_what_it_had_said(record: NoticeRecord) -> None:
    """The rung lies ahead again, and will sound again with a notice of its own."""
    case = stage("handling", "@ 2026-03-06 09:00")
    case.tick()
    told = next(n for n in await put(record, case) if n.name == "soon" and n.channel == EMAIL)
    assert await void(record, told) is None
    await put(record, case.run("leader1 extend until=2026-03-20T02:00:00Z legal_basis=x"))
    assert await void(record, told) == "resolved"
    case.tick("2026-03-19 09:00")
    again = next(n for n in await put(record, case) if n.name == "soon" and n.channel == EMAIL)
    assert (again.generation, await void(record, again)) == (1, None)


async def test_who_has_passed_the_task_on_is_not_told_of_it(record: NoticeRecord) -> None:
    """A reminder for whoever has the task; a substitute is told as long as the absent one has it."""
    rules = procedure(ladder=[{"name": "soon", "offset": "-1 day", "kind": "reminder", "to": ["assignee"]}])
    case = stage("handling", "handler1 claim", rules=rules)
    case.tick("2026-03-06 08:30")
    told = next(n for n in await put(record, case) if n.name == "soon" and n.channel == EMAIL)
    assert (told.recipient, await void(record, told)) == ("handler1", None)
    await put(record, case.run("leader1 assign to=handler2"))
    assert await void(record, told) == "reassigned"


async def test_facts_that_tell_are_void_when_they_are_answered(record: NoticeRecord) -> None:
    """A supplement that has come; a draft that was decided; a result that was fetched, or corrected."""
    rules = procedure(apology="-1 day", rating_window=None)
    case = stage("handling", rules=rules)
    await put(record, case)

    async def told(kind: str, *lines: str) -> Notice:
        return next(each for each in await put(record, case.run(*lines)) if each.alarm == kind)

    asked = await told("supplement-requested", "handler1 request-supplement")
    assert await void(record, asked) is None
    await put(record, case.run("citizen1 supply"))
    assert await void(record, asked) == "answered"
    case.tick("2026-03-06 08:30")
    drafted = next(each for each in await put(record, case) if each.alarm == "apology-drafted")
    assert await void(record, drafted) is None
    promised = await told("extended", "leader1 apologise")
    assert await void(record, drafted) == "decided"
    ready = await told(
        "ready",
        *("handler1 complete", "leader1 complete", "approver1 approve"),
        "clerk1 complete number=12 date=2026-03-06T02:00:00Z",
    )
    assert (await void(record, promised), await void(record, ready)) == (None, None)
    await put(record, case.run("clerk1 correct"))
    assert await void(record, ready) == "corrected"
    await put(record, case.run("clerk1 complete number=12 date=2026-03-06T02:00:00Z", "returner1 return"))
    assert await void(record, ready) == "returned"


async def test_a_stop_that_has_ended_is_not_told_any_more(record: NoticeRecord) -> None:
    """The mail server was away longer than the dossier stood still."""
    case = stage("handling", "head1 stop")
    told = next(each for each in await put(record, case) if each.alarm == "stopped")
    assert await void(record, told) is None
    await put(record, case.run("head1 resume"))
    assert await void(record, told) == "resumed"


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
    assert (await record.look(told.id, 0)).ended == "refused"
    assert await rows(url, "select * from attempts") == []

    assert await record.again(told.id, "head1") == 1
    assert await record.again(told.id, "head1") is None
    assert (await state())[0] == "again"
    assert (await record.look(told.id, 1)).ended is None
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


async def test_a_bell_shows_what_is_still_so(record: NoticeRecord) -> None:
    """Told by the desk, at its hour, with its cause still there."""
    case = stage("handling", "handler1 claim")
    await put(record, case.tick("2026-03-09 08:30") and case)
    assert {each["name"] for each in await record.bell("leader1")} == {"due", "late"}
    assert [each["code"] for each in await record.bell("handler1")] == [case.dossier.code]
    assert await record.bell("handler2") == []
    await put(record, case.run("citizen1 withdraw"))
    assert await record.bell("leader1") == await record.bell("handler1") == []
    listed = await record.listed(NoticeFilter(channel=DESK))
    assert {(each["state"], each["why"]) for each in listed} == {("void", "resolved")}


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
