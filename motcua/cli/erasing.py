"""`audit erase` and holds: personal data goes once it may, and stays as long as it must."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, get_args

import typer
from pydantic import TypeAdapter, ValidationError

from models import journal
from models.keeping import Ended
from models.procedure import Role
from models.refusals import BadInput, Forbidden
from motcua.cli import printing
from motcua.cli.deadlines import moment
from motcua.cli.people import Json, known_form
from motcua.cli.workshop import Workshop, work

MAY_ERASE = (Role.ADMINISTRATOR, Role.OFFICE_LEADER)
_PAPER_OPTION = typer.Option("--paper", help="The number of the paper that it goes by; nothing of persons.")
_PAPER = TypeAdapter(journal.Paper)
_BASIS = TypeAdapter(journal.Basis)


class BadPaper(BadInput):
    """What should be the number of a paper and is not."""

    sentence = (
        "{paper} is not the number of a paper, in up to 80 letters, digits and / . , : ( ) - _: {reason}"
    )


class UnknownBasis(BadInput):
    """No such reason to erase."""

    sentence = "Personal data is erased by {known}; not by {basis}."


class MayNotErase(Forbidden):
    """Erasing is for those who answer for the office, or for its servers; a hold may be an auditor's, too."""

    sentence = "{actor} may not do this; administrators and office leaders may, and auditors place holds."


def add(audit: typer.Typer, shop: Workshop) -> None:
    """Add the commands to those of `audit`."""

    @audit.command("erase")
    def erase(
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        paper: Annotated[str, _PAPER_OPTION],
        code: Annotated[str | None, typer.Argument(help="The dossier.")] = None,
        basis: Annotated[str, typer.Option(help="request, order or retention.")] = "request",
        ended_before: Annotated[
            str | None, typer.Option(help="Instead of one: all that ended before then (retention).")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Erase the personal data and free text of a dossier that is over; what happened stays provable."""
        if ended_before is not None and basis == "request":
            basis = "retention"
        if (code is None) == (ended_before is None):
            raise typer.BadParameter("name a dossier, or say --ended-before")
        if code is not None:
            known_form(code)
        work(
            _erase(
                shop,
                user,
                _paper(paper),
                code,
                basis,
                office_moment(shop, ended_before, "--ended-before"),
                as_json=as_json,
            )
        )

    @audit.command("hold")
    def hold(
        code: Annotated[str, typer.Argument(help="The dossier.")],
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        paper: Annotated[str, _PAPER_OPTION],
    ) -> None:
        """Keep all that a dossier has from being erased."""
        known_form(code)
        work(_hold(shop, code, user, _paper(paper), placed=True))

    @audit.command("lift")
    def lift(
        code: Annotated[str, typer.Argument(help="The dossier.")],
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        paper: Annotated[str, _PAPER_OPTION],
    ) -> None:
        """End a hold."""
        known_form(code)
        work(_hold(shop, code, user, _paper(paper), placed=False))

    @audit.command("holds")
    def holds(as_json: Json = False) -> None:
        """The holds that are on dossiers."""
        work(_holds(shop, as_json=as_json))


def _paper(text: str) -> str:
    try:
        return _PAPER.validate_python(text)
    except ValidationError as error:
        raise BadPaper(paper=text, reason=error.errors(include_url=False)[0]["msg"]) from None


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
    if basis not in get_args(journal.Basis):
        raise UnknownBasis(basis=basis, known=", ".join(get_args(journal.Basis)))
    actor = _eraser(shop, user)
    async with shop.proving() as proving:
        if code is not None:
            gone = await proving.erasure.erase(code, _BASIS.validate_python(basis), paper, actor)
            if as_json:
                printing.document({"code": code, "erased": gone})
            else:
                print(f"{len(gone)} rows of {code} are erased; that they were is in the journal")
            return
        assert before is not None
        with printing.bar("erasing") as bar:
            done = await proving.erasure.due(
                Ended({}, before),
                paper,
                actor,
                _BASIS.validate_python(basis),
                lambda so_far: bar.to(so_far.erased, None, "dossiers"),
            )
    if as_json:
        printing.document(done)
    else:
        kept = f"; {done.kept:,} are kept by a hold or a linked dossier" if done.kept else ""
        print(f"{done.erased:,} dossiers hold no personal data any more{kept}")


async def _hold(shop: Workshop, code: str, user: str, paper: str, *, placed: bool) -> None:
    actor = _eraser(shop, user, Role.AUDITOR)
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


def _eraser(shop: Workshop, user: str, *more: Role) -> str:
    """Who may have personal data erased, or kept from it."""
    actor = shop.catalogue().actor(user)
    if not actor.has(*MAY_ERASE, *more):
        raise MayNotErase(actor=user)
    return actor.id


def office_moment(shop: Workshop, since: str | None, option: str = "--since") -> datetime | None:
    """A moment that was asked for, in office time unless it says otherwise."""
    if since is None:
        return None
    catalogue = shop.catalogue()
    return moment(catalogue.calendar(catalogue.office.calendar), option, since)
