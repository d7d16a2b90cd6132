"""`paper`: the office's papers as PDF files."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from motcua.cli import printing
from motcua.cli.deadlines import BadTime
from motcua.cli.options import Json
from motcua.cli.people import known_form
from motcua.cli.reporting import day_of
from motcua.cli.workshop import Workshop, work
from motcua.papers import Paper


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the command to the command line."""

    @app.command()
    def paper(
        kind: Annotated[
            str,
            typer.Argument(help="receipt, supplement, refusal, apology, stop, control-slip or register."),
        ],
        code: Annotated[str | None, typer.Argument(help="The dossier; not for a register.")] = None,
        seq: Annotated[
            int | None, typer.Option("--at", help="The fact that it is about; else the last.")
        ] = None,
        first: Annotated[str | None, typer.Option("--from", help="First day of a register.")] = None,
        last: Annotated[str | None, typer.Option("--to", help="Last day of a register.")] = None,
        unit: Annotated[str | None, typer.Option(help="Only this unit's dossiers in a register.")] = None,
        file: Annotated[
            str | None, typer.Option("-o", "--output", help="Where it goes; - is standard output.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """A paper of a dossier, or the register of a period, as PDF (by default into this directory)."""
        printing.one_output(file, as_json=as_json)
        if kind == "register":
            if code is not None or seq is not None:
                raise typer.BadParameter("a register is of a period (--from, --to), not of a dossier")
            days = (_day("--from", first), _day("--to", last))
            work(_register(shop, *days, unit, file, as_json=as_json))
            return
        if first is not None or last is not None or unit is not None:
            raise typer.BadParameter("--from, --to and --unit are for a register")
        if code is None:
            raise typer.BadParameter("name the dossier that it is of")
        known_form(code)
        work(_paper(shop, kind, code, seq, file, as_json=as_json))


def _day(what: str, text: str | None) -> date:
    if text is None:
        raise BadTime(what=what, text="(it is missing)")
    return day_of(what, text)


async def _paper(
    shop: Workshop, kind: str, code: str, seq: int | None, file: str | None, *, as_json: bool
) -> None:
    async with shop.papers() as papers:
        made = await papers.make(kind, code, seq=seq)
    _write(made, file, as_json=as_json)


async def _register(
    shop: Workshop, first: date, last: date, unit: str | None, file: str | None, *, as_json: bool
) -> None:
    async with shop.papers() as papers:
        made = await papers.register(first, last, unit=unit)
    _write(made, file, as_json=as_json)


def _write(made: Paper, file: str | None, *, as_json: bool) -> None:
    path = printing.write(file, made.name, made.content)
    if path is None:
        return
    told = {"file": str(path), **made.model_dump(exclude={"content", "name"})}
    if as_json:
        printing.document(told)
        return
    pages = "1 page" if made.pages == 1 else f"{made.pages} pages"
    archivable = "" if made.archivable else ", not PDF/A: a letter is missing in its fonts"
    print(f"{path}: form {made.form}, {pages}{archivable}")
