"""How fast the desk's pages are over a large office: `python -m benchmarks.screens`.

A hundred thousand dossiers on record (kept in a folder, and taken from there the next time), the desk served
on loopback, and people who look at one page after another. Times are the server's own (Server-Timing).
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Annotated, Any, NamedTuple

import asyncpg
import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from temporalio.client import Client

from benchmarks.crowd import fill, staffed
from motcua.accounts import Accounts
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk
from motcua.documents import Documents
from motcua.health import Health
from motcua.local import LocalOffice
from motcua.papers import Papers
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.sql import query
from motcua.telemetry import configure_logging
from motcua.temporal import connect
from motcua.web.house import House
from motcua.web.serve import serving
from motcua.web.server import address, bound
from workflows.dossier import TASK_QUEUE

PASSWORD = "mật khẩu của buổi đo"
MOST_MS, MOST_KB = 50, 150
"""What each page may take: milliseconds of the server at the 95th percentile, kilobytes on the wire."""
PLANS = Path(__file__).resolve().parents[1] / "motcua" / "store" / "screens.plans.md"
err = Console(stderr=True, highlight=False)


class Timing(NamedTuple):
    """One kind of page, looked at many times."""

    page: str
    looks: int
    p50: float
    p95: float
    most: float
    kb: float
    """The largest, headers included."""

    @classmethod
    def of(cls, page: str, seen: list[tuple[float, float]]) -> Timing:
        """Of milliseconds and kilobytes of each look."""
        times = sorted(took for took, _ in seen)
        p95 = quantiles(times, n=20)[-1]
        return cls(page, len(seen), median(times), p95, times[-1], max(kb for _, kb in seen))

    @property
    def good(self) -> bool:
        """Whether it keeps to its limits."""
        return self.p95 < MOST_MS and self.kb < MOST_KB


@asynccontextmanager
async def crowded(folder: Path, dossiers: int) -> AsyncIterator[tuple[LocalOffice, Path, int, int]]:
    """An embedded office with so many dossiers on record: servers, catalogue, dossiers, facts."""
    catalog_dir = staffed(Settings.read().catalog_dir, folder)
    async with LocalOffice(folder / "office") as office:
        await migrate(office.run.admin_database_url)
        with _bar() as bar:
            task = bar.add_task("dossiers", total=dossiers)
            now = datetime.now(UTC).replace(microsecond=0)
            url = office.run.admin_database_url
            async for done in fill(url, catalog_dir, dossiers=dossiers, seed=1, until=now):
                bar.update(task, completed=done)
        root = await asyncpg.connect(office.run.admin_database_url)
        try:
            await root.execute("vacuum analyze")
            there = await root.fetchrow(
                "select (select count(*) from dossiers), (select count(*) from facts)"
            )
        finally:
            await root.close()
        yield office, catalog_dir, *there


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err)


def house_of(client: Client, store: Store, catalogue: Catalogue, catalog_dir: Path, url: str) -> House:
    """What the pages work with."""
    calendar = catalogue.calendar(catalogue.office.calendar)
    return House(
        desk=Desk(client, store, rulebook(catalogue)),
        store=store,
        catalogue=catalogue,
        catalog_dir=catalog_dir,
        papers=Papers(store, catalogue.office, calendar, catalog_dir, url),
        accounts=Accounts(store, catalogue.office.staff, catalogue.today),
        documents=Documents(store),
        health=Health(store, client, TASK_QUEUE),
        public_url=url,
    )


class Visitor:
    """Somebody who is signed in."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=60)

    async def sign_in(self, person: str, password: str = PASSWORD) -> None:
        """As the desk's own form does."""
        answer = await self.client.post("/sign-in", data={"name": person, "password": password})
        assert answer.status_code == 303, answer.text

    async def look(self, path: str) -> tuple[float, float]:
        """Milliseconds of the server, and kilobytes on the wire."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        took = float(answer.headers["server-timing"].partition("dur=")[2])
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        return took, (len(answer.content) + head) / 1000


async def timings(url: str, store: Store, *, looks: int, seed: int = 1) -> list[Timing]:
    """Each page, as often as that, with other dossiers, names and filters each time."""
    random = Random(seed)
    people = {who: Visitor(url) for who in ("demo-handler-1", "leader1", "head1")}
    for who, visitor in people.items():
        await visitor.sign_in(who)
    handler, leader, head = people["demo-handler-1"], people["leader1"], people["head1"]
    async with store._connection() as connection:
        rows = await connection.fetch(
            "select d.code, p.content ->> 'name' as name, p.content ->> 'phone' as phone,"
            " d.outcome is null as open"
            " from dossiers d join private p on p.id = d.applicant where d.unit = 'demo'"
        )
    dossiers = [dict(row) for row in rows]
    still_open = [each for each in dossiers if each["open"]]
    states = ("late", "today", "soon", "comfortable", "paused", "waiting")

    def one(key: str, among: list[dict[str, Any]] = dossiers) -> str:
        return str(random.choice(among)[key])

    kinds: list[tuple[str, Visitor, Callable[[], str]]] = [
        ("inbox: mine and what I may take", handler, lambda: "/inbox"),
        ("inbox: my unit's", handler, lambda: "/inbox?view=unit"),
        ("inbox: one state", leader, lambda: f"/inbox?view=unit&state={random.choice(states)}"),
        ("inbox: by applicant", leader, lambda: f"/inbox?view=unit&q={one('name', still_open)}"),
        ("inbox: by code", leader, lambda: f"/inbox?view=unit&q={one('code', still_open)[:11]}"),
        ("inbox: every unit's", head, lambda: "/inbox?view=all"),
        ("search: a code", handler, lambda: f"/search?q={one('code')}"),
        ("search: a day's codes", head, lambda: f"/search?q={one('code')[:10]}"),
        ("search: a name", handler, lambda: f"/search?q={one('name')}"),
        ("search: the commonest word", head, lambda: "/search?q=nguyen"),
        ("search: a telephone", head, lambda: f"/search?q={one('phone')}"),
        ("board: a unit's leader", leader, lambda: "/board"),
        ("board: the whole office", head, lambda: "/board"),
        ("dossier: open", handler, lambda: f"/dossiers/{one('code', still_open)}"),
        ("dossier: any", head, lambda: f"/dossiers/{one('code')}"),
    ]
    found = []
    for name, visitor, path in kinds:
        for _ in range(10):  # the statements are planned, the templates read
            await visitor.look(path())
        seen = [await visitor.look(path()) for _ in range(looks)]
        found.append(Timing.of(name, seen))
    found.insert(6, await _paging(leader, looks))
    return found


async def _paging(leader: Visitor, looks: int) -> Timing:
    """On and on through the longest list."""
    path, seen = "/inbox?view=unit", list[tuple[float, float]]()
    while len(seen) < looks:
        seen.append(await leader.look(path))
        text = (await leader.client.get(path)).text
        link = text.partition('rel="next" href="')[2].partition('"')[0]
        path = link.replace("&amp;", "&") or "/inbox?view=unit"
    return Timing.of("inbox: page after page", seen)


async def plans(url: str) -> str:
    """How PostgreSQL goes about each statement of the pages, as a document."""
    now = datetime.now(UTC)
    first, ever, today, soon = (
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
        now + timedelta(hours=8),
        now + timedelta(days=3),
    )
    anything = (None, None, None)
    weeks = [now - timedelta(weeks=12 - number) for number in range(13)]
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    found = await connection.fetch(query("applicants"), "tran:* & van:* & long:*", 1001)
    applicants = [row["id"] for row in found]
    codes = [row["code"] for row in await connection.fetch("select code from tasks limit 1000")]
    leader = ["leader1"], ["unit-leader"], now, ["demo"]
    rows = await connection.fetch(query("alarmed_for_leaders"), "demo", ever, "", 0, 198, *leader)
    alarmed = [row["code"] for row in rows], [row["id"] for row in rows]
    asked: list[tuple[str, str, tuple[Any, ...]]] = [
        (
            "inbox_of_unit",
            "the first page of a unit's tasks",
            ("demo", -1, first, "", None, None, None, first, None, *anything, None, 51, None, now),
        ),
        (
            "inbox_of_unit",
            "what a handler may take, narrowed by the commonest word",
            (
                *("demo", -1, first, "", ["demo-handler-1"], ["handler"], None, first, None, *anything),
                *("nguyen:*", 51, None, now),
            ),
        ),
        ("tasks_of_applicants", "of a whole name", (applicants,)),
        ("tasks_by_code", "of a day", (f"H53-{now:%y%m%d}", 1001)),
        (
            "inbox_found",
            "a thousand that were looked for",
            (codes, "demo", None, None, [], -1, first, "", None, first, None, None, None, 51, None, now),
        ),
        ("alarmed_for_leaders", "of a unit's leader", ("demo", ever, "", 0, 198, *leader)),
        (
            "alarmed_for_leaders",
            "of the office's leader",
            (None, ever, "", 0, 198, ["head1"], ["office-leader"], now, []),
        ),
        (
            "alarmed_for_some",
            "of a handler",
            ("demo", ever, "", 0, 198, ["demo-handler-1"], ["handler"], now),
        ),
        ("bell", "of a unit's leader", (*alarmed, now, "demo", ["demo"], 198)),
        (
            "inbox_of_person",
            "what somebody has",
            ("demo-handler-1", -1, first, "", None, None, None, first, None, *anything, None, 51, None, now),
        ),
        (
            "inbox_everywhere",
            "the first page of all tasks",
            (None, -1, first, "", None, None, None, first, None, *anything, None, 51, None, now),
        ),
        ("inbox_counts", "a unit's tasks by state", ("demo", None, [], now, today, soon)),
        ("search", "by the beginning of a code", (None, "H53-2611", ever, "", 51)),
        ("search", "the latest", ("demo", None, ever, "", 51)),
        ("applicants", "the commonest word", ("nguyen:*", 1001)),
        ("applicants", "a whole name", ("tran:* & van:* & long:*", 1001)),
        ("search_words", "the commonest word", (None, "nguyen:*", ever, "", 51)),
        ("search_applicants", "a whole name", (None, applicants, ever, "", 51)),
        ("load", "of a unit", ("demo", now, today, soon)),
        ("weeks", "of the whole office", (None, weeks[:-1], weeks[1:], [each.date() for each in weeks[:-1]])),
        ("ageing", "of the whole office", (None, now)),
    ]
    try:
        there = await connection.fetchrow(
            "select (select count(*) from dossiers) as dossiers, (select count(*) from facts) as facts,"
            " (select count(*) from tasks) as tasks, current_setting('server_version') as version"
        )
        parts = [
            "# The plans of screens.sql\n",
            f"Taken on {now:%Y-%m-%d} by `python -m benchmarks.screens --plans`, on PostgreSQL"
            f" {there['version']}, with {there['dossiers']:,} dossiers, {there['facts']:,} facts"
            f" and {there['tasks']:,} open tasks.\n",
        ]
        for name, words, values in asked:
            lines = await connection.fetch(
                f"explain (analyze, buffers, costs off, timing off) {query(name)}", *values
            )
            text = "\n".join(line[0] for line in lines)
            parts.append(f"## {name}: {words}\n\n```\n{text}\n```\n")
    finally:
        await connection.close()
    return "\n".join(parts)


async def run(folder: Path, dossiers: int, looks: int, *, with_plans: bool) -> tuple[list[Timing], int, int]:
    """Fill, serve, look; with plans, write them where the statements are."""
    async with crowded(folder, dossiers) as (office, catalog_dir, there, facts):
        if with_plans:
            PLANS.write_text(await plans(office.run.admin_database_url), encoding="utf-8")
        catalogue = Catalogue.load(catalog_dir)
        client = await connect(office.run.temporal.address, office.run.temporal.namespace)
        async with Store.connect(office.run.database_url) as store:
            listening = bound("127.0.0.1", 0)
            url = address(listening)
            house = house_of(client, store, catalogue, catalog_dir, url)
            await house.accounts.furnish(PASSWORD)
            async with serving(house, listening):
                return await timings(url, store, looks=looks), there, facts


def show(found: list[Timing], dossiers: int, facts: int) -> None:
    """The table for people."""
    console = Console()
    table = Table(title=f"{dossiers:,} dossiers, {facts:,} facts; server time in ms")
    for column in ("page", "looks", "p50", "p95", "most", "kB"):
        table.add_column(column, justify="left" if column == "page" else "right")
    for each in found:
        style = None if each.good else "red"
        figures = (f"{each.p50:.1f}", f"{each.p95:.1f}", f"{each.most:.1f}", f"{each.kb:.0f}")
        table.add_row(each.page, str(each.looks), *figures, style=style)
    console.print(table)


def main(
    dossiers: Annotated[int, typer.Option(min=100, help="How many are to be on record.")] = 100_000,
    looks: Annotated[int, typer.Option(min=20, help="How often each page is looked at.")] = 200,
    data: Annotated[
        Path | None, typer.Option(help="Where they are kept; the next run takes them from there.")
    ] = None,
    with_plans: Annotated[bool, typer.Option("--plans", help="Also renew screens.plans.md.")] = False,
) -> None:
    """Measure the desk's pages over a large office; exit code 1 where one is beyond its limits."""
    configure_logging("error")
    with tempfile.TemporaryDirectory(prefix="motcua-screens-") as directory:
        folder = data or Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        found, there, facts = asyncio.run(run(folder, dossiers, looks, with_plans=with_plans))
    show(found, there, facts)
    raise typer.Exit(0 if all(each.good for each in found) else 1)


if __name__ == "__main__":
    typer.run(main)
