"""Commands and submissions read from JSON: dates without a time, and limits with a fixed end."""

from __future__ import annotations

from typing import Any

import pytest

from models.base import MAX_AMOUNT
from models.commands import own_request_id
from models.refusals import BadRequestId
from motcua.forms import InvalidCommand, InvalidSubmission, read_command, read_submission
from tests.unit.office import CALENDAR, STAFF, at, local


def read(kind: str, **data: Any) -> Any:
    """A command as `act` reads it."""
    return read_command("H53-260302-0001", kind, STAFF["leader1"], data, "r", CALENDAR)[0]


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-03-06", "2026-03-06 17:00"),
        ("2026-02-13", "2026-02-13 11:30"),  # half a day
        ("2026-03-07", "2026-03-07 23:59"),  # a Saturday
        ("2026-02-17", "2026-02-17 23:59"),  # Tết
        ("2031-03-06", "2031-03-06 23:59"),  # beyond the calendar
    ],
)
def test_a_date_without_a_time_is_the_end_of_that_office_day(day: str, end: str) -> None:
    """A promise, a rest, an outage, a limit, a due instant: each ended at the day's first moment."""
    assert local(read("extend", until=day, reason="x").until) == end
    assert local(read("apologise", until=day).until) == end
    assert local(read("acknowledge", until=day).until) == end
    outage = read("outage", since=day, until=day, notice="12/TB")
    assert (local(outage.since), local(outage.until)) == (f"{day} 00:00", end)
    for kind, field, more in (
        ("accept", "due", {}),
        ("consult", "limit", {"agency": "tax"}),
        ("request-supplement", "limit", {"reason": "x"}),
    ):
        limit = getattr(read(kind, **{field: f"until  {day}"}, **more), field)
        assert (limit.kind, local(limit.until)) == ("until", end)
    submission: dict[str, Any] = {
        "request_id": "r",
        "procedure": "usual",
        "channel": "counter",
        "unit": "demo",
        "applicant": {"name": "A"},
        "due_at": day,
        "submitted_at": day,
    }
    given = read_submission(submission, CALENDAR)
    assert (local(given.due_at), local(given.submitted_at)) == (end, f"{day} 00:00")


def test_a_time_is_office_time_unless_it_has_an_offset() -> None:
    """Also in a limit, where a time without an offset was refused."""
    for text, moment in (
        ("2026-03-06T09:30", "2026-03-06 09:30"),
        ("2026-03-06T09:30:00+00:00", "2026-03-06 16:30"),
        ("2026-03-06T00:00", "2026-03-06 00:00"),
    ):
        assert local(read("extend", until=text, reason="x").until) == moment
        assert read("accept", due=f"until {text}").due.until == at(moment)


def test_nobody_uses_up_the_id_of_a_command_that_is_to_come() -> None:
    """A note under `{child}/5` kept the word of a linked dossier from its parent for ever."""
    for given in ("H53-260302-0001/5", "H53-260302-0001/opened", "calendar/tet/apply/H53-260302-0001", "/"):
        with pytest.raises(BadRequestId, match="slash"):
            own_request_id(given)
    assert own_request_id("the auditor's own: 7#a~b") == "the auditor's own: 7#a~b"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("request-payment", {"amount": "999"}),
        ("request-payment", {"amount": True}),
        ("request-payment", {"amount": 999.0}),
        ("pay", {"amount": "999", "receipt": "1"}),
        ("pay", {"amount": 999, "receipt": 1}),
        ("rate", {"score": "5"}),
        ("rate", {"score": True}),
        ("note", {"text": "x", "seen": True}),
        ("note", {"text": "x", "seen": "1"}),
        ("claim", {"task": "1"}),
        ("claim", {"task": True}),
        ("acknowledge", {"until": "2026-03-06", "term": "1"}),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, data: dict[str, Any]) -> None:
    """Text and true were taken for the numbers that they look like."""
    with pytest.raises(InvalidCommand, match="valid"):
        read(kind, **data)


@pytest.mark.parametrize("more", [{"sets": "2"}, {"sets": True}, {"sets": 1.0}, {"sets": 100}])
def test_a_submission_takes_no_number_for_another(more: dict[str, Any]) -> None:
    """How many sets of papers, say."""
    applicant = {"name": "A"}
    given = {"request_id": "r", "procedure": "p", "channel": "counter", "unit": "u", "applicant": applicant}
    assert read_submission({**given, "sets": 2}, CALENDAR).sets == 2
    with pytest.raises(InvalidSubmission, match="sets"):
        read_submission({**given, **more}, CALENDAR)


def test_a_payment_has_an_upper_bound() -> None:
    """One of 10^30 đồng was recorded, and then no page with it could be shown."""
    for kind, more in (("request-payment", {}), ("pay", {"receipt": "1"})):
        assert read(kind, amount=MAX_AMOUNT, **more).amount == MAX_AMOUNT
        for wrong in (MAX_AMOUNT + 1, 10**30, 0, -1):
            with pytest.raises(InvalidCommand, match="amount"):
                read(kind, amount=wrong, **more)
