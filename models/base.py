"""What every value of the office has in common: it is frozen, strict about its keys, and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

YEARS = range(1900, 2201)
"""Beyond them lies a slip of the pen, and arithmetic that overflows."""


def _to_utc(at: datetime) -> datetime:
    if at.year not in YEARS:
        raise ValueError(f"the year {at.year} is a mistake")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment in UTC; a time without an offset is refused."""


def added(default: Any) -> Any:
    """A field that came later: not in the JSON while it has its default, so that older hashes still hold."""
    return Field(default=default, exclude_if=lambda value: value == default)


class Value(BaseModel):
    """An immutable value; an unknown key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Value):
    """Points at personal data or free text that lives only in erasable PostgreSQL rows.

    `hash` is SHA-256 over a random salt and the content (hex, 64 characters): it proves what was
    written as long as the row exists and says nothing once the row is erased.
    """

    id: str
    hash: str
