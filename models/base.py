"""What every value of the office has in common: it is frozen, strict about its keys, and in UTC."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from models.refusals import Phrase

YEARS = range(1900, 2201)
"""Beyond them lies a slip of the pen, and arithmetic that overflows."""


def keeps(day: date) -> bool:
    """Whether the moments of an office date can be kept, in whatever zone the office lies."""
    return date(YEARS.start, 1, 2) <= day <= date(YEARS.stop - 1, 12, 30)


def _to_utc(at: datetime) -> datetime:
    if at.year not in YEARS:
        raise ValueError(Phrase("the year {year} is a mistake", year=str(at.year)))
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment in UTC; a time without an offset is refused."""


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

    since: date | None = Field(default=None, validation_alias="from", exclude_if=lambda day: day is None)
    until: date | None = added(None)

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
