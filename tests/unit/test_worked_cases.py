"""Worked cases: each row of worked-cases.md must come out of both calculators, its receipt too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from models.calendar import Calendar
from models.limits import Limit
from models.terms import Pause, due_after, receipt, starts
from motcua.catalogue.catalogue import Catalogue
from tests.unit.office import AFTERNOON, MORNING, at, special
from tests.unit.witness import Witness, instant_of, limit_of, minute_of

HERE = Path(__file__).parent


class Row(NamedTuple):
    """One case; times are office times with their weekday, which is checked."""

    office: str
    received: str
    limit: str
    pauses: str
    due: str
    why: str


def rows() -> list[Row]:
    """The rows of the table's sections."""
    lines = (HERE / "worked-cases.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [Row(*row) for row in cells if row[0] != "office" and not row[0].startswith("---")]


@cache
def calendar(office: str) -> Calendar:
    """The calendar of an office: that of the catalogue, with half days or Saturday mornings."""
    vn = Catalogue.load(HERE.parents[1] / "catalog").calendar("vn")
    data = vn.model_dump(mode="json")
    match office:
        case "half":
            data["special"] += [
                special("2026-02-13", "half-day", "year-end closing", [MORNING]),
                special("2026-12-31", "half-day", "stocktaking", [AFTERNOON]),
            ]
        case "saturday":
            data["week"][5] = [MORNING]
        case _:
            assert office == "vn"
    return Calendar.model_validate(data)


@cache
def witness(office: str) -> Witness:
    """The same office as the witness sees it, read off the calendar's data."""
    return Witness(plain(calendar(office).model_dump(mode="json")))


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """A calendar's data as the witness reads it: the hours of each date."""

    def clock(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:5])

    def spans(hours: list[dict[str, str]]) -> list[tuple[int, int]]:
        return [(clock(span["opens"]), clock(span["closes"])) for span in hours]

    first, last = date.fromisoformat(data["first"]), date.fromisoformat(data["last"])
    days = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        days[day] = spans(data["week"][day.weekday()])
    for day in data["special"]:
        days[date.fromisoformat(day["date"])] = spans(day["hours"])
    return {"zone": data["zone"], "first": first, "last": last, "days": days}


def moment(text: str) -> datetime:
    """An instant from "Mon 2026-03-02 09:00"; the weekday must be right."""
    instant = at(text[4:])
    assert shown(instant) == text
    return instant


def shown(instant: datetime) -> str:
    """An instant as the table writes it."""
    return calendar("vn").local(instant).strftime("%a %Y-%m-%d %H:%M")


def pauses(row: Row) -> Iterator[Pause]:
    """The pauses of a row."""
    for text in filter(None, row.pauses.split("; ")):
        since, until = text.split(" > ")
        mode: Any = until[21:] or "resume"
        yield Pause(since=moment(since), until=moment(until[:20]), reason="wait", mode=mode)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.office} {row.received} {row.limit}")
def test_a_limit_ends_where_the_rules_say(row: Row) -> None:
    """Product and witness give the due instant of the table; the receipt leads from the start to it."""
    text, _, clock = row.limit.partition("; ")
    cut_off = time.fromisoformat(clock) if clock else None
    days, stops, received = calendar(row.office), list(pauses(row)), moment(row.received)

    start, limit = starts(days, received, cut_off), Limit.parse(text)
    due = due_after(days, limit, start, stops)
    assert shown(due) == row.due, row.why

    other = witness(row.office)
    begun = other.start(minute_of(received), None if cut_off is None else cut_off.hour * 60)
    plainly = [(minute_of(p.since), minute_of(p.until), p.mode) for p in stops]
    assert shown(instant_of(other.due_after(limit_of(text), begun, plainly))) == row.due, (
        f"witness: {row.why}"
    )

    lines = receipt(days, limit, start, due, stops)
    assert [lines[0].date, lines[-1].date] == [str(days.local(end).date()) for end in (start, due)]
    minutes = other.minutes(limit_of(text), begun, minute_of(due), plainly)
    assert {line.date: line.counted_minutes for line in lines if line.counted_minutes} == {
        str(day): count for day, count in minutes.items()
    }


def test_the_table_is_large_enough() -> None:
    """Every section of the table is read."""
    assert len(rows()) > 100
    assert {row.office for row in rows()} == {"vn", "half", "saturday"}
    assert sum(bool(row.pauses) for row in rows()) > 25
