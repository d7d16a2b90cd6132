"""How limits and offsets are written, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from models.base import Value
from models.limits import BadLimit, Limit, Offset
from models.refusals import BadInput, exit_code

HOUR = timedelta(hours=1)


class Sample(Value):
    """A value that holds both."""

    limit: Limit
    offset: Offset | None = None


@pytest.mark.parametrize(
    ("text", "kind", "days", "rest"),
    [
        ("1 day", "days", 1, 0 * HOUR),
        ("5 days", "days", 5, 0 * HOUR),
        ("5days", "days", 5, 0 * HOUR),
        ("0.25 day", "days", 0, 2 * HOUR),
        ("2.5 days", "days", 2, 4 * HOUR),
        ("4 hours", "hours", 0, 4 * HOUR),
        ("0.05 hours", "hours", 0, timedelta(minutes=3)),
        ("24 clock hours", "clock hours", 0, 24 * HOUR),
        ("30 calendar days", "calendar days", 30, 0 * HOUR),
        ("30.0 calendar days", "calendar days", 30, 0 * HOUR),
        ("same day", "same day", 0, 0 * HOUR),
        ("  same   day ", "same day", 0, 0 * HOUR),
    ],
)
def test_a_limit_is_read(text: str, kind: str, days: int, rest: timedelta) -> None:
    """Kind, whole days and rest of each way of writing a limit."""
    limit = Limit.parse(text)
    assert (limit.kind, limit.days, limit.rest, limit.until) == (kind, days, rest, None)
    assert str(limit) == " ".join(text.split())


def test_a_fixed_instant_is_read_as_utc() -> None:
    """`until` keeps its text and gives the instant; `fixed` writes one."""
    limit = Limit.parse("until 2026-01-31T17:00:00+07:00")
    assert limit.until == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert Limit.fixed(datetime.fromisoformat("2026-01-31T17:00:00+07:00")).until == limit.until


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 days", "more than zero"),
        ("0.0 hours", "more than zero"),
        ("-1 day", "more than zero"),
        ("abc", "Write it like"),
        ("", "Write it like"),
        ("5", "Write it like"),
        ("5 weeks", "Write it like"),
        ("1e3 days", "Write it like"),
        ("1,5 days", "Write it like"),
        ("nan days", "Write it like"),
        ("Same Day", "Write it like"),
        ("5 days or so", "Write it like"),
        ("0.001 days", "whole minutes"),
        ("0.333 hours", "whole minutes"),
        ("0.01 clock hours", "whole minutes"),
        ("1.5 calendar days", "whole"),
        ("10001 days", "mistake"),
        (f"{'9' * 40} hours", "mistake"),
        ("until 2026-01-31T17:00:00", "offset"),
        ("until tomorrow", "Write the instant"),
        ("until ", "Write it like"),
        ("until 0001-01-01T00:00:00+07:00", "No calendar"),
    ],
)
def test_a_limit_that_cannot_be_counted_is_bad_input(text: str, reason: str) -> None:
    """Each is refused with a reason for people, and exit code 2."""
    with pytest.raises(BadLimit, match=reason) as caught:
        Limit.parse(text)
    assert isinstance(caught.value, BadInput)
    assert exit_code(caught.value) == 2


@pytest.mark.parametrize(
    ("text", "days", "rest"),
    [
        ("0", 0, 0 * HOUR),
        ("-1 day", -1, 0 * HOUR),
        ("+1 day", 1, 0 * HOUR),
        ("-1.5 days", -1, -4 * HOUR),
        ("+4 hours", 0, 4 * HOUR),
    ],
)
def test_an_offset_is_read(text: str, days: int, rest: timedelta) -> None:
    """Signed days and hours of working time, and taken several times."""
    offset = Offset.parse(text)
    assert offset.times(1) == (days, rest)
    assert offset.times(3) == (3 * days, 3 * rest)


@pytest.mark.parametrize("text", ["", "abc", "1 clock hour", "-2 calendar days", "0.001 day", "+99999 days"])
def test_a_bad_offset_is_refused(text: str) -> None:
    """Only working days and hours shift an alarm, by whole minutes and within reason."""
    with pytest.raises(BadLimit):
        Offset.parse(text)


def test_limits_are_equal_when_written_alike() -> None:
    """Equality and hash go by the text; a limit is never equal to an offset."""
    assert Limit.parse("5  days") == Limit.parse("5 days")
    assert len({Limit.parse("5 days"), Limit.parse(" 5 days "), Limit.parse("40 hours")}) == 2
    assert Limit.parse("1 day") != Offset.parse("1 day")
    assert Limit.parse("1 day") != "1 day"
    assert repr(Limit.parse("1 day")) == "Limit('1 day')"


def test_limits_survive_json() -> None:
    """In JSON a limit is its text, within a model and alone."""
    sample = Sample(limit=Limit.parse("2.5 days"), offset=Offset.parse("-1 day"))
    assert sample.model_dump_json() == '{"limit":"2.5 days","offset":"-1 day"}'
    assert Sample.model_validate_json(sample.model_dump_json()) == sample
    again = TypeAdapter(Limit).validate_json('"until 2026-01-31T17:00:00+07:00"')
    assert again == Limit.parse("until 2026-01-31T17:00:00+07:00")


@pytest.mark.parametrize("bad", ['{"limit": "0 days"}', '{"limit": 5}', '{"limit": null}', "{}"])
def test_bad_json_names_the_key(bad: str) -> None:
    """A wrong limit in data is a validation error at its key."""
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate_json(bad)
    assert caught.value.errors()[0]["loc"] == ("limit",)
