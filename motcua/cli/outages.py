"""`outage`: the systems were announced to be out; every open dossier gets that time back."""

from __future__ import annotations

from typing import Annotated

import typer

from motcua.cli import printing
from motcua.cli.deadlines import moment
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop, work
from motcua.outages import announce


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the command to the command line."""

    @app.command()
    def outage(
        first: Annotated[str, typer.Option("--from", help="When it began; without an offset: office time.")],
        last: Annotated[str, typer.Option("--to", help="When it ended.")],
        notice: Annotated[str, typer.Option(help="Which announcement; each counts once for a dossier.")],
        user: Annotated[str, typer.Option("--as", help="Who acts: an administrator.")],
        as_json: Json = False,
    ) -> None:
        """Give every open dossier the time back that an announced outage took; may be run again."""
        work(_outage(shop, first, last, notice, user, as_json=as_json))


async def _outage(shop: Workshop, first: str, last: str, notice: str, user: str, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        calendar = desk.rulebook.calendar
        since, until = moment(calendar, "--from", first), moment(calendar, "--to", last, end=True)
        with printing.bar("dossiers") as bar:
            told = await announce(
                desk, store, since=since, until=until, notice=notice, user=user, tell=bar.to
            )
    if as_json:
        printing.document(told)
        return
    print(f"{notice}: {told.counted:,} of {told.open:,} open dossiers have the time back")
    if told.missed:
        print(f"  {told.missed:,} lost nothing")
    if told.known:
        print(f"  {told.known:,} had it counted before")
    if told.closed:
        print(f"  {told.closed:,} were closed meanwhile")
