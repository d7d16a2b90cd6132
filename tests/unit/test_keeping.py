"""For how long personal data stays: periods of years after the day on which a dossier ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.keeping import Ended, Keeping
from tests.running import CATALOGUE

CALENDAR = CATALOGUE.calendar("vn")


def over(ended: date, years: int, today: date) -> bool:
    """Whether what ended at noon of a day may go when a day begins."""
    keeping = Keeping(paper="TT 1", years=years)
    before = keeping.ended(today, CALENDAR).others
    assert before is not None
    return CALENDAR.instant(ended, time(12)) < before


@pytest.mark.parametrize(
    ("ended", "years", "first"),
    [
        ("2016-03-02", 10, "2026-03-03"),
        ("2016-12-31", 10, "2027-01-01"),
        ("2016-02-29", 10, "2026-03-01"),
        ("2016-02-28", 8, "2024-02-29"),
        ("2016-02-29", 8, "2024-03-01"),
        ("2023-02-28", 1, "2024-03-01"),  # a day late: on 29 February a year ago is 28 February
        ("2024-02-29", 1, "2025-03-01"),
        ("2024-02-28", 1, "2025-03-01"),
    ],
)
def test_the_first_day_on_which_it_may_go(ended: str, years: int, first: str) -> None:
    """Counted by hand: the period has passed wholly, and no day earlier."""
    day = date.fromisoformat(first)
    assert over(date.fromisoformat(ended), years, day)
    assert not over(date.fromisoformat(ended), years, day - timedelta(days=1))


@given(
    st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    st.integers(1, 60),
    st.integers(-3, 3),
)
def test_never_too_early_and_at_most_two_days_late(ended: date, years: int, days: int) -> None:
    """By months and days alone: (year + n, month, day) lies behind it."""
    full = (ended.year + years, ended.month, ended.day)
    today = date(ended.year + years, ended.month, min(ended.day, 28)) + timedelta(days=days)
    if over(ended, years, today):
        assert (today.year, today.month, today.day) > full
    late = today - timedelta(days=2)
    if (late.year, late.month, late.day) > full:
        assert over(ended, years, today)


def test_each_procedure_has_its_own() -> None:
    """Longer, shorter, or for ever; and without a number for the others they all stay."""
    keeping = Keeping(paper="TT 1", procedures={"a": 5, "b": "permanent"})
    ended = keeping.ended(date(2026, 11, 28), CALENDAR)
    assert ended.others is None
    assert ended.procedures["a"] == datetime(2021, 11, 27, 17, tzinfo=UTC)
    assert ended.procedures["b"] < datetime(1900, 1, 2, tzinfo=UTC)
    assert Keeping(paper="x", years=150).ended(date(2026, 1, 1), CALENDAR).others == ended.procedures["b"]


def test_what_also_ended_before_a_moment() -> None:
    """Neither the list nor the moment is passed by."""
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    early, late = datetime(2010, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    assert Ended({"a": early, "b": late}, late).and_before(moment) == Ended({"a": early, "b": moment}, moment)
    assert Ended({}, None).and_before(moment) == Ended({}, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"years": 0},
        {"years": -1},
        {"years": 151},
        {"years": 2.5},
        {"years": "10"},
        {"years": True},
        {"procedures": {"a": "for ever"}},
        {"procedures": {"a": 0}},
        {"paper": ""},
        {"paper": "Bà <An>"},
        {"period": 3},
    ],
)
def test_what_is_no_period(wrong: dict[str, object]) -> None:
    """A slip of the pen must not erase anything."""
    with pytest.raises(ValidationError):
        Keeping.model_validate({"paper": "TT 1", **wrong})
