"""Whatever date is typed: it is refused at once, or the dossier with it can be recorded and goes on."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.base import Reference
from models.calendar import Calendar
from models.commands import Command, File, SimulatedTime
from models.dossier import Dossier
from models.fold import fold
from models.procedure import Procedure
from models.refusals import Problem
from models.rules import decide
from models.view import DossierRow, row
from motcua.forms import InvalidCommand, InvalidSubmission, read_command, read_submission
from tests.unit.office import CALENDAR_DATA, STAFF, at, procedure

ZONES = ("Asia/Ho_Chi_Minh", "America/New_York", "Pacific/Kiritimati")
CALENDARS = [Calendar.model_validate({**CALENDAR_DATA, "zone": zone}) for zone in ZONES]
OPEN_ENDED = procedure(limit=None)
NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)
EDGES = [
    "2200-12-31T23:30:00+00:00",
    "2200-12-31T23:59:59.999999+00:00",
    "2200-12-31T23:59:59-12:00",
    "2200-12-31T12:00",
    "2200-12-31",
    "2200-01-01",
    "2199-12-31T23:59:59-12:00",
    "2199-12-31T23:59:59.999999",
    "2199-12-31",
    "2101-01-01T00:00",
    "2026-12-31T23:59:59.999999",
    "2026-12-31",
    "1901-01-01T00:00:00+14:00",
    "1900-01-01T00:00:00+07:00",
    "1900-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
]
TYPED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "accept": ("receiver1", "due", {}),
    "extend": ("leader1", "until", {"reason": "x"}),
    "apologise": ("leader1", "until", {}),
    "acknowledge": ("leader1", "until", {}),
    "request-supplement": ("handler1", "limit", {"reason": "x"}),
    "consult": ("handler1", "limit", {"agency": "tax"}),
    "outage": ("admin1", "until", {"since": "2026-03-02", "notice": "12/TB"}),
    "observe": ("admin1", "said_at", {"label": "x"}),
}


def ask(d: Dossier, kind: str, who: str, now: datetime, **data: Any) -> Dossier:
    """The dossier after a command, read as `act` reads it."""
    command, _ = read_command(d.code, kind, STAFF[who], data, f"{kind}-{d.seq}", d.calendar)
    return done(d, command, now)


def done(d: Dossier, command: Command, now: datetime) -> Dossier:
    """The dossier after a command, which its row can keep."""
    facts = decide(d, command, now)
    after = fold(d, facts)
    assert DossierRow.model_validate_json(row(after).model_dump_json()) == row(after)
    assert Dossier.model_validate_json(after.model_dump_json()) == after
    after.next_call()
    return after


def filed(calendar: Calendar, rules: Procedure) -> Dossier:
    """A dossier just taken in."""
    empty = Dossier(code="H53-260302-0001", office="demo", procedure=rules, calendar=calendar)
    nobody = Reference(id="x", hash="")
    filing = File(id="f", actor=STAFF["receiver1"], channel="counter", unit="demo", applicant=nobody)
    return done(empty, filing, NOW)


def lived(calendar: Calendar, kind: str, text: str) -> None:
    """Type a date into a command of an open dossier, then ask for all that could stumble over it."""
    who, field, more = TYPED[kind]
    rules = OPEN_ENDED if kind == "accept" else procedure(apology="-1 day", extensions=9)
    d = filed(calendar, rules)
    if kind != "accept":
        d = ask(d, "accept", "receiver1", NOW)
        d = ask(d, "complete", "receiver1", NOW)
    given = {field: f"until {text}" if field in ("due", "limit") else text, **more}
    with suppress(Problem):
        d = ask(d, kind, who, NOW, **given)
        if kind == "accept":
            d = ask(d, "complete", "receiver1", NOW)
    if kind == "extend":
        with suppress(Problem):
            d = ask(d, kind, who, NOW, **given, legal_basis="art. 19")
    if d.received_at is None or kind == "request-supplement":
        return
    # Each was refused for ever when a term of the dossier ended where no calendar reaches.
    d = ask(d, "request-supplement", "handler1", NOW, reason="x", limit="1 day")
    d = ask(d, "supply", "receiver1", NOW)
    d = ask(d, "stop", "head1", NOW, reason="x")
    ask(d, "resume", "head1", NOW)


@pytest.mark.parametrize("calendar", CALENDARS, ids=ZONES)
@pytest.mark.parametrize("text", EDGES)
@pytest.mark.parametrize("kind", TYPED)
def test_no_typed_date_makes_a_dossier_unanswerable(kind: str, text: str, calendar: Calendar) -> None:
    """`extend` until the last hour of 2200 could not be recorded, and kept out all that came after."""
    lived(calendar, kind, text)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(TYPED)), st.datetimes(), st.sampled_from(["", "Z", "-12:00", "+14:00"]))
def test_no_moment_at_all_makes_a_dossier_unanswerable(kind: str, moment: datetime, offset: str) -> None:
    """Of any year and offset."""
    lived(CALENDARS[1], kind, moment.isoformat() + offset)


@pytest.mark.parametrize(
    "text", [edge for edge in EDGES if edge[:4] in ("2200", "1900", "9999", "0001") and edge != "2200-01-01"]
)
def test_a_date_of_no_year_that_can_be_kept_is_a_wrong_field(text: str) -> None:
    """In a command's field and in a submission's, which names it; nobody is asked."""
    for kind, (who, field, more) in TYPED.items():
        value = f"until {text}" if field in ("due", "limit") else text
        with pytest.raises(InvalidCommand, match=field):
            read_command("c", kind, STAFF[who], {field: value, **more}, "r", CALENDARS[0])
    for field in ("due_at", "submitted_at"):
        data = {
            **{"request_id": "r", "procedure": "p", "channel": "counter", "unit": "u"},
            **{"applicant": {"name": "A"}, field: text},
        }
        with pytest.raises(InvalidSubmission, match=field):
            read_submission(data, CALENDARS[0])


def test_an_instant_is_judged_in_utc() -> None:
    """A moment of 1900 by its offset became one of 1899, which nothing could read again."""
    for text in ("1900-01-01T00:00:00+07:00", "2200-12-31T23:00:00-05:00", "9999-12-31T23:00:00-05:00"):
        with pytest.raises(ValidationError, match="is a mistake"):
            SimulatedTime.model_validate({"at": text})


@pytest.mark.parametrize("last", ["2200-12-31", "9999-12-31"])
def test_a_calendar_ends_before_its_days_cannot_be_kept(last: str) -> None:
    """What is due on its last day is overdue on the next."""
    with pytest.raises(ValidationError, match="1901 to 2199"):
        Calendar.model_validate({**CALENDAR_DATA, "last": last})
    assert Calendar.model_validate({**CALENDAR_DATA, "last": "2199-12-31"}).last.year == 2199


@pytest.mark.parametrize("number", [1796774400, "1796774400", "1796774400.5", 1796774400.5, True, "17967744"])
def test_a_number_is_no_moment(number: object) -> None:
    """It was taken for seconds since 1970, also in quotes."""
    for kind, field in (("extend", "until"), ("acknowledge", "until"), ("complete", "date")):
        with pytest.raises(InvalidCommand, match=field):
            read_command("c", kind, STAFF["leader1"], {field: number, "reason": "x"}, "r", CALENDARS[0])
    data = {
        "request_id": "r",
        "procedure": "p",
        "channel": "counter",
        "unit": "u",
        "applicant": {"name": "A"},
    }
    with pytest.raises(InvalidSubmission, match="due_at"):
        read_submission({**data, "due_at": number}, CALENDARS[0])
    assert read_submission({**data, "due_at": "2026-12-01T17:00"}, CALENDARS[0]).due_at == at(
        "2026-12-01 17:00"
    )
