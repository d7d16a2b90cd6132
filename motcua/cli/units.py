"""`units`: the parts of the office, since when and until when, and what an ended one leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop, work
from motcua.succession import succeed


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""
    units = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The office's units.")
    app.add_typer(units, name="units")

    @units.command("list")
    def list_units(as_json: Json = False) -> None:
        """Each unit, its successor, and how many dossiers it still works on."""
        work(_list(shop, as_json=as_json))

    @units.command("succeed")
    def succeed_units(
        user: Annotated[str, typer.Option("--as", help="Who acts: a leader of the office.")],
        reason: Annotated[str, typer.Option(help="What the facts say of it.")] = "the unit has ended",
        as_json: Json = False,
    ) -> None:
        """Carry the open dossiers of ended units to their successors; may be run again."""
        work(_succeed(shop, user, reason, as_json=as_json))


async def _list(shop: Workshop, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        counts = await store.open_by_unit()
    rows = [
        {
            "id": unit,
            "from": span.since,
            "until": span.until,
            "successor": span.successor,
            "open": counts.get(unit, 0),
        }
        for unit, span in desk.rulebook.units.items()
    ]
    if as_json:
        printing.document([{**row, "from": _iso(row["from"]), "until": _iso(row["until"])} for row in rows])
    else:
        printing.table(
            "", ("unit", "from", "until", "successor", "open dossiers"), [row.values() for row in rows]
        )


def _iso(day: object) -> str | None:
    return None if day is None else str(day)


async def _succeed(shop: Workshop, user: str, reason: str, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        day = desk.rulebook.calendar.local(datetime.now(UTC)).date()
        with printing.bar("dossiers") as bar:
            found = await succeed(desk, store, day=day, user=user, reason=reason, tell=bar.to)
    if as_json:
        printing.document([each.model_dump(mode="json") for each in found])
        return
    for each in found:
        left = f"; {each.left:,} whose result is ready stay" if each.left else ""
        print(f"{each.unit} to {each.successor}: {each.carried:,} carried{left}")
    if not found:
        print("no unit has ended")
