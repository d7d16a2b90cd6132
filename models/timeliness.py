"""When a term is overdue: the one definition that rules, rows, pages, alerts, reports and metrics share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from models.calendar import ONE_DAY, Calendar

Timeliness = Literal["early", "on_time", "overdue"]
Measure = Literal["date", "instant"]
"""How a moment is held against a due instant: by office days, or by the instant itself."""
RESOLUTION = timedelta.resolution
"""A microsecond: the smallest step of time that Python and PostgreSQL keep."""


def overdue_from(calendar: Calendar, measure: Measure, due_at: datetime) -> datetime:
    """The first instant at which a running term is overdue.

    By `date` the end of the office day of its due instant, at midnight on the office's clock; by `instant`
    the moment after the due instant, which is itself in time.
    """
    if measure == "instant":
        return due_at + RESOLUTION
    return calendar.day_begins(calendar.local(due_at).date() + ONE_DAY)


class Due(NamedTuple):
    """A due instant, and the first instant at which its term is overdue."""

    at: datetime
    overdue_from: datetime


def pressing(dues: Iterable[Due], now: datetime) -> Due | None:
    """Of several due instants the one to show: the earliest that is overdue, else the earliest.

    A dossier due at ten by `date` is in time until midnight; a step of it that was due at noon is not.
    """
    return min(dues, key=lambda due: (now < due.overdue_from, due.at), default=None)


def measured(calendar: Calendar, measure: Measure, due_at: datetime, at: datetime) -> Timeliness:
    """Where a moment lies from a due instant: by date, when the same day is on time, or by instant."""
    if at >= overdue_from(calendar, measure, due_at):
        return "overdue"
    begins = due_at if measure == "instant" else calendar.day_begins(calendar.local(due_at).date())
    return "early" if at < begins else "on_time"
