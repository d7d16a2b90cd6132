"""Receipts: each day from a start to a due instant, with the minutes counted on it and why."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given

from models.calendar import Calendar
from models.limits import Limit
from models.terms import Pause, ReceiptLine, due_after, receipt, starts
from tests.deadlines import Office
from tests.unit.office import CALENDAR, CALENDAR_DATA, at, calendar
from tests.unit.test_term_algebra import (
    cut_offs,
    hour_limits,
    limit_of,
    limits,
    minutes,
    moment,
    offices,
    pauses_from,
    quick,
    waits,
)


def lines_of(limit: str, start: str, *pauses: Pause, days: Calendar = CALENDAR) -> list[ReceiptLine]:
    """The receipt of a limit from an office time."""
    begun, parsed = at(start), Limit.parse(limit)
    return receipt(days, parsed, begun, due_after(days, parsed, begun, pauses), pauses)


def told(lines: list[ReceiptLine]) -> list[tuple[str, int, str]]:
    """Day of the month, minutes and reason of each line."""
    return [(line.date[5:], line.counted_minutes, line.why) for line in lines]


def pause(
    since: str, until: str, reason: str = "supplement", mode: Literal["resume", "restart"] = "resume"
) -> Pause:
    """A pause between office times."""
    return Pause(since=at(since), until=at(until), reason=reason, mode=mode)


def test_a_limit_in_hours() -> None:
    """Half day, weekend, holidays with their decree, and a pause each have a line that says so."""
    stop = pause("2026-02-23 09:00", "2026-02-24 07:30")
    lines = lines_of("12.5 hours", "2026-02-12 16:00", stop)
    assert told(lines) == [
        ("02-12", 60, "counted"),
        ("02-13", 270, "half-day: year-end closing"),
        ("02-14", 0, "weekend"),
        ("02-15", 0, "weekend"),
        *((f"02-{day}", 0, "holiday: Tết") for day in range(16, 21)),
        ("02-21", 0, "weekend"),
        ("02-22", 0, "weekend"),
        ("02-23", 120, "paused: supplement"),
        ("02-24", 300, "paused: supplement"),
    ]
    assert {line.source for line in lines if line.why.startswith("holiday")} == {"decree on Tết"}


def test_a_limit_in_days_numbers_them() -> None:
    """The day of the start is none of them; a half day and a made-up day are whole ones."""
    assert told(lines_of("2.5 days", "2026-02-11 09:00")) == [
        ("02-11", 360, "starting day"),
        ("02-12", 480, "working day 1 of 2.5"),
        ("02-13", 270, "half-day: year-end closing; working day 2 of 2.5"),
        *[("02-14", 0, "weekend"), ("02-15", 0, "weekend")],
        *((f"02-{day}", 0, "holiday: Tết") for day in range(16, 21)),
        *[("02-21", 0, "weekend"), ("02-22", 0, "weekend")],
        ("02-23", 90, "counted"),
    ]
    assert told(lines_of("2 days", "2026-01-08 07:00"))[1:] == [
        ("01-09", 480, "working day 1 of 2"),
        ("01-10", 0, "make-up: New Year swap; working day 2 of 2"),
    ]


def test_a_pause_puts_the_numbers_off() -> None:
    """A day is numbered where a limit of so many days would end with the same pauses."""
    stop = pause("2026-03-05 15:00", "2026-03-10 10:00", "payment")
    assert told(lines_of("5 days", "2026-03-02 09:00", stop)) == [
        ("03-02", 360, "starting day"),
        ("03-03", 480, "working day 1 of 5"),
        ("03-04", 480, "working day 2 of 5"),
        ("03-05", 360, "paused: payment; working day 3 of 5"),
        ("03-06", 0, "paused: payment"),
        ("03-07", 0, "weekend; paused: payment"),
        ("03-08", 0, "weekend; paused: payment"),
        ("03-09", 0, "paused: payment"),
        ("03-10", 300, "paused: payment; working day 4 of 5"),
        ("03-11", 420, "working day 5 of 5"),
    ]


def test_clock_hours_count_the_night_and_roll_forward() -> None:
    """Elapsed minutes add up to the limit; from there it rolls to the next opening."""
    assert told(lines_of("24 clock hours", "2026-03-06 10:00")) == [
        ("03-06", 840, "counted around the clock"),
        ("03-07", 600, "weekend; counted around the clock; rolls forward to the next opening"),
        ("03-08", 0, "weekend; rolls forward to the next opening"),
        ("03-09", 0, "rolls forward to the next opening"),
    ]
    assert told(lines_of("24 clock hours", "2026-03-02 10:00")) == [
        ("03-02", 840, "counted around the clock"),
        ("03-03", 600, "counted around the clock"),
    ]


def test_after_a_pause_clock_hours_have_working_time_left() -> None:
    """Of the night that ran before the pause elapsed minutes are counted, after it working ones."""
    stop = pause("2026-03-06 16:30", "2026-03-09 07:30")
    assert told(lines_of("24 clock hours", "2026-03-06 16:00", stop)) == [
        ("03-06", 30, "paused: supplement; counted around the clock"),
        ("03-07", 0, "weekend; paused: supplement"),
        ("03-08", 0, "weekend; paused: supplement"),
        ("03-09", 30, "paused: supplement"),
    ]


def test_calendar_days_are_numbered_too() -> None:
    """Every day counts, weekend or not, and the last may roll."""
    assert told(lines_of("3 calendar days", "2026-03-05 10:00")) == [
        ("03-05", 840, "starting day"),
        ("03-06", 1440, "calendar day 1 of 3"),
        ("03-07", 1440, "weekend; calendar day 2 of 3"),
        ("03-08", 600, "weekend; calendar day 3 of 3; rolls forward to the next opening"),
        ("03-09", 0, "rolls forward to the next opening"),
    ]


def test_the_same_day_and_a_fixed_instant() -> None:
    """One ends at its day's closing, the other where it was fixed."""
    assert told(lines_of("same day", "2026-03-02 15:00")) == [
        ("03-02", 120, "the same day, until its closing")
    ]
    assert told(lines_of("until 2026-03-07T20:00:00+07:00", "2026-03-05 16:00")) == [
        ("03-05", 60, "counted"),
        ("03-06", 480, "counted"),
        ("03-07", 0, "weekend; ends at a fixed instant"),
    ]


