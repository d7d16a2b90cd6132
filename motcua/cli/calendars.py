"""`calendar`: what the office counts by, and changing it: look first, apply, perhaps take it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from models.calendar import Calendar, SpecialDay
from models.changes import Acts, Change, amended, name_of
from models.refusals import EXIT_CODES, BadInput, CheckFailed, Unreachable
from motcua.calendars import Calendars, Outcome, Shifted, Totals, Touched
from motcua.catalogue.changes import read_change
from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop, work
from motcua.store.changes import CalendarRecord

File = Annotated[Path, typer.Argument(help="A calendar change (TOML).")]
User = Annotated[str, typer.Option("--as", help="The administrator who orders it.")]
_LATE = {"newly": "would be LATE", "saved": "would be in time", None: ""}


class YearOutside(BadInput):
    """A year of which the calendar knows no day."""

    sentence = "The calendar {calendar} knows the years {first} to {last}; {year} lies outside."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""
    calendar = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The office's calendar.")
    app.add_typer(calendar, name="calendar")

    @calendar.command()
    def show(
        year: Annotated[int | None, typer.Option(help="Only the days of this year.")] = None,
        as_json: Json = False,
    ) -> None:
        """The office's calendar in force: each special day with what it rests on."""
        work(_show(shop, year, as_json=as_json))

    @calendar.command()
    def preview(file: File, as_json: Json = False) -> int:
        """What a change would move; changes nothing. Exit code 1 when a dossier cannot take it."""
        return int(work(_preview(shop, file, as_json=as_json)))

    @calendar.command("apply")
    def apply_command(file: File, user: User, as_json: Json = False) -> int:
        """Bring a change to every open dossier and to all that come; killed, it goes on when run again."""
        return int(work(_apply(shop, file, user, as_json=as_json)))

    @calendar.command()
    def undo(
        change: Annotated[str, typer.Argument(help="The change's id.")], user: User, as_json: Json = False
    ) -> int:
        """Take a change back from every open dossier; killed, it goes on when run again."""
        return int(work(_undo(shop, change, user, as_json=as_json)))


def _catalogued(shop: Workshop) -> Calendar:
    catalogue = shop.catalogue()
    return catalogue.calendar(catalogue.office.calendar)


# Showing


async def _show(shop: Workshop, year: int | None, *, as_json: bool) -> None:
    calendar, acts = _catalogued(shop), Acts()
    async with shop.record() as store:
        if store is not None:
            acts = await CalendarRecord(store).acts()
    of_change: dict[str, str] = {}
    for order in acts.in_force:
        calendar = amended(calendar, order.change)
        of_change |= {day.date.isoformat(): order.change.id for day in order.change.days}
    first, last = calendar.first.year, calendar.last.year
    if year is not None and not first <= year <= last:
        raise YearOutside(calendar=name_of(calendar), first=first, last=last, year=year)
    days = [day for day in calendar.special if year in (None, day.date.year)]
    if as_json:
        shown = [
            {**day.model_dump(mode="json"), "change": of_change.get(day.date.isoformat())} for day in days
        ]
        printing.document(
            {
                "calendar": name_of(calendar),
                **calendar.model_dump(mode="json", exclude={"special"}),
                "days": shown,
                "changes": _changes(acts),
            }
        )
        return
    print(f"{name_of(calendar)}: {calendar.first} to {calendar.last}, {calendar.zone}; {calendar.version}")
    rows = [
        (
            f"{day.date} {day.date:%a}",
            day.kind,
            _hours(day),
            day.name + (" (provisional)" if day.provisional else ""),
            day.source,
            of_change.get(day.date.isoformat()),
        )
        for day in days
    ]
    printing.table("", ("date", "kind", "hours", "name", "source", "change"), rows)
    if found := _changes(acts):
        titles = ("id", "decree", "issued", "title", "state", "by", "at")
        rows_of = [
            (*(change[key] for key in titles[:-1]), printing.office_time(calendar, change["at"]))
            for change in found
        ]
        printing.table("\nchanges", titles, rows_of)


def _hours(day: SpecialDay) -> str:
    return ", ".join(f"{hours.opens:%H:%M}-{hours.closes:%H:%M}" for hours in day.hours)


