"""People's own words reach the terminal as they are, each line as one line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.facts import Extended
from models.limits import Limit
from motcua.cli import printing
from motcua.cli.looking import _gist
from tests.unit.office import CALENDAR

WORDS = [
    "[mẫu] Hộ kinh doanh",
    "xem [/2]",
    "[red]",
    "gửi :smile:",
    "[link=https://a.example]a[/link]",
    "\\[x]",
]


@pytest.mark.parametrize("text", WORDS)
def test_words_that_look_like_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In title, head and cells of a table and in a line: nothing is styled, replaced or refused."""
    printing.table(text, [text], [[text]])
    printing.to_stderr(f"warning: {text}")
    shown = capsys.readouterr()
    assert shown.out.count(text) == 3
    assert shown.err == f"warning: {text}\n"


def test_a_long_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe has no width: a warning that is broken could not be read by the line."""
    text = "từ " * 100 + "hết"
    printing.to_stderr(text)
    assert capsys.readouterr().err == f"{text}\n"


def test_moments_within_facts_and_limits_are_office_time() -> None:
    """`show` and `receipt` named the day before: a fact's words and a limit's text are UTC."""
    at = datetime(2026, 12, 4, 17, 30, tzinfo=UTC)
    assert printing.shown(CALENDAR, Limit.fixed(at)) == "until 2026-12-05 00:30"
    assert printing.shown(CALENDAR, Limit.parse("5 days")) == Limit.parse("5 days")
    extended = Extended(promised_at=at, reason=None, legal_basis="19(6)")
    assert _gist(CALENDAR, extended) == "promised_at=2026-12-05 00:30  legal_basis=19(6)"


@pytest.mark.parametrize(
    "cell",
    [
        datetime(2026, 12, 4, 17, 30, tzinfo=UTC),
        "due 2026-12-04 17:30:00+00:00",
        Limit.parse("until 2026-12-04T17:30:00Z"),
    ],
)
def test_a_table_shows_no_utc(cell: object) -> None:
    """Whatever kind of value it stands in."""
    with pytest.raises(AssertionError, match="office_time"):
        printing.table("", ["a"], [[cell]])
