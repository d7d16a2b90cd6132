"""What the pages read of many dossiers, by index, is what one finds by looking at everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from benchmarks.crowd import fill, staffed
from models.people import Absence, Directory
from models.procedure import Role
from motcua.bell import Bell
from motcua.catalogue.catalogue import Catalogue
from motcua.store import Store, screens
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeRecord, Reach
from motcua.store.screens import Edges, Screens, Wanted
from motcua.web.inbox import _key, _place
from tests.integration.test_store import database
from tests.running import SETTINGS, Running


class Crowd(NamedTuple):
    """A few hundred dossiers on record, and who works there."""

    store: Store
    screens: Screens
    record: NoticeRecord
    catalogue: Catalogue


NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
"""A Friday afternoon. How many alarms there are depends on the day of the week, not on the pages."""
EDGES = Edges(NOW, NOW + timedelta(hours=8), NOW + timedelta(days=3))


@pytest.fixture(scope="module")
async def crowd(office: Running, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    """Dossiers that the rules have decided, most of them open, brought in as the benchmark does."""
    catalog_dir = staffed(SETTINGS.catalog_dir, tmp_path_factory.mktemp("crowd"))
    async with database(office, "crowd") as url:
        await migrate(url)
        async for _ in fill(url, catalog_dir, dossiers=400, seed=7, until=NOW, processes=1, open_share=0.7):
            pass
        async with Store.connect(url) as store:
            yield Crowd(store, Screens(store), NoticeRecord(store), Catalogue.load(catalog_dir))


def everything(rows: list[Any]) -> list[tuple[str, int]]:
    """What rows of an inbox are about."""
    return [(row["code"], row["id"]) for row in rows]


async def all_pages(crowd: Crowd, wanted: Wanted) -> list[tuple[str, int]]:
    """An inbox from its first page to the last."""
    found: list[tuple[str, int]] = []
    after = None
    while page := await crowd.screens.inbox(wanted, EDGES, after, 7):
        found += everything(page)
        after = _place(_key(page[-1]))  # as the page's link to the next has it
    return found


async def test_the_crowd_is_as_the_rules_leave_it(crowd: Crowd) -> None:
    """Chains hold, and there is something of each kind for the other tests to find."""
    counts = await crowd.store.counts()
    assert counts["dossiers"] == 400
    assert counts["facts"] > 3000
    states = Counter(row["place"] for row in await crowd.screens.inbox(Wanted(), EDGES, None, 1000))
    assert set(states) == {0, 1, 2}
    load = await crowd.screens.load(None, EDGES)
    assert sum(row["late"] for row in load) > 20
    assert len({row["assignee"] for row in load}) > 20


async def test_paging_goes_on_among_what_has_no_clock(crowd: Crowd) -> None:
    """Found as a page that was refused: the place after a task without a clock could not be read."""
    whole = everything(await crowd.screens.inbox(Wanted(), EDGES, None, 1000))
    assert await all_pages(crowd, Wanted()) == whole
    assert await all_pages(crowd, Wanted(state="waiting"))


@pytest.mark.parametrize(
    "narrowed",
    [
        {"words": "nguyen"},
        {"words": "Nguyễn Văn"},
        {"words": "nobody at all"},
        {"code": "H53"},
        {"code": f"H53-{NOW:%y%m}"},
        {"code": "H53-9"},
        {"words": "tran", "step": "handle"},
    ],
)
@pytest.mark.parametrize(
    "whose",
    [
        {"unit": "demo"},
        {},
        {"unit": "demo", "holders": ("demo-handler-1",), "roles": ("handler",)},
        {"holder": "demo-handler-2"},
        {"unit": "police", "state": "late"},
    ],
)
async def test_what_is_looked_for_is_the_same_either_way(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, narrowed: dict[str, Any], whose: dict[str, Any]
) -> None:
    """Read one by one because few fit, or met in the list because many do: the same tasks in order."""
    wanted = Wanted(**whose, **narrowed)
    found = await all_pages(crowd, wanted)
    monkeypatch.setattr(screens, "_FEW", 0)
    assert await all_pages(crowd, wanted) == found
    assert len(found) == len(set(found))
    if whose in ({}, {"unit": "demo"}) and narrowed.get("words") == "nguyen":
        assert found


@pytest.mark.parametrize("unit", [None, "demo", "tax"])
@pytest.mark.parametrize("text", ["nguyen", "Trần", "lê minh", "zzz", "09"])
async def test_a_search_is_the_same_either_way(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, unit: str | None, text: str
) -> None:
    """The latest dossiers first, page after page."""

    async def pages() -> list[str]:
        found: list[str] = []
        before = None
        while page := await crowd.screens.search(unit, text, before, 9):
            found += [row["code"] for row in page]
            before = (page[-1]["submitted_at"], page[-1]["code"])
        return found

    found = await pages()
    monkeypatch.setattr(screens, "_FEW", 0)
    assert await pages() == found
    if unit is None and text == "nguyen":
        assert len(found) > 9


async def test_the_charts_count_what_is_there(crowd: Crowd) -> None:
    """Weeks and ages against a count of every row."""
    async with crowd.store._connection() as connection:
        rows = await connection.fetch("select * from dossiers")
    edges = [NOW - timedelta(weeks=12 - number) for number in range(13)]
    mondays = [each.date() for each in edges[:-1]]
    for unit in (None, "demo", "police"):
        mine = [row for row in rows if unit in (None, row["unit"])]
        weeks = {row["week"]: row for row in await crowd.screens.weeks(unit, mondays, edges)}
        for monday, since, until in zip(mondays, edges, edges[1:], strict=False):
            ended = [(row, row["ready_at"] or row["finished_at"]) for row in mine]
            went = [row for row, end in ended if end is not None and since <= end < until]
            assert weeks[monday]["came"] == sum(since <= row["submitted_at"] < until for row in mine)
            assert weeks[monday]["went"] == len(went)
            assert weeks[monday]["late"] == sum(row["timeliness"] == "overdue" for row in went)
        ageing = await crowd.screens.ageing(unit, NOW)
        still = [row for row in mine if row["outcome"] is None and row["ready_at"] is None]
        assert sum(row["open"] for row in ageing) == len(still)


AWAY: list[list[Absence]] = [
    [],
    [Absence(person="leader1", since=date(2020, 1, 1), until=date(2040, 1, 1))],
    [Absence(person="leader1", since=date(2020, 1, 1), until=date(2040, 1, 1), substitute="demo-handler-3")],
    [
        Absence(person="leader1", since=date(2020, 1, 1), until=date(2040, 1, 1)),
        Absence(person="head1", since=date(2020, 1, 1), until=date(2040, 1, 1), substitute="admin1"),
    ],
    [Absence(person="police2", since=date(2020, 1, 1), until=date(2040, 1, 1), substitute="police1")],
    [
        Absence(
            person=f"demo-handler-{number}", since=date(2020, 1, 1), until=date(2040, 1, 1), substitute=other
        )
        for number, other in ((1, "demo-handler-2"), (2, "demo-handler-4"), (5, None))
    ],
]


@pytest.mark.slow  # each bell of hundreds of dossiers, with and without absences
@pytest.mark.parametrize("away", AWAY)
async def test_every_bell_is_the_same_as_by_looking_at_every_alarm(crowd: Crowd, away: list[Absence]) -> None:
    """For each person, whoever is away: by index and reach they hear of what the directory gives them."""
    numbers = [await crowd.record.add_absence(each, "admin1") for each in away]
    try:
        people, units = crowd.catalogue.office.staff, [unit.id for unit in crowd.catalogue.office.units]
        day = crowd.catalogue.calendar(crowd.catalogue.office.calendar).local(NOW).date()
        alarms, more = await crowd.record.alarms(
            None, NOW, Reach((), (), True, tuple(units), tuple(units)), most=100_000
        )
        assert more is None
        assert len(alarms) > 200
        directory = Directory(people=people, absences=await crowd.record.absences(day))
        bell = Bell(crowd.record, people, units)
        told: dict[str, set[tuple[str, int]]] = {person: set() for person in people}
        for alarm in alarms:
            for each in directory.told(
                tuple(alarm["to"]), assignee=alarm["assignee"], unit=alarm["unit"], day=day
            ):
                told[each.person.id].add((alarm["code"], alarm["term"]))
        heard = 0
        for name, person in people.items():
            found = await bell.of(person, NOW, day, most=100_000)
            assert len(found) == len(told[name]), name
            assert {ring.code for ring in found} == {code for code, _ in told[name]}, name
            assert [ring.tell_at for ring in found] == sorted((r.tell_at for r in found), reverse=True)
            few = await bell.of(person, NOW, day, most=3)
            assert len(few) == min(3, len(found))
            heard += bool(found)
        assert heard > 20
        assert any(told[name] for name, person in people.items() if Role.UNIT_LEADER in person.roles)
    finally:
        async with crowd.store._connection() as connection:
            for number in numbers:
                await connection.execute(
                    "update absences set ended_by = 'x', ended_at = clock_timestamp() where number = $1",
                    number,
                )