def test_due_at_an_opening() -> None:
    """The last day of a term that ends at an opening counts nothing."""
    stop = pause("2026-03-02 08:00", "2026-03-03 08:00")
    assert told(lines_of("24 clock hours", "2026-03-02 07:00", stop))[-1] == (
        "03-04",
        0,
        "due at the opening",
    )


def test_a_pause_is_named_only_where_it_took_time() -> None:
    """A pause over a weekend is no reason why Friday or Monday would count less."""
    stop = pause("2026-03-06 18:00", "2026-03-09 06:30", mode="restart")
    assert told(lines_of("8 hours", "2026-03-06 09:00", stop)) == [
        ("03-06", 360, "counted"),
        ("03-07", 0, "weekend"),
        ("03-08", 0, "weekend"),
        ("03-09", 120, "counted"),
    ]


def test_a_restart_throws_away_what_was_before_it() -> None:
    """Days before the resume count nothing, and say why; days are numbered from it."""
    stop = pause("2026-03-03 09:00", "2026-03-04 09:00", mode="restart")
    afresh = "not counted: starts afresh after supplement"
    assert told(lines_of("16 hours", "2026-03-02 09:00", stop)) == [
        ("03-02", 0, afresh),
        ("03-03", 0, "paused: supplement"),
        ("03-04", 360, "paused: supplement"),
        ("03-05", 480, "counted"),
        ("03-06", 120, "counted"),
    ]
    assert told(lines_of("2 days", "2026-03-02 09:00", stop)) == [
        ("03-02", 0, afresh),
        ("03-03", 0, "paused: supplement"),
        ("03-04", 360, "paused: supplement; starting day"),
        ("03-05", 480, "working day 1 of 2"),
        ("03-06", 120, "working day 2 of 2"),
    ]


def test_a_pause_that_came_too_late_is_no_part_of_it() -> None:
    """What did not move the due instant explains nothing."""
    late = pause("2026-03-03 09:00", "2026-03-04 09:00", mode="restart")
    assert told(lines_of("4 hours", "2026-03-02 08:00", late)) == [("03-02", 240, "counted")]


def test_seconds_are_carried_on() -> None:
    """A start in the middle of a minute loses none: 239 minutes would be no four hours."""
    start, limit = at("2026-03-02 15:00") + timedelta(seconds=30.5), Limit.parse("4 hours")
    lines = receipt(CALENDAR, limit, start, due_after(CALENDAR, limit, start, ()))
    assert told(lines) == [("03-02", 119, "counted"), ("03-03", 121, "counted")]


