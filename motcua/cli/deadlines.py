"""`due`: when a limit ends, and why, day by day. Needs no running office."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated

import typer

from models.base import TYPED_YEARS
from models.calendar import Calendar
from models.limits import Limit, date_alone
from models.refusals import BadInput
from models.terms import Pause, due_after, receipt, starts
from motcua.cli import printing
from motcua.cli.options import Json

if TYPE_CHECKING:
    from motcua.cli.workshop import Workshop


class BadTime(BadInput):
    """Text that is no moment."""

    sentence = "{what} {text} is not a time; write it like 2026-03-02T09:32 (office time) or with an offset."


class BadPause(BadInput):
    """A pause that does not go forward, or begins before the clock does."""

    sentence = "The pause {text} must be written BEGIN/END, the end after the begin, after {start}."


class OverlappingPauses(BadInput):
    """A pause that begins before the one before it has ended: together they are one pause."""

    sentence = "The pause {text} begins before the pause {before} has ended; write them as one."


class PauseAfterEnd(BadInput):
    """A pause that begins when the term is over already, and so can change nothing."""

    sentence = "The pause {text} begins after {due}, when the term is over; it can change nothing."


class LimitPassed(BadInput):
    """A fixed instant that does not lie after the start."""

    sentence = "The limit {limit} ends before the clock starts, at {start}."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the command to the command line."""

    @app.command()
    def due(
        received: Annotated[str, typer.Option(help="When it was accepted; without an offset: office time.")],
        limit: Annotated[str, typer.Option(help='Like "5 days", "4 hours", "24 clock hours", "same day".')],
        pause: Annotated[list[str] | None, typer.Option(help="BEGIN/END of a pause; may repeat.")] = None,
        office: Annotated[str | None, typer.Option(help="The office, or a calendar's name.")] = None,
        cut_off: Annotated[
            str | None, typer.Option(help="Time of day from which the next day counts.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """When a limit ends, and each day on the way."""
        calendar = shop.calendar(office)
        start = starts(calendar, moment(calendar, "--received", received), _clock(cut_off))
        parsed = _limit(calendar, limit)
        if due_after(calendar, parsed, start, ()) <= start:
            raise LimitPassed(limit=limit, start=printing.office_time(calendar, start))
        pauses = _pauses(calendar, parsed, start, pause or [])
        end = due_after(calendar, parsed, start, pauses)
        lines = receipt(calendar, parsed, start, end, pauses)
        if as_json:
            rows = [line.model_dump(mode="json") for line in lines]
            printing.document({"starts_at": _iso(start), "due_at": _iso(end), "receipt": rows})
            return
        print(f"starts {printing.office_time(calendar, start)}")
        rows_shown = [
            (
                line.date,
                line.counted_minutes or "",
                line.why + (" (provisional)" if line.provisional else ""),
                line.source,
            )
            for line in lines
        ]
        printing.table("", ("date", "minutes", "why", "source"), rows_shown)
        print(f"due    {printing.office_time(calendar, end)}")


def moment(calendar: Calendar, what: str, text: str, *, end: bool = False) -> datetime:
    """A moment as people write it, in office time; with `end` a date without a time is its end."""
    try:
        at = datetime.fromisoformat(text)
        if at.year not in TYPED_YEARS:
            raise ValueError(text)
        if end and (day := date_alone(text)) is not None:
            return calendar.end_of(day)
        return calendar.instant(at.date(), at.time()) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadTime(what=what, text=text) from error


def _limit(calendar: Calendar, text: str) -> Limit:
    """A limit; the instant of a fixed one is office time unless it has an offset."""
    if not text.startswith("until "):
        return Limit.parse(text)
    return Limit.fixed(moment(calendar, "--limit", text.removeprefix("until ").strip(), end=True))


def _clock(text: str | None) -> time | None:
    if text is None:
        return None
    try:
        clock = time.fromisoformat(text)
    except ValueError as error:
        raise BadTime(what="--cut-off", text=text) from error
    if clock.tzinfo is not None:
        raise BadTime(what="--cut-off", text=text)
    return clock


def _pauses(calendar: Calendar, limit: Limit, start: datetime, given: list[str]) -> list[Pause]:
    """The pauses in the order in which they happened; each must be able to change something."""
    pauses: list[Pause] = []
    before = ""
    for begin, end, text in sorted(_span(calendar, start, text) for text in given):
        if pauses and begin < pauses[-1].until:
            raise OverlappingPauses(text=text, before=before)
        due = due_after(calendar, limit, start, pauses)
        if begin > due:
            raise PauseAfterEnd(text=text, due=printing.office_time(calendar, due))
        pauses.append(Pause(since=begin, until=end, reason="as asked"))
        before = text
    return pauses


def _span(calendar: Calendar, start: datetime, text: str) -> tuple[datetime, datetime, str]:
    since, slash, until = text.partition("/")
    begin, end = (moment(calendar, "--pause", part) for part in (since, until or since))
    if not slash or not start <= begin < end:
        raise BadPause(text=text, start=printing.office_time(calendar, start))
    return begin, end, text


def _iso(at: datetime) -> str:
    return at.isoformat()
