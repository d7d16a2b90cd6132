"""What leaders ask for: the report of a period."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Annotated

import typer

from models.base import keeps
from motcua.cli import printing
from motcua.cli.deadlines import BadTime
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop, work
from motcua.desk import Desk
from motcua.reports import By, Line, Report, report
from motcua.store import Store


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""

    @app.command("report")
    def report_command(
        first: Annotated[
            str | None, typer.Option("--from", help="First day; else the first on record.")
        ] = None,
        last: Annotated[str | None, typer.Option("--to", help="Last day; else the last on record.")] = None,
        by: Annotated[By | None, typer.Option(help="Lines by field, unit or procedure.")] = None,
        as_json: Json = False,
    ) -> None:
        """Dossiers received, solved and open in a period (form II.06)."""
        days = [day_of(what, text) if text else None for what, text in (("--from", first), ("--to", last))]
        if days[0] and days[1] and days[0] > days[1]:
            raise BadTime(what="--to", text=f"{last} (it lies before --from {first})")
        work(_report(shop, days[0], days[1], by, as_json=as_json))


def day_of(what: str, text: str) -> date:
    """A day that was asked for; BadTime where it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadTime(what=what, text=text) from error
    if not keeps(day):
        raise BadTime(what=what, text=text)
    return day


async def _report(
    shop: Workshop, first: date | None, last: date | None, by: By | None, *, as_json: bool
) -> None:
    async with shop.office() as (desk, store):
        found = await period(desk, store, first, last, by)
        if as_json:
            printing.document(found.as_json())
        else:
            show(desk, found)


async def period(
    desk: Desk, store: Store, first: date | None = None, last: date | None = None, by: By | None = None
) -> Report:
    """The report over whole days, both included; open ends mean all that is on record."""
    calendar = desk.rulebook.calendar
    span = await store.span()
    fallback = span or (calendar.instant(first or last or calendar.first, time()),) * 2
    start = first or calendar.local(fallback[0]).date()
    end = last or max(start, calendar.local(fallback[1]).date())
    if end < start:
        raise BadTime(what="--to", text=f"{end} (it lies before the first dossier, of {start})")
    until = calendar.instant(end + timedelta(days=1), time())
    # What is open is judged at the period's end, or now where that is still to come.
    at = min(until, await store.now())
    return await report(store, calendar.instant(start, time()), until, at=at, by=by)


def show(desk: Desk, found: Report) -> None:
    """The report for people."""
    whole, calendar = found.whole, desk.rulebook.calendar
    last = calendar.local(found.end - timedelta(seconds=1)).date()
    came, done, left = whole.received, whole.solved, whole.open
    late = done.overdue + left.overdue
    ways = f"{came.online:,} online, {came.direct:,} direct"
    if came.carried_over:
        ways += f", {came.carried_over:,} carried over"
    in_time, early = done.early + done.on_time, f"{done.early:,} early, {done.on_time:,} on time"
    rows = [
        ("received", came.total, "", ways),
        ("solved early or on time", in_time, _percent(whole, in_time), early),
        ("open, in time", left.in_time, _percent(whole, left.in_time), ""),
        ("overdue", late, _percent(whole, late), f"{done.overdue:,} solved late, {left.overdue:,} open"),
    ]
    title = f"Dossiers from {calendar.local(found.start).date()} to {last} (shares of those received)"
    if found.at < found.end:
        title += f"; open ones as of {calendar.shown(found.at)}"
    printing.table(title, ("", "dossiers", "share", ""), [(a, f"{b:,}", c, d) for a, b, c, d in rows])
    if found.lines:
        printing.table(
            "",
            ("", "received", "early", "on time", "overdue", "open in time", "open overdue"),
            [
                (
                    line.name,
                    line.received.total,
                    line.solved.early,
                    line.solved.on_time,
                    line.solved.overdue,
                    line.open.in_time,
                    line.open.overdue,
                )
                for line in found.lines
            ],
            right=1,
        )


def _percent(line: Line, count: int) -> str:
    share = line.share(count)
    return "" if share is None else f"{share:.2f} %"
