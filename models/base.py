"""What every value of the office has in common: it is frozen, strict about its keys, and in UTC."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from models.refusals import Phrase

YEARS = range(1900, 2201)
"""Beyond them lies a slip of the pen, and arithmetic that overflows."""


TYPED_YEARS = range(YEARS.start + 1, YEARS.stop - 1)
"""Years of the dates that people type, and of calendars. A date and the instants that are computed from it,
such as the end of its day, must both lie in YEARS: a fact with one outside could never be recorded."""


def keeps(day: date) -> bool:
    """Whether an office date and the moments that are computed from it can be kept."""
    return day.year in TYPED_YEARS


def _to_utc(at: datetime, years: range = YEARS) -> datetime:
    """The moment in UTC. Judged in UTC, too: the offset can carry a moment over the edge of a year."""
    if at.year in YEARS and (moment := at.astimezone(UTC)).year in years:
        return moment
    raise ValueError(Phrase("the year {year} is a mistake", year=str(at.year)))


def _written(at: object) -> object:
    """The moment of an ISO text; pydantic itself takes numbers, also in quotes, for seconds since 1970."""
    if isinstance(at, datetime):
        return at
    if isinstance(at, str):
        with suppress(ValueError):
            return datetime.fromisoformat(at)
    raise PydanticCustomError("datetime_type", "Input should be a valid date and time")


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment in UTC; a time without an offset is refused."""

TypedInstant = Annotated[
    AwareDatetime,
    BeforeValidator(_written),
    AfterValidator(lambda at: _to_utc(at, TYPED_YEARS)),
]
"""A moment that a person or another system enters, as ISO text."""


MAX_AMOUNT = 10**12
"""Vietnamese đồng. A larger fee is a slip of the pen, and numbers of any length break what formats them."""
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
"""An amount in đồng."""


def _of_this_age(day: date) -> date:
    if not keeps(day):
        raise ValueError(Phrase("the year {year} is a mistake", year=str(day.year)))
    return day


Day = Annotated[date, AfterValidator(_of_this_age)]
"""A date of `TYPED_YEARS`, with room to count from on either side."""


def _without_offset(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError(Phrase("must be office time, such as 07:00:00, without an offset from UTC"))
    return at


OfficeTime = Annotated[time, AfterValidator(_without_offset)]
"""A time of day on the office's clock; one with an offset cannot be compared with any of those."""


def added(default: Any) -> Any:
    """A field that came later: not in the JSON while it has its default, so that older hashes still hold."""
    return Field(default=default, exclude_if=lambda value: value == default)


def one_line(words: str) -> str:
    """Words without line breaks, control characters, and marks that nobody sees: those order other letters
    about on paper and end header lines."""
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in words):
        raise ValueError(Phrase("holds a line break or a character that cannot be seen"))
    return words


class Value(BaseModel):
    """An immutable value; an unknown key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dated(Value):
    """What holds from a day to a day, both included; in files its first day is called `from`."""

    model_config = ConfigDict(populate_by_name=True)

    since: Day | None = Field(default=None, validation_alias="from", exclude_if=lambda day: day is None)
    until: Day | None = added(None)

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError(Phrase("it must not end before it begins"))
        return self

    def holds(self, day: date) -> bool:
        """Whether it holds on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)

    def overlaps(self, other: Dated) -> bool:
        """Whether both hold on some day."""
        mine, its = self.since or date.min, other.since or date.min
        return mine <= (other.until or date.max) and its <= (self.until or date.max)


class Reference(Value):
    """Points at personal data or free text that lives only in erasable PostgreSQL rows.

    `hash` is SHA-256 over a random salt and the content (hex, 64 characters): it proves what was
    written as long as the row exists and says nothing once the row is erased.
    """

    id: str
    hash: str
