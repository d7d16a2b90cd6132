"""`notices`: what became of each, those that a person has to see to, and what a bell shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import typer

from models.procedure import Role
from models.refusals import BadInput, Refusal
from models.reserved import APPLICANT
from motcua.bell import Bell
from motcua.catalogue.office import channels
from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.people import known_form
from motcua.cli.workshop import Workshop, work
from motcua.store.notices import NoticeFilter, NoticeRecord, State

MAY_RETRY = (Role.UNIT_LEADER, Role.OFFICE_LEADER, Role.ADMINISTRATOR, Role.CLERK)


class UnknownState(BadInput):
    """A state that notices do not have."""

    sentence = "Notices are {known}; none is {state}."


class UnknownChannel(BadInput):
    """A channel that the office does not have."""

    sentence = "There is no channel {channel}; there is: {known}."


class WhichNotices(BadInput):
    """Neither a notice was named nor all of them."""

    sentence = "Name the notices to send again, or say --all."


class NotRefused(Refusal):
    """Only what was refused is sent again; the rest goes out by itself."""

    sentence = "The notice {notice} was not refused, so there is nothing to send again."


class MayNotRetry(Refusal):
    """Sending again is for those who answer for what leaves the office."""

    sentence = "{actor} may not have notices sent again; leaders, clerks and administrators may."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""
    notices = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What people were told, or not.")
    app.add_typer(notices, name="notices")

    @notices.command("list")
    def list_notices(
        code: Annotated[str | None, typer.Option(help="Only of this dossier.")] = None,
        recipient: Annotated[
            str | None, typer.Option("--to", help='Only to this user, or "applicant".')
        ] = None,
        channel: Annotated[str | None, typer.Option(help="Only over this channel.")] = None,
        state: Annotated[
            str | None, typer.Option(help="waiting, sending, trying, again, sent, void, passed, refused.")
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 200,
        as_json: Json = False,
    ) -> None:
        """Notices and where each stands, the latest first."""
        if state is not None and state not in get_args(State):
            raise UnknownState(state=state, known=", ".join(get_args(State)))
        if code is not None:
            known_form(code)
        wanted = NoticeFilter.model_validate(
            {"code": code, "recipient": recipient, "channel": channel, "state": state, "limit": limit}
        )
        work(_list(shop, wanted, as_json=as_json))

    @notices.command("retry")
    def retry(
        user: Annotated[str, typer.Option("--as", help="Who acts.")],
        names: Annotated[list[str] | None, typer.Argument(metavar="[NOTICE]…")] = None,
        every: Annotated[bool, typer.Option("--all", help="Each one that was refused.")] = False,
        as_json: Json = False,
    ) -> None:
        """Have refused notices sent again, once what was wrong has been mended."""
        work(_retry(shop, names or [], user, every=every, as_json=as_json))

    @notices.command("bell")
    def bell(user: str, as_json: Json = False) -> None:
        """What somebody's bell shows now."""
        work(_bell(shop, user, as_json=as_json))


async def _list(shop: Workshop, wanted: NoticeFilter, *, as_json: bool) -> None:
    known = sorted(channels(shop.catalogue().office))
    if wanted.channel not in (None, *known):
        raise UnknownChannel(channel=wanted.channel, known=", ".join(known))
    if wanted.recipient is not None and wanted.recipient != APPLICANT:
        shop.catalogue().actor(wanted.recipient)  # refuses a name that nobody has
    async with shop.office() as (desk, store):
        if wanted.code is not None:
            await desk.row(wanted.code)  # refuses a code that no dossier has
        found = await NoticeRecord(store).listed(wanted)
    if as_json:
        printing.document(found)
        return
    calendar = desk.rulebook.calendar
    printing.table(
        "",
        ("notice", "tells of", "state", "at", "why"),
        [
            (
                row["id"],
                row["name"],
                row["state"] + (f" ({row['failed']} failed)" if row["failed"] else ""),
                printing.office_time(calendar, row["at"] or row["tell_at"]),
                row["why"],
            )
            for row in found
        ],
    )


async def _retry(shop: Workshop, names: list[str], user: str, *, every: bool, as_json: bool) -> None:
    if bool(names) == every:
        raise WhichNotices
    async with shop.office() as (desk, store):
        if not desk.rulebook.actor(user).has(*MAY_RETRY):
            raise MayNotRetry(actor=user)
        record = NoticeRecord(store)
        if every:
            names = [row["id"] for row in await record.listed(NoticeFilter(state="refused", limit=100_000))]
        done: list[dict[str, Any]] = []
        for name in names:
            number = await record.again(name, user)
            if number is None and not every:
                raise NotRefused(notice=name)
            if number is not None:
                done.append({"notice": name, "round": number})
    if as_json:
        printing.document(done)
        return
    for each in done:
        print(f"{each['notice']}: sent again, for the {each['round']}. time")
    if not done:
        print("no notice was refused")


async def _bell(shop: Workshop, user: str, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        desk.rulebook.actor(user)  # refuses a name that nobody has
        office, now = shop.catalogue().office, datetime.now(UTC)
        day = desk.rulebook.calendar.local(now).date()
        bell = Bell(NoticeRecord(store), office.staff, [unit.id for unit in office.units])
        found = await bell.of(office.staff[user], now, day)
    if as_json:
        printing.document([ring.model_dump(mode="json") for ring in found])
        return
    calendar = desk.rulebook.calendar
    printing.table(
        "",
        ("dossier", "alarm", "tells of", "since", "procedure", "dossier due"),
        [
            (
                ring.code,
                ring.alarm,
                ring.name + (f" (for {ring.in_place_of})" if ring.in_place_of else ""),
                printing.office_time(calendar, ring.due_at),
                ring.procedure,
                printing.office_time(calendar, ring.dossier_due_at),
            )
            for ring in found
        ],
    )
