"""Whose morning mail holds what: substitutes, those who call in sick, and a calendar that ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from models.calendar import Calendar
from models.chain import fingerprint
from models.fold import fold
from models.people import Absence
from models.view import row
from motcua.catalogue.catalogue import Catalogue
from motcua.notices.addressing import Addressing
from motcua.notices.digests import Digests, NotNeeded
from motcua.notices.topics import Topics
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeFilter, NoticeRecord
from tests.integration.test_store import database
from tests.running import CATALOGUE, SETTINGS, Running
from tests.unit.office import CALENDAR, LOUD, PROCEDURE, at, calendar, stage

MORNING, DAY = "2026-03-06 07:00", date(2026, 3, 6)


@pytest.fixture
async def record(office: Running) -> AsyncIterator[NoticeRecord]:
    """One dossier that is due on Monday, with handler1, in a database of its own."""
    async with database(office, "digests") as url:
        await migrate(url)
        async with Store.connect(url) as store:
            case = stage("handling", "handler1 claim")
            assert fold(case.empty, case.facts) == case.dossier
            await store.add_rules(fingerprint(PROCEDURE), "procedure", PROCEDURE.model_dump_json())
            await store.append(row(case.dossier), tuple(case.facts))
            yield NoticeRecord(store)


def digests(record: NoticeRecord, days: Calendar = CALENDAR, catalogue: Catalogue = CATALOGUE) -> Digests:
    """What writes them."""

    async def office_calendar() -> Calendar:
        return days

    store = record._store
    topics = Topics(store, catalogue, office_calendar, None)
    return Digests(store, office_calendar, Addressing(record, catalogue, LOUD), LOUD, topics)


async def away(record: NoticeRecord, person: str, substitute: str | None) -> None:
    """Somebody is away on the day."""
    absence = Absence(person=person, since=DAY, until=DAY, substitute=substitute)
    await record.add_absence(absence, "head1")


async def told(record: NoticeRecord) -> set[str]:
    """Whom a digest was written for."""
    return {each["recipient"] for each in await record.listed(NoticeFilter(code=f"digest/{DAY}"))}


async def test_who_stands_in_for_a_leader_has_the_overview(record: NoticeRecord) -> None:
    """The leader's substitute got nothing, and nobody saw what the unit had before it."""
    await digests(record).write(at(MORNING))
    assert await told(record) == {"handler1", "leader1", "head1"}
    await away(record, "leader1", "clerk1")
    await digests(record).write(at(MORNING))
    assert await told(record) == {"handler1", "leader1", "head1", "clerk1"}


async def test_who_stands_in_for_an_approver_has_what_they_could_claim(record: NoticeRecord) -> None:
    """A task that nobody had taken was before the approver alone, and then before nobody."""
    case = stage("handling", "handler1 claim", "handler1 complete", "leader1 complete")
    assert [(task.stage, task.assignee) for task in row(case.dossier).tasks] == [("approve", None)]
    on_record = (await record._store.row(case.dossier.code)).seq  # type: ignore[union-attr]
    await record._store.append(row(case.dossier), tuple(case.facts[on_record:]))
    await away(record, "approver1", "clerk1")
    await digests(record).write(at(MORNING))
    assert "clerk1" in await told(record)


async def test_who_calls_in_sick_after_it_was_written(record: NoticeRecord) -> None:
    """They are not told, and who stands in for them is."""
    written = digests(record)
    await written.write(at(MORNING))
    await away(record, "handler1", "handler2")
    (mine,) = await record.listed(NoticeFilter(code=f"digest/{DAY}", recipient="handler1"))
    notice = (await record.look(mine["id"], 0, at(MORNING))).notice
    directory = await Addressing(record, CATALOGUE, LOUD).directory(DAY)
    with pytest.raises(NotNeeded, match="absent"):
        await written.topic(notice, directory, at(MORNING))
    assert "handler2" in await told(record)


@pytest.mark.parametrize("last", ["2026-03-05", "2026-03-06", "2026-03-09"])
async def test_near_the_end_of_the_calendar(record: NoticeRecord, last: str) -> None:
    """The morning mail failed, day after day, from two days before the calendar's end."""
    written = digests(record, calendar(last=last, special=[]))
    await written.write(at(MORNING))
    assert await told(record) == {"handler1", "leader1", "head1"}
    (mine,) = await record.listed(NoticeFilter(code=f"digest/{DAY}", recipient="handler1"))
    notice = (await record.look(mine["id"], 0, at(MORNING))).notice
    directory = await Addressing(record, CATALOGUE, LOUD).directory(DAY)
    _, topic = await written.topic(notice, directory, at(MORNING))
    assert topic.digest is not None
    assert len(topic.digest.late) == 1


async def test_who_has_left_gets_no_morning_mail(record: NoticeRecord) -> None:
    """Neither is one written for them, nor is one that was written before they left sent."""
    await digests(record).write(at(MORNING))
    (mine,) = await record.listed(NoticeFilter(code=f"digest/{DAY}", recipient="handler1"))
    notice = (await record.look(mine["id"], 0, at(MORNING))).notice
    catalogue = Catalogue.load(SETTINGS.catalog_dir)
    gone = {
        name: catalogue.office.staff[name].model_copy(update={"until": DAY - timedelta(days=1)})
        for name in ("handler1", "leader1")
    }
    catalogue.office = catalogue.office.model_copy(update={"staff": {**catalogue.office.staff, **gone}})
    later = digests(record, catalogue=catalogue)
    directory = await Addressing(record, catalogue, LOUD).directory(DAY)
    with pytest.raises(NotNeeded, match="left"):
        await later.topic(notice, directory, at(MORNING))
    next_day = DAY + timedelta(days=3)
    await later.write(at(f"{next_day} 07:00"))
    found = await record.listed(NoticeFilter(code=f"digest/{next_day}"))
    assert {each["recipient"] for each in found} == {"head1"}
