"""Units of an office, from a day to a day, and who takes over what an ended one leaves behind.

The district level ended on 2025-07-01: dossiers may outlive the unit that received them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from models import refusals as r
from models.base import Dated


class UnknownUnit(r.BadInput):
    """The office has no such unit."""

    sentence = "There is no unit {unit} at this office. Units: {known}."


class Span(Dated):
    """When a unit works, and which unit takes over its dossiers when it has ended."""

    successor: str | None = None


def heir(units: Mapping[str, Span], unit: str, day: date) -> str | None:
    """Who has taken over from an ended unit by a day: the first of its successors that works then."""
    seen = set[str]()
    found: str | None = unit
    while found is not None and found not in seen and found in units:
        span = units[found]
        if span.until is None or day <= span.until:
            return found
        seen.add(found)
        found = span.successor
    return None


def check_works(units: Mapping[str, Span], unit: str, day: date) -> None:
    """Refuse a unit that has ended, naming its successor, or that has not begun yet."""
    span = units[unit]
    if span.until is not None and day > span.until:
        successor = heir(units, unit, day)
        hint = r.Phrase(", and no unit has taken over")
        if successor:
            hint = r.Phrase("; {unit} has taken over", unit=successor)
        raise r.UnitEnded(unit=unit, until=span.until, successor=successor, hint=hint)
    if span.since is not None and day < span.since:
        raise r.UnitNotBegun(unit=unit, since=span.since)
