"""`dossiers`: what those who answer for the servers do about a dossier's workflow."""

from __future__ import annotations

from typing import Annotated

import typer

from models.procedure import Stage
from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.people import known_form
from motcua.cli.workshop import Workshop, work


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""
    dossiers = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Mend the workflows of dossiers."
    )
    app.add_typer(dossiers, name="dossiers")
    dossiers.callback()(lambda: None)  # one command alone would stand in the group's place

    @dossiers.command("restart")
    def restart(
        code: Annotated[str, typer.Argument(help="The dossier.")],
        user: Annotated[str, typer.Option("--as", help="An administrator or the office leader.")],
        reason: Annotated[str, typer.Option(help="The reason, for the office's journal.")],
        as_json: Json = False,
    ) -> None:
        """Begin the workflow of an open dossier that has none, from its facts."""
        known_form(code)
        work(_restart(shop, code, user, reason, as_json=as_json))


async def _restart(shop: Workshop, code: str, user: str, reason: str, *, as_json: bool) -> None:
    catalogue = shop.catalogue()
    actor = catalogue.actor(user)
    async with shop.restarts() as restarts:
        done = await restarts.restart(code, actor, reason)
    if as_json:
        printing.document(done)
        return
    if done.stage is Stage.CLOSED:
        print(f"{done.code}  {done.status}, delivers what linked dossiers have not heard")
        return
    due = printing.office_time(catalogue.calendar(catalogue.office.calendar), done.due_at)
    print(f"{done.code}  {done.status}, goes on from fact {done.seq}" + (f", due {due}" if due else ""))