def test_a_computed_feast_is_provisional() -> None:
    """What is not announced is marked on its own day only."""
    feast = {**CALENDAR_DATA["special"][0], "date": "2026-03-03", "provisional": True}
    days = calendar(special=[*CALENDAR_DATA["special"], feast])
    lines = lines_of("2 days", "2026-03-02 09:00", days=days)
    assert [line.provisional for line in lines] == [False, True, False, False]


# Invariants


def reasons(office: Office, lines: list[ReceiptLine]) -> None:
    """Days follow each other, each has a reason, and a closed one says why it is closed."""
    for number, line in enumerate(lines):
        day = date.fromisoformat(line.date)
        assert day == date.fromisoformat(lines[0].date) + timedelta(days=number)
        assert line.why
        special = office.calendar.special_day(day)
        assert line.source == (special.source if special else None)
        if special is not None:
            assert line.why.startswith(f"{special.kind}: {special.name}")
        elif not office.calendar.hours(day):
            assert line.why.startswith(("weekend", "closed"))
        else:
            assert not line.why.startswith(("weekend", "closed"))


@quick
@given(offices(), minutes, limits, waits, cut_offs)
def test_a_receipt_leads_from_the_start_to_the_due_instant(
    office: Office, received: int, limit: str, waited: list[Any], cut_off: time | None
) -> None:
    """First line the day of the start, last that of the due instant, no day without a reason."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received), cut_off)
    pauses = pauses_from(start, waited)
    end = due_after(days, parsed, start, pauses)
    lines = receipt(days, parsed, start, end, pauses)
    assert lines[0].date == str(days.local(start).date())
    assert lines[-1].date == str(days.local(end).date())
    reasons(office, lines)
    for stop in pauses:
        for line in lines:
            if _takes_time(days, stop, date.fromisoformat(line.date), start, end):
                assert f"paused: {stop.reason}" in line.why


def _takes_time(days: Calendar, stop: Pause, day: date, start: datetime, end: datetime) -> bool:
    midnight, next_midnight = (days.instant(day + timedelta(days=n), time(0)) for n in (0, 1))
    since, until = max(stop.since, midnight, start), min(stop.until, next_midnight, end)
    return stop.mode != "none" and bool(days.between(since, until))


@quick
@given(offices(), minutes, hour_limits, waits)
def test_minutes_sum_to_a_limit_in_hours(
    office: Office, received: int, limit: str, waited: list[Any]
) -> None:
    """However a term was paused or restarted, the days of its receipt add up to the hours of its limit."""
    days, parsed = office.calendar, Limit.parse(limit)
    start = starts(days, moment(office, received) + timedelta(seconds=17))
    pauses = pauses_from(start, waited)
    end = due_after(days, parsed, start, pauses)
    lines = receipt(days, parsed, start, end, pauses)
    assert sum(line.counted_minutes for line in lines) == parsed.rest / timedelta(minutes=1)


@quick
@given(offices(), minutes, limits)
def test_elapsed_limits_count_every_minute(office: Office, received: int, limit: str) -> None:
    """Clock hours add up to the limit; days of the calendar and working days to their own number."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received))
    lines = receipt(days, parsed, start, due_after(days, parsed, start, ()))
    counted = sum(line.counted_minutes for line in lines)
    if parsed.kind == "clock hours":
        assert counted == parsed.rest / timedelta(minutes=1)
    elif parsed.kind in ("days", "calendar days") and parsed.days:
        kind = "working" if parsed.kind == "days" else "calendar"
        numbered = [line for line in lines if f"{kind} day " in line.why]
        assert [f"{kind} day {n} of" in line.why for n, line in enumerate(numbered, 1)] == [
            True
        ] * parsed.days
    if parsed.kind == "days":
        end = due_after(days, parsed, start, ())
        assert counted == days.between(start, end) / timedelta(minutes=1)


@pytest.mark.parametrize("limit", ["1 day", "1 hour", "1 clock hour", "1 calendar day", "same day"])
def test_a_receipt_of_one_limit_is_never_empty(limit: str) -> None:
    """Every kind has its line on the day of the start."""
    assert lines_of(limit, "2026-03-02 09:00")[0].counted_minutes > 0
