"""`audit erase` and holds: personal data goes once it may, and stays as long as it must."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from models.keeping import Ended
from motcua.cli import printing
from motcua.cli.deadlines import moment
from motcua.cli.options import Json
from motcua.cli.people import known_form
from motcua.cli.workshop import Workshop, work

_PAPER_OPTION = typer.Option("--paper", help="The number of the paper that it goes by; nothing of persons.")


def add(audit: typer.Typer, shop: Workshop) -> None:
    """Add the commands to those of `audit`."""

    @audit.command("erase")
    def erase(
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        paper: Annotated[str, _PAPER_OPTION],
        code: Annotated[str | None, typer.Argument(help="The dossier.")] = None,
        basis: Annotated[
            str | None, typer.Option(help="request (of one dossier the usual), order or retention (of many).")
        ] = None,
        ended_before: Annotated[
            str | None, typer.Option(help="Instead of one: all that ended before then (retention).")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Erase the personal data and free text of a dossier that is over; what happened stays provable."""
        basis = basis or ("request" if ended_before is None else "retention")
        if (code is None) == (ended_before is None):
            raise typer.BadParameter("name a dossier, or say --ended-before")
        if code is not None:
            known_form(code)
        work(
            _erase(
                shop,
                user,
                paper,
                code,
                basis,
                office_moment(shop, ended_before, "--ended-before"),
                as_json=as_json,
            )
        )

    _add_hold(audit, shop, "hold", "Keep all that a dossier has from being erased.", placed=True)
    _add_hold(audit, shop, "lift", "End a hold.", placed=False)

    @audit.command("holds")
    def holds(as_json: Json = False) -> None:
        """The holds that are on dossiers."""
        work(_holds(shop, as_json=as_json))


def _add_hold(audit: typer.Typer, shop: Workshop, name: str, what: str, *, placed: bool) -> None:
    @audit.command(name, help=what)
    def hold(
        code: Annotated[str, typer.Argument(help="The dossier.")],
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        paper: Annotated[str, _PAPER_OPTION],
    ) -> None:
        known_form(code)
        work(_hold(shop, code, user, paper, placed=placed))


async def _erase(
    shop: Workshop,
    user: str,
    paper: str,
    code: str | None,
    basis: str,
    before: datetime | None,
    *,
    as_json: bool,
) -> None:
    actor = shop.catalogue().actor(user)
    async with shop.proving() as proving:
        if code is not None:
            gone = await proving.erasure.erase(code, basis, paper, actor, None)
            if as_json:
                printing.document({"code": code, "erased": gone})
            else:
                print(f"{len(gone)} rows of {code} are erased; that they were is in the journal")
            return
        assert before is not None
        with printing.bar("erasing") as bar:
            done = await proving.erasure.due(
                _ended(shop, before, basis),
                paper,
                actor,
                basis,
                lambda so_far: bar.to(so_far.erased, None, "dossiers"),
            )
    if as_json:
        printing.document(done)
    else:
        kept = f"; {done.kept:,} are kept by a hold or a linked dossier" if done.kept else ""
        print(f"{done.erased:,} dossiers hold no personal data any more{kept}")


def _ended(shop: Workshop, before: datetime, basis: str) -> Ended:
    """Which dossiers: by retention none whose period, where the office has a list, is not over."""
    catalogue = shop.catalogue()
    if basis != "retention" or catalogue.office.keeping is None:
        return Ended({}, before)
    calendar = catalogue.calendar(catalogue.office.calendar)
    return catalogue.office.keeping.ended(catalogue.today(), calendar).and_before(before)


async def _hold(shop: Workshop, code: str, user: str, paper: str, *, placed: bool) -> None:
    actor = shop.catalogue().actor(user)
    async with shop.proving() as proving:
        if placed:
            await proving.erasure.hold(code, paper, actor)
        else:
            await proving.erasure.lift(code, paper, actor)
    print(f"{code}: a hold is on it" if placed else f"{code}: no hold is on it any more")


async def _holds(shop: Workshop, *, as_json: bool) -> None:
    async with shop.proving() as proving:
        holds = await proving.erasure.holds()
    if as_json:
        printing.document(holds)
        return
    catalogue = shop.catalogue()
    calendar = catalogue.calendar(catalogue.office.calendar)
    printing.table(
        "",
        ("dossier", "since", "by", "paper"),
        [
            (each["code"], printing.office_time(calendar, each["at"]), each["actor"], each["paper"])
            for each in holds
        ],
    )


def office_moment(shop: Workshop, since: str | None, option: str = "--since") -> datetime | None:
    """A moment that was asked for, in office time unless it says otherwise."""
    if since is None:
        return None
    catalogue = shop.catalogue()
    return moment(catalogue.calendar(catalogue.office.calendar), option, since)