def _changes(acts: Acts) -> list[dict[str, Any]]:
    """Each change that was ordered here, with how far it is."""
    found = []
    for begun in acts.acts:
        if begun.ordered is not None:
            mine = acts.of(begun.change)
            last = list(mine.values())[-1]
            state = {"apply": "being applied", "undo": "being undone"}.get(last.act, last.act)
            said = begun.ordered.change.model_dump(mode="json", exclude={"days"})
            found.append({**said, "state": state, "by": last.actor.id, "at": last.at})
    return found


# Looking first


async def _preview(shop: Workshop, file: Path, *, as_json: bool) -> int:
    change = read_change(file, _catalogued(shop))
    async with shop.office() as (desk, store):
        totals, found = Totals(), list[Touched]()
        local = desk.rulebook.calendar
        async for touched in Calendars(desk, store).preview(change, totals):
            if as_json:
                found.append(touched)
            else:
                _print_touched(local, touched)
        if as_json:
            printing.document({"change": change, "dossiers": found, "totals": vars(totals)})
        else:
            _print_totals(change, totals)
    return 1 if totals.refused else 0


def _print_touched(local: Calendar, touched: Touched) -> None:
    for move in touched.moves:
        print(f"{touched.code}  {_move(local, move)}".rstrip())
    told = ", ".join(
        f"{letter.kind} of {printing.office_date(local, letter.sent_at)}"
        f" says {printing.office_time(local, letter.date)}"
        for letter in touched.letters
    )
    if told:
        print(f"{touched.code}    told in writing: {told}")
    if touched.refused:
        print(f"{touched.code}    cannot take it: {touched.refused}")


def _move(local: Calendar, move: Shifted) -> str:
    what = move.name if move.of == move.name else f"{move.of} {move.name}"
    when = f"{printing.office_time(local, move.was)} -> {printing.office_time(local, move.becomes)}"
    return f"{what:24} {when}  {_LATE[move.late]}{' and end at once' if move.ends else ''}"


def _print_totals(change: Change, totals: Totals) -> None:
    print(
        f"{change.decree}: {totals.amended:,} of {totals.open:,} open dossiers would count by it,"
        f" {totals.dossiers:,} would move ({_counted(totals.terms)})"
    )
    print(
        f"newly late: {totals.newly_late:,} dossiers, {totals.other_newly_late:,} other terms;"
        f" saved: {totals.saved:,} dossiers, {totals.other_saved:,} other terms;"
        f" ending at once: {totals.ends:,}"
    )
    print(f"letters with the old date: {_counted(totals.letters)}; cannot take it: {totals.refused:,}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items())) or "none"


# Doing it


async def _apply(shop: Workshop, file: Path, user: str, *, as_json: bool) -> int:
    change = read_change(file, _catalogued(shop))
    async with shop.office() as (desk, store):
        with printing.bar("dossiers") as bar:
            outcome = await Calendars(desk, store).apply(change, user, bar.to)
    return _done(outcome, as_json=as_json)


async def _undo(shop: Workshop, change: str, user: str, *, as_json: bool) -> int:
    async with shop.office() as (desk, store):
        with printing.bar("dossiers") as bar:
            outcome = await Calendars(desk, store).undo(change, user, bar.to)
    return _done(outcome, as_json=as_json)


def _done(outcome: Outcome, *, as_json: bool) -> int:
    """Print what became of it; the exit code says whether to run it again (5), or to look at some (1)."""
    if as_json:
        printing.document(outcome)
    else:
        what = "applied" if outcome.direction == "apply" else "undone"
        print(
            f"{outcome.change} {what if outcome.finished else f'NOT {what} everywhere'}:"
            f" {outcome.moved:,} dossiers moved, {outcome.unchanged:,} unchanged,"
            f" {outcome.unaffected:,} unaffected, {outcome.closed:,} closed meanwhile,"
            f" {outcome.already:,} already done, {len(outcome.failed):,} failed"
        )
        for failed in outcome.failed:
            print(f"  {failed.code}: {failed.type}: {failed.reason}")
        if not outcome.finished:
            print("run the same command again: it goes on where it stopped")
    if not outcome.finished:
        return EXIT_CODES[Unreachable][0]
    return EXIT_CODES[CheckFailed][0] if outcome.failed else 0
