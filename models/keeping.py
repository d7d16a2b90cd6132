"""For how long a dossier's personal data is kept after its end, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from models.base import YEARS, Value
from models.calendar import Calendar
from models.visible import Line

Paper = Annotated[Line, Field(max_length=80, pattern=r"^[\w /.,:()-]+$")]
"""The number of the paper that it goes by; nothing about persons, for the journal is never erased."""
Years = Annotated[int, Field(ge=1, le=150, strict=True)]


class Ended(NamedTuple):
    """Dossiers that ended before a moment: one for each of these procedures, one for all others."""

    procedures: Mapping[str, datetime]
    others: datetime | None
    """None: of the others not one."""

    def and_before(self, moment: datetime) -> Ended:
        """Of these only what also ended before a moment."""
        return Ended(
            {code: min(ended, moment) for code, ended in self.procedures.items()},
            min(self.others, moment) if self.others is not None else None,
        )


class Keeping(Value):
    """The periods of an office (Law 33/2024/QH15 on archives leaves them to lists by kind of dossier)."""

    paper: Paper
    """The number of the rule that says so; each erasure names it, for ever."""
    years: Years | None = None
    """After the year, month and day on which a dossier ended; None: what is not named is kept."""
    procedures: Mapping[str, Years | Literal["permanent"]] = {}
    """The codes of procedures whose dossiers are kept for longer, or shorter."""

    def ended(self, today: date, calendar: Calendar) -> Ended:
        """Whose period is over when a day of the office begins: not one is a day too short."""
        return Ended(
            {
                code: calendar.instant(_before(today, years), time.min)
                for code, years in self.procedures.items()
            },
            calendar.instant(_before(today, self.years), time.min) if self.years is not None else None,
        )


def _before(today: date, years: int | Literal["permanent"]) -> date:
    """The same day so many years ago; on 29 February the day before, where that year has none."""
    if years == "permanent" or today.year - years < YEARS.start:
        return date(YEARS.start, 1, 1)
    try:
        return today.replace(year=today.year - years)
    except ValueError:
        return today.replace(year=today.year - years, day=28)


class Cleared(Value):
    """What erasing by period did."""

    erased: int = 0
    """Dossiers."""
    kept: int = 0
    """Dossiers whose period is over and that something keeps: a hold, or a linked dossier that goes on."""
