"""How due instants came about: each term with its days, pauses, promises and calendars, and who did it."""

from __future__ import annotations

from models.explanation import Explained, explained
from tests.unit.office import CALENDAR_DATA, Case, at, calendar, local, special, stage

EXTRA = special("2026-03-06", "holiday", "new feast")
AMENDED = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], {**EXTRA, "provisional": True}])


def terms(case: Case) -> dict[str, Explained]:
    """What is said of each term, by its kind and name."""
    return {f"{term.of} {term.name}": term for term in explained(case.empty, case.facts)}


def test_every_term_is_explained() -> None:
    """Open or closed, each from its start to its due instant."""
    found = terms(stage("handling"))
    assert list(found) == ["intake intake", "dossier dossier", "step digitise", "step handle"]
    whole = found["dossier dossier"]
    assert (str(whole.limit), local(whole.started_at), local(whole.due_at)) == (
        "5 days",
        "2026-03-02 08:00",
        "2026-03-09 08:00",
    )
    assert [day.date for day in whole.days] == [f"2026-03-0{day}" for day in range(2, 10)]
    assert local(found["step digitise"].closed_at) == "2026-03-02 08:00"
    assert found["step handle"].closed_at is None
    assert not whole.provisional


def test_a_pause_is_told_with_who_and_why() -> None:
    """Asked by the handler, supplied by the citizen; the outage by its announcement."""
    case = stage("handling", "@ 2026-03-03 10:00", "handler1 request-supplement")
    lasting = terms(case)["dossier dossier"]
    assert lasting.paused
    assert [(p.reason, p.by, p.until, p.ended_by, p.mode) for p in lasting.pauses] == [
        ("supplement", "handler1", None, None, None)
    ]
    case.run("@ 2026-03-03 14:30", "citizen1 supply", "@ 2026-03-03 17:00")
    case.do("admin1 outage", since=at("2026-03-03 08:00"), until=at("2026-03-03 12:00"))
    found = terms(case)["dossier dossier"]
    assert not found.paused
    assert [(p.reason, p.by, p.ended_by, p.notice, local(p.until)) for p in found.pauses] == [
        ("outage", "admin1", "admin1", "12/TB", "2026-03-03 10:00"),
        ("supplement", "handler1", "citizen1", None, "2026-03-03 14:30"),
    ]
    (day,) = [day for day in found.days if day.date == "2026-03-03"]
    assert "paused: outage, supplement" in day.why


def test_an_amended_calendar_is_told_with_its_decree() -> None:
    """The open terms that it moved say so; what was closed before is explained by its own calendar."""
    case = stage("handling", "@ 2026-03-05 08:00")
    case.do("admin1 amend-calendar", calendar=AMENDED, decree="12/2026")
    found = terms(case)
    (change,) = found["dossier dossier"].amendments
    assert (change.decree, change.calendar, change.by) == ("12/2026", "vn-2026b", "admin1")
    assert (change.seq, local(change.due_at)) == (case.facts[-1].seq, "2026-03-10 08:00")
    assert found["dossier dossier"].provisional
    (day,) = [day for day in found["dossier dossier"].days if day.date == "2026-03-06"]
    assert (day.counted_minutes, day.source, day.provisional) == (0, "decree on new feast", True)
    assert not found["step handle"].amendments
    late = stage("handling", "@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-06 08:00", "head1 resume")
    late.run("@ 2026-03-10 08:00", "handler1 complete")
    late.do("admin1 amend-calendar", calendar=AMENDED, decree="12/2026")
    (day,) = [day for day in terms(late)["step handle"].days if day.date == "2026-03-06"]
    assert day.counted_minutes > 0


def test_a_promise_is_told() -> None:
    """With its basis where it moved the due instant, and without where it moved nothing."""
    case = stage("handling", "leader1 extend until=2026-03-20T02:00:00Z legal_basis=art.19")
    found = terms(case)
    (promise,) = found["dossier dossier"].promises
    assert (promise.by, promise.legal_basis, promise.moved) == ("leader1", "art.19", True)
    assert local(found["dossier dossier"].due_at) == local(promise.promised_at) == "2026-03-20 09:00"
    assert found["dossier dossier"].days[-1].date == "2026-03-20"
    assert found["step handle"].promises == ()
    only = stage("handling", "leader1 extend until=2026-03-20T02:00:00Z")
    (promise,) = terms(only)["dossier dossier"].promises
    assert (promise.legal_basis, promise.moved) == (None, False)


def test_a_term_closed_during_its_pause() -> None:
    """Withdrawn while the applicant was waited for: the pause is told and has no end."""
    case = stage("handling", "handler1 request-supplement", "@ 2026-03-04 08:00", "citizen1 withdraw")
    found = terms(case)["dossier dossier"]
    assert (found.paused, [(p.reason, p.until) for p in found.pauses]) == (False, [("supplement", None)])


def test_nested_waits_are_told_day_by_day() -> None:
    """They were one pause, told by the last of them; each day says what it waited for."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement")
    case.run("@ 2026-03-05 08:00", "receiver1 request-payment", "@ 2026-03-06 08:00", "citizen1 supply")
    case.run("@ 2026-03-09 08:00", "citizen1 pay")
    found = terms(case)["dossier dossier"]
    whys = {day.date: day.why for day in found.days}
    assert "paused: supplement" in whys["2026-03-03"]
    assert "paused: supplement, supplement and payment" in whys["2026-03-05"]
    assert "paused: supplement and payment, payment" in whys["2026-03-06"]
    assert local(found.due_at) == case.due == "2026-03-13 08:00"


def test_an_extended_term_keeps_its_derivation() -> None:
    """Each day said no more than “counted”, and where the limit itself ended was lost."""
    case = stage("handling", "@ 2026-03-05 08:00")
    case.do("leader1 extend", until=at("2026-03-11 09:00"), legal_basis="art. 9")
    days = {day.date: day for day in terms(case)["dossier dossier"].days}
    assert [days[f"2026-03-{day}"].why for day in ("02", "03", "07", "09", "10", "11")] == [
        "starting day",
        "working day 1 of 5",
        "weekend",
        "working day 5 of 5",
        "extended: counted",
        "extended: ends at a fixed instant",
    ]
    assert days["2026-03-09"].counted_minutes == 480
    assert sum(day.counted_minutes for day in days.values()) == 7 * 480 + 60
