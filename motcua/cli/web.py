"""The desk in a browser beside an office that runs already, and the accounts that one signs in with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from models.calendar import Calendar
from motcua.accounts import From
from motcua.catalogue.catalogue import UnknownUser
from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop, until_told, work

HERE = From("command line", "starter.py")


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""

    @app.command()
    def web(as_json: Json = False) -> None:
        """The desk alone, on the office that runs here or that the environment names, until Ctrl-C."""
        work(_web(shop, as_json=as_json))

    accounts = typer.Typer(help="By what people sign in.", no_args_is_help=True)
    app.add_typer(accounts, name="accounts")

    @accounts.command("list")
    def listed(as_json: Json = False) -> None:
        """Every account."""
        work(_list(shop, as_json=as_json))

    @accounts.command("password")
    def password(
        user: str,
        by: Annotated[str, typer.Option(help="Who does it, for the book of sign-ins.")] = "operator",
        as_json: Json = False,
    ) -> None:
        """Make somebody a first password; they change it when they sign in."""
        work(_password(shop, user, by, as_json=as_json))


async def _web(shop: Workshop, *, as_json: bool) -> None:
    async with shop.web() as url:
        if as_json:
            printing.document({"desk": url})
        else:
            print(f"The desk: {url}   (Ctrl-C closes it)", flush=True)
        await until_told()


async def _list(shop: Workshop, *, as_json: bool) -> None:
    async with shop.accounts() as accounts:
        found = await accounts.record.accounts()
    rows = [{"user": user, **{k: v for k, v in row.items() if k != "person"}} for user, row in found.items()]
    if as_json:
        printing.document(
            {
                "accounts": [
                    {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
                    for row in rows
                ]
            }
        )
        return
    catalogue = shop.catalogue()
    calendar = catalogue.calendar(catalogue.office.calendar)
    columns = ("user", "disabled", "must_change", "locked_until", "signed_in_at", "sessions")
    printing.table("accounts", columns, [tuple(_cell(calendar, row[key]) for key in columns) for row in rows])


def _cell(calendar: Calendar, value: object) -> object:
    return printing.office_time(calendar, value) if isinstance(value, datetime) else value


async def _password(shop: Workshop, user: str, by: str, *, as_json: bool) -> None:
    catalogue = shop.catalogue()
    if user not in catalogue.office.staff:
        raise UnknownUser(user=user, hint="")
    async with shop.accounts() as accounts:
        made = await accounts.first_password(user, by, HERE)
    if as_json:
        printing.document({"user": user, "password": made})
    else:
        print(f"{user}: {made}   (to be changed at the first sign-in)")
