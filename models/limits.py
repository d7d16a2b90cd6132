"""How a limit is written ("5 days", "4 hours", "same day") and how an offset from a due date is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from models.base import TYPED_YEARS, YEARS
from models.refusals import BadInput, Phrase

MOST = 10_000
"""More days or hours than this are a slip of the pen."""
HOURS_A_DAY = 8
"""A working day is 8 hours when fractions of a day are counted (S4 in docs/sources.md)."""

Kind = Literal["days", "hours", "clock hours", "calendar days", "same day", "until"]

_AMOUNT = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*(days?|hours?|clock hours?|calendar days?)\s*$")


class BadLimit(BadInput):
    """A limit that cannot be counted."""

    sentence = "This limit cannot be used: {text}. {reason}"


class _Written(ABC):
    """A value that is written as one piece of text, in data files and in JSON alike."""

    text: str

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Any:
        """Reads the text; BadLimit where it cannot be counted."""

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, _Written) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> Any:
            if isinstance(value, cls):
                return value
            if not isinstance(value, str):
                raise ValueError(Phrase("must be text such as '5 days'"))
            try:
                return cls.parse(value)
            except BadInput as refusal:
                raise ValueError(refusal.phrase) from refusal

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.to_string_ser_schema()
        )


class Limit(_Written):
    """A length of time that the law gives: how it counts, whole days, and the rest.

    `days` are whole days of the limit's own kind; `rest` is what remains beside them, in working time
    for days and hours and in elapsed time for clock hours.
    """

    def __init__(self, text: str, kind: Kind, days: int, rest: timedelta, until: datetime | None) -> None:
        self.text, self.kind, self.days, self.rest, self.until = text, kind, days, rest, until

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Reads "2.5 days", "4 hours", "24 clock hours", "30 calendar days", "same day", "until T"."""
        words = " ".join(text.split())
        if words == "same day":
            return cls(words, "same day", 0, timedelta(0), None)
        if words.startswith("until "):
            return cls(words, "until", 0, timedelta(0), _instant(words))
        amount, unit = _amount(words)
        if amount <= 0:
            raise BadLimit(text=text, reason=Phrase("A limit must be more than zero."))
        match unit:
            case "day":
                whole = int(amount)
                return cls(words, "days", whole, _minutes(text, (amount - whole) * HOURS_A_DAY), None)
            case "calendar day":
                if amount != int(amount):
                    raise BadLimit(text=text, reason=Phrase("Calendar days are whole."))
                return cls(words, "calendar days", int(amount), timedelta(0), None)
            case "hour":
                return cls(words, "hours", 0, _minutes(text, amount), None)
            case _:
                return cls(words, "clock hours", 0, _minutes(text, amount), None)

    @classmethod
    def fixed(cls, at: datetime) -> Limit:
        """The limit that ends at a given instant."""
        return cls.parse(f"until {at.astimezone(UTC).isoformat()}")


class Offset(_Written):
    """A signed distance from a due instant, in working time: "-1 day", "0", "+4 hours"."""

    def __init__(self, text: str, days: int, rest: timedelta) -> None:
        self.text, self.days, self.rest = text, days, rest

    @classmethod
    def parse(cls, text: str) -> Offset:
        """Reads a signed number of working days or hours, or "0"."""
        words = " ".join(text.split())
        if words == "0":
            return cls(words, 0, timedelta(0))
        amount, unit = _amount(words)
        if unit not in ("day", "hour"):
            raise BadLimit(text=text, reason=Phrase("An offset counts working days or hours."))
        if unit == "hour":
            return cls(words, 0, _minutes(text, amount))
        whole = int(amount)
        return cls(words, whole, _minutes(text, (amount - whole) * HOURS_A_DAY))

    def times(self, count: int) -> tuple[int, timedelta]:
        """The offset taken `count` times, as whole days and a rest."""
        return self.days * count, self.rest * count


def date_alone(text: str) -> date | None:
    """The date, where a text is a date without a time of day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _amount(text: str) -> tuple[Decimal, str]:
    found = _AMOUNT.match(text)
    if found is None:
        raise BadLimit(
            text=text,
            reason=Phrase(
                "Write it like '5 days', '4 hours', '24 clock hours', '30 calendar days', 'same day'."
            ),
        )
    amount = Decimal(found.group(1))
    if abs(amount) > MOST:
        raise BadLimit(text=text, reason=Phrase("More than {most:,} is a mistake.", most=MOST))
    return amount, found.group(2).removesuffix("s")


def _minutes(text: str, hours: Decimal) -> timedelta:
    minutes = hours * 60
    if minutes != int(minutes):
        raise BadLimit(text=text, reason=Phrase("It must come to whole minutes."))
    return timedelta(minutes=int(minutes))


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.removeprefix("until "))
    except ValueError as error:
        raise BadLimit(text=text, reason=Phrase("Write the instant as 2026-01-31T17:00:00+07:00.")) from error
    if at.tzinfo is None:
        raise BadLimit(text=text, reason=Phrase("The instant needs an offset from UTC."))
    if at.year not in YEARS or (end := at.astimezone(UTC)).year not in TYPED_YEARS:
        raise BadLimit(text=text, reason=Phrase("No calendar reaches that far."))
    return end
