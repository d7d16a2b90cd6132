"""`absences`: who is away, until when, and who is told in their place."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from motcua.absences import Absences
from motcua.cli import printing
from motcua.cli.embedded import day_of
from motcua.cli.options import Json
from motcua.cli.people import marks
from motcua.cli.workshop import Workshop, work
from motcua.store.notices import NoticeRecord

As = Annotated[str, typer.Option("--as", help="Who acts: themselves, a leader, an administrator.")]


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""
    absences = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Who is away, and who stands in."
    )
    app.add_typer(absences, name="absences")

    @absences.command("list")
    def list_absences(as_json: Json = False) -> None:
        """Who is away today or later."""
        work(_list(shop, as_json=as_json))

    @absences.command("add")
    def add_absence(
        person: str,
        first: Annotated[str, typer.Option("--from", help="The first day.")],
        last: Annotated[str, typer.Option("--to", help="The last day.")],
        user: As,
        substitute: Annotated[str | None, typer.Option(help="Who is told in their place.")] = None,
        as_json: Json = False,
    ) -> None:
        """Enter an absence; notices go to the substitute, and without one to those above."""
        work(_add(shop, person, day_of(first), day_of(last), substitute, user, as_json=as_json))

    @absences.command("end")
    def end_absence(number: int, user: As, as_json: Json = False) -> None:
        """Take an absence back."""
        work(_end(shop, number, user, as_json=as_json))


async def _list(shop: Workshop, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        today = desk.rulebook.calendar.local(datetime.now(UTC)).date()
        rows = await NoticeRecord(store).absence_rows(today)
        shown = await marks(store, desk.rulebook.calendar)
    if as_json:
        printing.document([{**row, "since": str(row["since"]), "until": str(row["until"])} for row in rows])
        return
    columns = ("#", "who", "from", "to", "stands in", "entered by")
    keys = ("number", "person", "since", "until", "substitute", "entered_by")
    listed = [{**row, "substitute": row["substitute"] and shown(row["substitute"])} for row in rows]
    printing.table("", columns, [[row[key] for key in keys] for row in listed])


async def _add(
    shop: Workshop,
    person: str,
    first: date,
    last: date,
    substitute: str | None,
    user: str,
    *,
    as_json: bool,
) -> None:
    async with shop.office() as (desk, store):
        today = desk.rulebook.calendar.local(datetime.now(UTC)).date()
        absences = Absences(store, desk.rulebook)
        number = await absences.add(person, first, last, substitute, user, today=today)
    if as_json:
        printing.document({"number": number, "person": person, "substitute": substitute})
    else:
        stands_in = f"; {substitute} is told in their place" if substitute else ""
        print(f"{number}: {person} is away from {first} to {last}{stands_in}")


async def _end(shop: Workshop, number: int, user: str, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        person = await Absences(store, desk.rulebook).end(number, user)
    if as_json:
        printing.document({"number": number, "person": person})
    else:
        print(f"{person} is back")
